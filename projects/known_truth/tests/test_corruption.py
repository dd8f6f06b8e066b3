"""Configs with corrupted test clips."""
import json

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import TRANSFORMS

import mmpose_tdmi  # noqa: F401
from projects.known_truth.corruption import (CORRUPTIONS, corrupted,
                                             fewer_videos)


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


def test_some_of_the_videos(clips, tmp_path):
    """Dataset and metric agree about which."""
    path = clips.annotations('val')
    config = Config(
        dict(
            test_dataloader=dict(dataset=dict(ann_file=path.name)),
            test_evaluator=dict(ann_file=str(path))))
    changed = fewer_videos(config, 2, tmp_path)
    assert config.test_evaluator.ann_file == str(path)
    found = changed.test_evaluator.ann_file
    assert found == changed.test_dataloader.dataset.ann_file
    whole, some = (json.loads(open(p).read()) for p in (path, found))
    videos = list(dict.fromkeys(i['vid_id'] for i in whole['images']))
    assert {i['vid_id'] for i in some['images']} == {videos[0], videos[2]}
    images = {i['id'] for i in some['images']}
    assert some['annotations'] == [
        a for a in whole['annotations'] if a['image_id'] in images
    ]
    with pytest.raises(ValueError, match='has 4 videos, asked for 5'):
        fewer_videos(config, 5, tmp_path)
