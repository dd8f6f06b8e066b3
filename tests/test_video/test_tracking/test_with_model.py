"""Tracker, pose estimation and smoothing in a row, with a small model."""
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from mmpose_tdmi.video import StreamingPoseEstimator, TrackedFrame
from mmpose_tdmi.video.smoothing import build_smoother
from mmpose_tdmi.video.tracking import build_tracker

_spec = importlib.util.spec_from_file_location(
    'streaming_fixtures',
    Path(__file__).parents[1] / 'test_streaming' / 'conftest.py')
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

_one_thread = _fixtures._one_thread


@pytest.fixture(scope='module')
def model(repository):
    from mmengine.registry import init_default_scope
    init_default_scope('mmpose')
    return _fixtures.build_model(repository, 'hrnet')


@pytest.mark.parametrize('name', ['iou', 'oks', 'motion'])
def test_identities_of_boxes_reach_the_smoothed_poses(model, name):
    video = _fixtures.make_video(
        10, {
            0: lambda i: (10 + 2 * i, 20, 40 + 2 * i, 80),
            1: lambda i: (80 - i, 10, 110 - i, 75)
        })
    tracker = build_tracker(name, model.dataset_meta['sigmas'])
    estimator = StreamingPoseEstimator(
        model, output_motion=tracker.needs_motion)

    def tracked():
        for frame in video:
            if frame.index % 2:
                persons = tracker.carry(frame.index, frame.image)
            else:
                # the order of detections says nothing
                step = 1 if frame.index % 4 else -1
                boxes = np.array([p.bbox for p in frame.persons])[::step]
                persons = tracker.update(frame.index, boxes, np.ones(2),
                                         frame.image)
            yield TrackedFrame(frame.index, frame.timestamp, frame.image,
                               persons)

    with torch.no_grad():
        poses = ((tracker.observe(poses), image)
                 for poses, image in estimator.iterate_poses(tracked()))
        found = [
            frame for frame, _ in build_smoother('gaussian').iterate(poses)
        ]
    assert [frame.index for frame in found] == list(range(10))
    left = {
        min(frame.persons, key=lambda p: p.box.bbox[0]).box.track_id
        for frame in found[:6]
    }
    assert len(left) == 1
    assert {p.box.track_id for frame in found for p in frame.persons} == {0, 1}
    if name == 'motion':
        assert all(p.motion is not None for p in found[-1].persons)
