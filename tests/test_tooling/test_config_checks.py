"""The config checks: fine ones pass, each mistake is found."""
import re
from pathlib import Path

import pytest
from mmengine.config import Config

from mmpose_tdmi.tooling.config_checks import (ERROR, check_config, check_data,
                                               check_model)

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(
    path for folder in ('tdmi', 'rivals', 'ablations')
    for path in (ROOT / 'configs' / folder).rglob('*.py')
    if re.search(r'_\d+xb\d+-\d+e_', path.name))
PIPELINE = 'train_dataloader.dataset.pipeline'
TEST_PIPELINE = 'test_dataloader.dataset.pipeline'


def test_no_config_of_ours_has_a_finding():
    assert len(CONFIGS) > 40
    found = {
        path.name: list(map(str, check_config(Config.fromfile(str(path)))))
        for path in CONFIGS
    }
    # whose authors normalised BGR by the statistics of RGB
    as_released = {
        name: len(findings)
        for name, findings in found.items()
        if re.match('(poseidon|temporal-attention)_.*_released', name) and all(
            'bgr_to_rgb' in finding for finding in findings)
    }
    assert as_released and set(as_released.values()) == {1}
    assert {
        name: findings
        for name, findings in found.items()
        if findings and name not in as_released
    } == {}


@pytest.mark.parametrize('change, key, words', [
    ({'custom_imports.imports': ['x']}, 'custom_imports', 'mmpose_tdmi'),
    ({'default_scope': 'mmdet'}, 'default_scope', 'mmdet'),
    ({'train_dataloader.dataset.offsets': (-1, 0, 1)}, 'offsets',
     'one variable'),
    ({'model.neck.offsets': (0, -1)}, 'model.neck.offsets', 'ascending'),
    ({'model.head.visual': 'key_frame', 'model.head.visual_shortcut': 'window',
      'model.head.offsets': (-4, -2, 0, 2, 4)}, 'model.head.offsets',
     'one variable'),
    ({'model.data_preprocessor.num_frames': 3}, 'num_frames', '5 frames'),
    ({'model.data_preprocessor.type': 'PoseDataPreprocessor'},
     'data_preprocessor.type', 'swaps frames'),
    ({'model.data_preprocessor.bgr_to_rgb': False}, 'bgr_to_rgb', 'BGR'),
    ({'model.data_preprocessor.std': None}, 'mean', 'together'),
    ({f'{PIPELINE}.0.type': 'LoadImage'}, 'pipeline', 'LoadFrameSequence'),
    ({f'{PIPELINE}.1.type': 'NoSuchStep'}, 'pipeline', 'not registered'),
    ({f'{TEST_PIPELINE}.1.type': 'RandomFlip'}, 'pipeline', 'random'),
    ({f'{PIPELINE}.6.type': 'PackPoseInputs'}, 'pipeline', 'keys'),
    ({f'{PIPELINE}.5.type': 'GetBBoxCenterScale'}, 'pipeline',
     'GenerateTarget'),
    ({'test_dataloader.dataset.test_mode': False}, 'test_mode', 'True'),
    ({'model.head.decoder.sigma': 2.}, 'GenerateTarget.encoder', 'sigma'),
    ({'model.head.decoder': None}, 'decoder', 'missing'),
    ({f'{TEST_PIPELINE}.2.input_size': (96, 64)}, 'input_size',
     'width, height'),
    ({f'{TEST_PIPELINE}.2.use_udp': False}, 'use_udp', 'UDPHeatmap'),
    ({'model.test_cfg.shift_heatmap': True}, 'shift_heatmap', 'usual'),
    ({'model.head.out_channels': 14}, 'out_channels', '17 keypoints'),
    ({'train_dataloader.dataset.bbox_file': 'x'}, 'bbox_file', 'learn'),
    ({'val_dataloader.drop_last': True}, 'drop_last', 'not tested'),
    ({'test_dataloader.sampler.round_up': True}, 'round_up', 'twice'),
    ({'test_dataloader.dataset.random_range': (-3, 3)}, 'random_range',
     'training only'),
    ({'val_evaluator.ann_file': 'other.json'}, 'val_evaluator.ann_file',
     'come from'),
    ({'default_hooks.checkpoint.save_best': 'coco/AP'}, 'save_best',
     "'posetrack'"),
    ({'val_evaluator.type': 'HiEveMetric'}, 'save_best',
     "'hieve_unofficial'"),
    ({'train_dataloader.batch_size': 8}, 'batch_size', 'the name says 16'),
])  # yapf: disable
def test_each_mistake_is_found(repository, change, key, words):
    config = Config.fromfile(
        str(repository / 'configs/tdmi/synthetic/'
            'tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py'))
    config.merge_from_dict(change)
    findings = check_config(config)
    assert any(key in f.key and words in f.message for f in findings), \
        list(map(str, findings))


def test_data_and_model_are_looked_at_on_request(tiny_config, tmp_path,
                                                 run_main, capsys):
    run_main('misc/check_config.py', tiny_config, '--data', '--model')
    assert 'fine' in capsys.readouterr().out
    config = Config.fromfile(str(tiny_config))
    config.train_dataloader.dataset.ann_file = 'none.json'
    config.test_dataloader.dataset.data_prefix = dict(img='nowhere')
    config.load_from = str(tmp_path / 'none.pth')
    found = {f.key: f for f in check_data(config)}
    assert set(found) == {
        'train_dataloader.dataset.ann_file', 'test_dataloader.dataset',
        'load_from'
    }
    config.model.head.in_channels = 8
    broken, = check_model(config)
    assert broken.level == ERROR and broken.key == 'model'
    config.dump(tmp_path / 'broken.py')
    with pytest.raises(SystemExit) as end:
        run_main('misc/check_config.py', tmp_path / 'broken.py', '--data')
    assert end.value.code == 1
    assert 'none.json does not exist' in capsys.readouterr().out
