"""Trackers by name, and the one that does not track."""
import numpy as np
import pytest

from mmpose_tdmi.video import FramePoses
from mmpose_tdmi.video.tracking import (TRACKERS, IoUTracker, PoseTracker,
                                        Untracked, build_tracker)

BOXES = np.array([[0, 0, 10, 10], [20, 0, 30, 10.]])


@pytest.mark.parametrize('name', TRACKERS)
def test_every_name_builds_a_tracker(name):
    if name == 'bytetrack':
        pytest.importorskip('lap')
    tracker = build_tracker(name, np.full(17, 0.05))
    found = tracker.update(0, BOXES, np.full(2, 0.9))
    assert sorted(b.track_id for b in found) == [0, 1]
    assert tracker.needs_motion is (name == 'motion')
    empty = FramePoses(0)
    if name not in ('oks', 'motion'):
        assert tracker.observe(empty) is empty


def test_options():
    tracker = build_tracker(dict(type='iou', iou_thr=0.5, max_age=7))
    assert isinstance(tracker, IoUTracker) and tracker.iou_thr == 0.5
    tracker = build_tracker(dict(type='motion', motion_weight=2.))
    assert isinstance(tracker, PoseTracker) and tracker.motion_weight == 2
    assert isinstance(build_tracker(None), Untracked)


@pytest.mark.parametrize('tracker, text', [
    ('sort', "unknown tracker 'sort', expected one of iou"),
    (dict(max_age=3), 'unknown tracker None'),
    (dict(type='iou', thr=3), "'iou' has no option thr, expected some of iou"),
    (dict(type='none', thr=3), 'expected some of none'),
])
def test_bad_settings(tracker, text):
    with pytest.raises(ValueError, match=text):
        build_tracker(tracker)


def test_settings_are_left_as_they_are():
    settings = dict(type='oks', oks_weight=1.)
    build_tracker(settings)
    assert settings == dict(type='oks', oks_weight=1.)


def test_untracked_is_somebody_else_every_time():
    tracker = Untracked()
    first = tracker.update(0, BOXES, np.full(2, 0.9))
    second = tracker.carry(1)
    third = tracker.update(2, BOXES[:1], np.full(1, 0.9))
    assert [b.track_id for b in first + second + third] == [0, 1, 2, 3, 4]
    assert [b.bbox for b in second] == [b.bbox for b in first]
    assert {b.source for b in second} == {'carried'}
    tracker.reset()
    assert tracker.carry(0) == []
