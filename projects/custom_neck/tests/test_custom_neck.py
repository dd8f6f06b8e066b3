"""The guide's neck (docs/custom_modules.md) trains, predicts and streams."""
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS

from mmpose_tdmi.apis import init_pose_model
from mmpose_tdmi.datasets.converters import convert_posetrack18
from mmpose_tdmi.video import TrackedBox, TrackedFrame
from mmpose_tdmi.video.streaming import StreamingPoseEstimator
from projects.synthetic.official.writing import write_official_set

NAME = 'frame_attention_hrnet-light_synthetic-96x64.py'


@pytest.fixture(scope='module')
def config(repository, tmp_path_factory):
    """The example's config on a tiny set, for one iteration."""
    folder = repository / 'projects' / 'custom_neck'
    root = tmp_path_factory.mktemp('posetrack18')
    write_official_set(root, 'posetrack18')
    convert_posetrack18(root, 'train')
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        config = Config.fromfile(str(folder / NAME))
        init_default_scope('mmpose')
        config.work_dir = str(root / 'work')
        config.launcher = 'none'
        loader = config.train_dataloader
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(
            data_root=f'{root}/',
            ann_file='annotations/posetrack18_train.json',
            indices=2)
        config.train_cfg = dict(by_epoch=True, max_epochs=1)
        for split in ('val', 'test'):
            for part in ('dataloader', 'evaluator', 'cfg'):
                config[f'{split}_{part}'] = None
        yield config
        sys.modules.pop('frame_attention', None)
        MODELS.module_dict.pop('FrameAttentionNeck', None)


@pytest.fixture(scope='module')
def checkpoint(config):
    Runner.from_cfg(config).train()
    path, = Path(config.work_dir).glob('*.pth')
    return path


def test_one_step_moves_the_gate(config, checkpoint):
    """The gate starts at zero and has a gradient all the same."""
    state = torch.load(checkpoint, weights_only=True)['state_dict']
    assert state['neck.gate'].abs().max() > 0
    fresh = MODELS.build(config.model).state_dict()
    assert fresh['neck.gate'].abs().max() == 0


def test_a_closed_gate_is_the_single_frame(config):
    neck = MODELS.build(config.model.neck)
    maps = torch.rand(10, 16, 4, 6)
    assert torch.equal(neck((maps, ))[0], maps[2::5])


def test_it_streams(config, checkpoint):
    """Each frame goes through the backbone once, without further code."""
    config = Config(config.to_dict())
    config.test_dataloader = config.train_dataloader
    config.test_dataloader.dataset.pipeline = config.val_pipeline
    model = init_pose_model(config, str(checkpoint), 'cpu')
    image = torch.randint(0, 256, (96, 96, 3), dtype=torch.uint8).numpy()
    box = TrackedBox(0, (20., 10., 70., 90.), 1.)
    frames = [TrackedFrame(i, i / 25, image, [box]) for i in range(6)]
    estimator = StreamingPoseEstimator(model)
    poses = list(estimator.iterate_poses(frames))
    assert [len(frame.persons) for frame in poses] == [1] * 6
    assert estimator.stats.passes_per_person_frame == 1
