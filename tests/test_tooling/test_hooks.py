"""The visualisation and bad-case hooks in a Runner's test and training."""
import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmpose.registry import HOOKS

from mmpose_tdmi.engine.hooks import ClipBadCaseHook, ClipVisualizationHook
from .conftest import run_config


def _config(tiny_config, checkpoint=None, **hooks):
    config = Config.fromfile(str(tiny_config))
    config.load_from = checkpoint and str(checkpoint)
    for name, hook in hooks.items():
        config.default_hooks[name] = hook
    return config


def test_a_test_draws_the_clip_the_heatmaps_and_the_motion_features(
        tiny_config, tiny_training, tmp_path):
    hook = dict(
        type='ClipVisualizationHook',
        enable=True,
        interval=3,
        out_dir=str(tmp_path / 'pictures'),
        height=96,
        kpt_thr=0.)
    runner = run_config(
        _config(
            tiny_config, tiny_training / 'epoch_2.pth', visualization=hook),
        tmp_path / 'run', 'vis')
    plain = run_config(
        _config(tiny_config, tiny_training / 'epoch_2.pth'),
        tmp_path / 'plain', 'plain')
    metrics = runner.test()
    # looking does not change what is measured
    assert metrics == plain.test()
    pictures = sorted((tmp_path / 'pictures').glob('*.jpg'))
    # every third of eight persons, each under a name of its own
    assert len(pictures) == 3
    picture = cv2.imread(str(pictures[0]))
    # a row of five crops 64 wide at least, three rows of 96
    assert picture.shape[1] >= 5 * 64 and picture.shape[0] >= 3 * 96


def test_training_and_validation_pictures_go_to_the_backends(
        tiny_config, tmp_path):
    config = _config(
        tiny_config,
        visualization=dict(
            type='ClipVisualizationHook',
            enable=True,
            interval=1,
            train_interval=2,
            height=96))
    runner = run_config(config, tmp_path, 'train_vis')
    runner.train()
    folder, = tmp_path.glob('*/vis_data/vis_image')
    names = sorted(path.name for path in folder.iterdir())
    assert 'train_img_2.png' in names
    assert sum(name.startswith('val_img') for name in names) == 2
    picture = cv2.imread(str(folder / 'train_img_2.png'))
    assert picture.shape[0] >= 2 * 96 and picture.std() > 10


def test_drawing_leaves_the_training_as_it_is(tiny_config, tmp_path):
    losses = []
    for name, enable in (('on', True), ('off', False)):
        config = _config(
            tiny_config,
            visualization=dict(
                type='ClipVisualizationHook', enable=enable, train_interval=1))
        config.randomness = dict(seed=3)
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
        config.default_hooks.checkpoint.save_best = None
        runner = run_config(config, tmp_path / name, f'train_{name}')
        runner.train()
        history = runner.message_hub.get_scalar('train/loss').data[0]
        losses.append(np.array(history))
    assert np.array_equal(*losses)


@pytest.mark.parametrize('metric', ['posetrack', 'oks', 'pck'])
def test_bad_cases_are_the_worst_and_sorted(tiny_config, tiny_training,
                                            tmp_path, metric):
    hook = dict(
        type='ClipBadCaseHook',
        enable=True,
        metric=metric,
        badcase_thr=1.,
        max_cases=3,
        height=96)
    runner = run_config(
        _config(tiny_config, tiny_training / 'epoch_2.pth', badcase=hook),
        tmp_path, f'bad_{metric}')
    runner.test()
    folder, = tmp_path.glob('*/badcase')
    results = json.loads((folder / 'results.json').read_text())
    assert results['persons'] == results['scored'] == 8
    scores = [case['score'] for case in results['cases']]
    assert len(scores) == 8 and scores == sorted(scores)
    drawn = [case for case in results['cases'] if case['picture']]
    # the worst three, and their files lead with the score
    assert len(drawn) == 3
    assert max(c['score'] for c in drawn) <= min(c['score']
                                                 for c in results['cases']
                                                 if not c['picture'])
    assert {p.name
            for p in folder.glob('*.jpg')} == {c['picture']
                                               for c in drawn}


def test_detected_persons_are_compared_with_annotations(
        tiny_config, tiny_training, tiny_clips, tmp_path):
    config = _config(
        tiny_config,
        tiny_training / 'epoch_2.pth',
        badcase=dict(
            type='ClipBadCaseHook', enable=True, metric='oks', max_cases=1))
    config.test_dataloader.dataset.bbox_file = str(tiny_clips /
                                                   'annotations/boxes.json')
    config.test_dataloader.dataset.pop('indices')
    runner = run_config(config, tmp_path, 'bad_detected')
    runner.test()
    results = json.loads(
        next(tmp_path.glob('*/badcase/results.json')).read_text())
    # the box that is nobody's was seen and not scored
    assert results['scored'] == results['persons'] - 1
    assert results['cases'] and all(case['annotation']
                                    for case in results['cases'])


def test_both_are_registered_and_name_what_is_wrong():
    for hook in (ClipVisualizationHook, ClipBadCaseHook):
        assert HOOKS.get(hook.__name__) is hook
        with pytest.raises(ValueError, match='interval'):
            hook(interval=0)
        with pytest.raises(ValueError, match="'heat'"):
            hook(maps=('heat', ))
    with pytest.raises(ValueError, match='metric'):
        ClipBadCaseHook(metric='loss')
    with pytest.raises(ValueError, match='badcase_thr'):
        ClipBadCaseHook(badcase_thr=2.)
