"""Identities from boxes alone, and trackers by name."""
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_tdmi.video import FramePoses
from mmpose_tdmi.video.tracking import (TRACKERS, ByteTracker, IoUTracker,
                                        PoseTracker, Untracked, build_tracker,
                                        share_inside)

IMAGE = np.zeros((480, 640, 3), np.uint8)
BOXES = np.array([[0, 0, 10, 10], [20, 0, 30, 10.]])


def box(x, y=100., width=60., height=160.):
    return [x, y, x + width, y + height]


def update(tracker, index, *boxes):
    return tracker.update(index, np.reshape(boxes, (-1, 4)),
                          np.full(len(boxes), 0.9), IMAGE)


def ids(found):
    return [b.track_id for b in found]


def test_identities_follow_boxes_in_whatever_order():
    tracker = IoUTracker()
    assert ids(update(tracker, 0, box(0), box(300))) == [0, 1]
    found = update(tracker, 1, box(295), box(8))
    assert ids(found) == [1, 0]
    assert [b.bbox for b in found] == [tuple(box(295)), tuple(box(8))]
    assert {b.source for b in found} == {'detected'}
    assert found[0].score == pytest.approx(0.9)


def test_short_occlusion_of_one_who_walks_on():
    tracker = IoUTracker()
    for i in range(10):
        update(tracker, i, box(8 * i), box(400))
    for i in range(10, 20):
        update(tracker, i, box(400))
    # 80 pixels further, beyond the reach of where the person was lost
    assert ids(update(tracker, 20, box(160), box(400))) == [0, 1]
    still = IoUTracker(predict=False)
    for i in range(10):
        update(still, i, box(8 * i))
    assert ids(update(still, 20, box(160))) == [1]


def test_short_occlusion_of_one_who_stops():
    tracker = IoUTracker()
    for i in range(10):
        update(tracker, i, box(8 * i))
    for i in range(10, 30):
        update(tracker, i)
    assert ids(update(tracker, 30, box(75))) == [0]


def test_the_forgotten_are_strangers():
    tracker = IoUTracker(max_age=5)
    update(tracker, 0, box(0))
    assert ids(update(tracker, 5, box(0))) == [0]
    assert ids(update(tracker, 11, box(0))) == [1]


def test_paths_that_cross():
    tracker = IoUTracker()
    for i in range(31):
        # they pass each other with nearly equal boxes at i = 20
        found = update(tracker, i, box(100 + 8 * i), box(420 - 8 * i, 104))
        assert ids(found) == [0, 1], i


def test_those_who_were_lost_do_not_take_from_those_who_are_there():
    tracker = IoUTracker()
    update(tracker, 0, box(0), box(40))
    update(tracker, 1, box(0))
    # nearer to where 1 was, but 0 was there just now
    assert ids(update(tracker, 2, box(22))) == [0]


def test_boxes_are_carried_with_their_motion():
    tracker = IoUTracker()
    for i in range(0, 40, 4):
        update(tracker, i, box(6 * i), box(300))
        for k in range(1, 4):
            found = tracker.carry(i + k, IMAGE)
            assert ids(found) == [0, 1]
            assert {b.source for b in found} == {'carried'}
            if i >= 20:
                np.testing.assert_allclose(
                    found[0].bbox, box(6 * (i + k)), atol=3)
                np.testing.assert_allclose(found[1].bbox, box(300), atol=1)


def test_nobody_is_carried_who_was_not_there():
    tracker = IoUTracker()
    update(tracker, 0, box(0), box(300))
    update(tracker, 1, box(300))
    assert ids(tracker.carry(2, IMAGE)) == [1]
    update(tracker, 3)
    assert tracker.carry(4, IMAGE) == []


def test_those_who_leave_are_not_carried_out_of_the_image():
    tracker = IoUTracker()
    for i in range(10):
        update(tracker, i, box(500 + 12 * i))
    counts = [len(tracker.carry(10 + i, IMAGE)) for i in range(10)]
    assert counts[0] == 1 and counts[-1] == 0
    assert sorted(counts, reverse=True) == counts


def test_frames_that_were_left_out_count_as_time():
    tracker = IoUTracker()
    for i in range(10):
        update(tracker, i, box(8 * i))
    assert ids(update(tracker, 25, box(200))) == [0]


def test_another_video():
    tracker = IoUTracker()
    update(tracker, 5, box(0))
    tracker.reset()
    assert tracker.carry(0, IMAGE) == []
    assert ids(update(tracker, 1, box(300))) == [0]


def test_a_crowd():
    tracker = IoUTracker()
    for i in range(3):
        boxes = [box(100 * (n % 10) + i, 200 * (n // 10)) for n in range(100)]
        assert ids(update(tracker, i, *boxes)) == list(range(100))


@pytest.mark.parametrize('boxes, scores, text', [
    ([[0, 0, 10, 10]], [], r'\(1, 4\) and \(0,\)'),
    ([[0, 0, 10]], [1], r'got \(1, 3\)'),
    ([[0, 0, 0, 10]], [1], 'x1 < x2'),
    ([[0, 0, np.nan, 10]], [1], 'finite'),
    ([[0, 0, 10, 10]], [np.inf], 'finite'),
])
def test_bad_boxes(boxes, scores, text):
    with pytest.raises(ValueError, match=text) as error:
        IoUTracker().update(7, np.array(boxes), np.array(scores))
    assert 'frame 7' in str(error.value)


def test_frames_must_ascend():
    tracker = IoUTracker()
    update(tracker, 3, box(0))
    for call in (lambda: update(tracker, 3), lambda: tracker.carry(2)):
        with pytest.raises(ValueError, match='after 3'):
            call()


@pytest.mark.parametrize(
    'options',
    [dict(iou_thr=0),
     dict(iou_thr=1.1),
     dict(max_age=0),
     dict(min_inside=2)])
def test_bad_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        IoUTracker(**options)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_every_box_comes_out_once_and_order_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    first, second = IoUTracker(), IoUTracker()
    names = {}
    for index in range(6):
        low = rng.uniform(0, 300, (rng.integers(0, 6), 2))
        boxes = np.hstack([low, low + rng.uniform(20, 200, low.shape)])
        order = rng.permutation(len(boxes))
        found = update(first, index, *boxes)
        other = update(second, index, *boxes[order])
        assert [b.bbox for b in found] == [tuple(b) for b in boxes.tolist()]
        assert len(set(ids(found))) == len(found)
        # the same persons, whatever they are called
        for place, row in enumerate(order):
            name = other[place].track_id
            assert names.setdefault(name, ids(found)[row]) == ids(found)[row]


def test_share_inside():
    image = np.zeros((100, 200, 3))
    assert share_inside(np.array([-10, 0, 10, 50]), image) == 0.5
    assert share_inside(np.array([10, 10, 20, 20]), image) == 1
    assert share_inside(np.array([300, 10, 320, 20]), image) == 0


class TestByteTracker:
    """The adapter onto the library's tracker."""

    @pytest.fixture
    def tracker(self):
        pytest.importorskip('supervision')
        return ByteTracker()

    def test_identities_and_weak_boxes(self, tracker):
        assert ids(update(tracker, 0, box(0), box(300))) == [0, 1]
        # a weak box keeps a track going; one of nobody is left out
        boxes = np.array([box(4), box(296), box(500)])
        found = tracker.update(1, boxes, np.array([0.9, 0.3, 0.3]))
        assert {
            b.track_id: b.bbox
            for b in found
        } == {
            0: tuple(box(4)),
            1: tuple(box(296))
        }
        assert {b.track_id: b.score for b in found} == {0: 0.9, 1: 0.3}
        assert {b.source for b in found} == {'detected'}

    def test_who_comes_later_is_confirmed_by_a_second_sight(self, tracker):
        update(tracker, 0, box(0))
        assert ids(update(tracker, 1, box(0), box(300))) == [0]
        assert ids(update(tracker, 2, box(0), box(300))) == [0, 1]

    def test_lost_and_found(self, tracker):
        for i in range(5):
            update(tracker, i, box(0), box(300))
        assert ids(update(tracker, 5, box(0))) == [0]
        assert ids(tracker.carry(6)) == [0]
        assert ids(update(tracker, 7, box(0), box(300))) == [0, 1]

    def test_detections_in_every_third_frame(self, tracker):
        for i in range(0, 30, 3):
            assert ids(update(tracker, i, box(6 * i))) == [0]
            for k in (1, 2):
                carried, = tracker.carry(i + k, IMAGE)
                assert carried.source == 'carried' and carried.track_id == 0
                if i >= 15:
                    assert carried.bbox[0] == pytest.approx(6 * (i + k), abs=4)

    def test_nobody_and_another_video(self, tracker):
        update(tracker, 3, box(0))
        assert update(tracker, 4) == []
        assert tracker.carry(5) == []
        tracker.reset()
        assert ids(update(tracker, 0, box(400))) == [0]

    def test_bad_options(self):
        with pytest.raises(ValueError, match='high_score'):
            ByteTracker(high_score=2.)

    def test_without_the_library(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'supervision', None)
        with pytest.raises(ImportError, match="pip install 'supervision"):
            ByteTracker()


@pytest.mark.parametrize('name', TRACKERS)
def test_every_name_builds_a_tracker(name):
    if name == 'bytetrack':
        pytest.importorskip('supervision')
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
