"""Configs with corrupted test clips."""
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import TRANSFORMS

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.benchmark.corruption import CORRUPTIONS, corrupted


def _config(*steps):
    pipeline = [dict(type=step) for step in steps]
    return Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))


@pytest.mark.parametrize('name', CORRUPTIONS)
def test_frames_are_corrupted_as_soon_as_they_are_loaded(name):
    config = _config('LoadFrameSequence', 'GetBBoxCenterScale')
    changed = corrupted(config, CORRUPTIONS[name])
    steps = changed.test_dataloader.dataset.pipeline
    assert len(config.test_dataloader.dataset.pipeline) == 2
    if name == 'clean':
        assert steps == config.test_dataloader.dataset.pipeline
        return
    assert [s['type'] for s in steps
            ] == ['LoadFrameSequence', 'CorruptFrames', 'GetBBoxCenterScale']
    with DefaultScope.overwrite_default_scope('mmpose'):
        TRANSFORMS.build(steps[1])


def test_pipelines_without_clips_are_refused():
    with pytest.raises(ValueError, match='LoadFrameSequence, found 0'):
        corrupted(_config('LoadImage'), CORRUPTIONS['noisy'])
