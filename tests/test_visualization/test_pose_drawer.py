"""Skeletons on frames."""
import warnings

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from mmpose_tdmi.datasets import PoseTrack18SequenceDataset
from mmpose_tdmi.visualization import PoseDrawer
from mmpose_tdmi.visualization.drawers import ID_COLOURS


@pytest.fixture(scope='module')
def meta():
    return parse_pose_metainfo(PoseTrack18SequenceDataset.METAINFO)


@pytest.fixture
def frame():
    return np.full((200, 300, 3), 20, np.uint8)


def pose(x, y):
    rng = np.random.default_rng(0)
    return rng.uniform([x, y], [x + 50, y + 80], (17, 2))


def changed(drawn, frame):
    """Rows and columns in which pixels differ."""
    ys, xs = np.nonzero((drawn != frame).any(axis=2))
    return ys, xs


def test_draws_around_the_person_and_leaves_the_frame_alone(meta, frame):
    before = frame.copy()
    keypoints = pose(100, 60)[None]
    drawn = PoseDrawer(meta).draw(frame, keypoints, np.ones((1, 17)))
    np.testing.assert_array_equal(frame, before)
    assert drawn.shape == frame.shape and drawn.dtype == np.uint8
    ys, xs = changed(drawn, frame)
    assert len(ys) > 200
    assert xs.min() > 90 and xs.max() < 160
    assert ys.min() > 50 and ys.max() < 150
    for x, y in keypoints[0].astype(int):
        assert (drawn[y, x] != frame[y, x]).any()


def test_no_array_is_taken_for_a_number(meta, frame):
    """numpy 2.4 and later refuse it, earlier ones warn."""
    with warnings.catch_warnings():
        warnings.simplefilter('error', DeprecationWarning)
        drawn = PoseDrawer(meta).draw(frame,
                                      pose(100, 60)[None], np.ones((1, 17)))
    assert (drawn != frame).any()


def test_colours_are_the_layouts_as_bgr(meta, frame):
    scores = np.zeros((1, 17))
    scores[0, 0] = 1
    keypoints = np.full((1, 17, 2), 100.)
    drawn = PoseDrawer(meta).draw(frame, keypoints, scores)
    assert drawn[100, 100, ::-1].tolist() == list(meta['keypoint_colors'][0])


def test_low_scores_are_not_drawn(meta, frame):
    keypoints, scores = pose(100, 60)[None], np.full((1, 17), .25)
    assert (PoseDrawer(meta).draw(frame, keypoints, scores) == frame).all()
    drawn = PoseDrawer(meta, kpt_thr=.2).draw(frame, keypoints, scores)
    assert (drawn != frame).any()


def test_ids_have_colours_of_their_own(meta, frame):
    keypoints = np.stack([pose(20, 60), pose(200, 60)])
    boxes = np.array([[10., 50., 90., 160.], [190., 50., 280., 160.]])
    draw = PoseDrawer(meta, kpt_thr=2.).draw
    drawn = draw(frame, keypoints, np.ones((2, 17)), boxes, ids=[5, 2])
    for box, person in zip(boxes.astype(int), (5, 2)):
        assert drawn[box[3],
                     box[0] + 20, ::-1].tolist() == list(ID_COLOURS[person])
    # the same person has the same colour alone
    alone = draw(frame, keypoints[1:], np.ones((1, 17)), boxes[1:], ids=[2])
    np.testing.assert_array_equal(alone[50:161, 190:281], drawn[50:161,
                                                                190:281])
    other = draw(frame, keypoints[1:], np.ones((1, 17)), boxes[1:], ids=[1])
    assert (other != alone).any()


@pytest.mark.parametrize('person, text', [(0, 255), (2, 0), (6, 0)])
def test_ids_can_be_read(meta, frame, person, text):
    """White on dark labels, black on light ones such as yellow."""
    box = np.array([[100., 50., 180., 160.]])
    drawn = PoseDrawer(
        meta, kpt_thr=2.).draw(frame,
                               pose(100, 60)[None], np.ones((1, 17)), box,
                               [person])
    label = drawn[52:60, 102:108].reshape(-1, 3).astype(int)
    assert (np.abs(label - ID_COLOURS[person][::-1]).max(axis=1) < 5).any()
    assert (np.abs(label - text).max(axis=1) < 40).any()


def test_nobody(meta, frame):
    drawn = PoseDrawer(meta).draw(
        frame, np.zeros((0, )), np.zeros((0, )), np.zeros((0, )), ids=[])
    np.testing.assert_array_equal(drawn, frame)


def test_ids_need_boxes(meta, frame):
    with pytest.raises(ValueError, match='give boxes as well'):
        PoseDrawer(meta).draw(
            frame, pose(0, 0)[None], np.ones((1, 17)), ids=[0])
