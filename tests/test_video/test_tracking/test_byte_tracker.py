"""MMDetection's ByteTrack behind this package's interface."""
import sys

import numpy as np
import pytest

from mmpose_tdmi.video.tracking import ByteTracker


def box(x, y=100., width=60., height=160.):
    return [x, y, x + width, y + height]


@pytest.fixture
def tracker():
    pytest.importorskip('lap', reason="ByteTrack's assignments need lap")
    return ByteTracker()


def ids(found):
    return sorted((b.bbox[0], b.track_id) for b in found)


def test_identities_and_weak_boxes(tracker):
    first = tracker.update(0, np.array([box(0), box(300)]), np.full(2, 0.9))
    assert ids(first) == [(0, 0), (300, 1)]
    # a weak box keeps a track going; one of nobody is left out
    boxes = np.array([box(4), box(296), box(500)])
    found = tracker.update(1, boxes, np.array([0.9, 0.3, 0.3]))
    assert ids(found) == [(4, 0), (296, 1)]
    assert {b.source for b in found} == {'detected'}


def test_detections_in_every_third_frame(tracker):
    for i in range(0, 30, 3):
        found = tracker.update(i, np.array([box(6 * i)]), np.array([0.9]))
        assert ids(found) == [(6 * i, 0)]
        for k in (1, 2):
            carried, = tracker.carry(i + k)
            assert carried.source == 'carried' and carried.track_id == 0
            if i >= 15:
                assert carried.bbox[0] == pytest.approx(6 * (i + k), abs=4)


def test_nobody_and_another_video(tracker):
    tracker.update(3, np.array([box(0)]), np.array([0.9]))
    assert tracker.update(4, np.zeros((0, 4)), np.zeros(0)) == []
    assert tracker.carry(5) == []
    tracker.reset()
    found = tracker.update(0, np.array([box(400)]), np.array([0.9]))
    assert ids(found) == [(400, 0)]


def test_without_lap(monkeypatch):
    monkeypatch.setitem(sys.modules, 'lap', None)
    with pytest.raises(ImportError, match='pip install lap'):
        ByteTracker()
