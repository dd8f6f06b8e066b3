"""A caller's own boxes, in any form."""
import numpy as np
import pytest

from mmpose_tdmi.apis import FileBoxes, open_boxes
from mmpose_tdmi.video import TrackedBox
from mmpose_tdmi.video.decoding.files import open_video

BOX = [1., 2., 30., 40.]


@pytest.fixture
def source(clip):
    return open_video(clip.folder)


@pytest.mark.parametrize('boxes', [
    [[], [BOX]],
    [np.zeros((0, 4)), np.array([BOX])],
    np.array([[[5., 5., 9., 9.]], [BOX]]),
    {
        1: [BOX]
    },
    lambda index, frame: [BOX] if index == 1 else [],
])
def test_forms(source, boxes):
    find = open_boxes(boxes, source)
    np.testing.assert_array_equal(find(1, None), [[*BOX, 1.]])
    if not isinstance(boxes, np.ndarray):
        assert find(0, None).shape == (0, 5)
    if not callable(boxes):
        assert find(5, None).shape == (0, 5)


def test_files(source, box_file):
    assert isinstance(open_boxes(box_file, source), FileBoxes)


def test_scores_and_threshold(source):
    rows = np.array([[*BOX, .9], [*BOX, .2]])
    np.testing.assert_array_equal(
        open_boxes([rows], source, score_thr=.5)(0, None), rows[:1])
    tracked = [TrackedBox(3, tuple(BOX), .9), TrackedBox(4, tuple(BOX), .2)]
    assert open_boxes([tracked], source)(0, None) == tracked
    assert open_boxes([tracked], source, .5)(0, None) == tracked[:1]


@pytest.mark.parametrize('entry, message', [
    ([BOX[:3]], r'\(n, 4\) or \(n, 5\), got the shape \(1, 3\)'),
    (BOX, r'got the shape \(4,\)'),
    ([[30., 2., 1., 40.]], 'x1 < x2'),
    ([[1., 2., np.nan, 40.]], 'finite'),
    ([TrackedBox(0, (5., 5., 5., 9.), 1.)], 'x1 < x2'),
])
def test_bad_entries_name_the_frame(source, entry, message):
    with pytest.raises(ValueError, match=f'boxes of frame 1: .*{message}'):
        open_boxes([[], entry], source)(1, None)


def test_something_else(source):
    with pytest.raises(ValueError, match='got int'):
        open_boxes(3, source)
