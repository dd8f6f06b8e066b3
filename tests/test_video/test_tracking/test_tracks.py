"""Likenesses with known answers, the best pairs, expected boxes."""
import numpy as np
import pytest

from mmpose_tdmi.video.tracks import (BoxMotion, assign, box_iou, cosine,
                                      motion_descriptor, pose_oks)


def test_pairs_have_the_largest_total():
    similarity = np.array([[0.9, 0.8], [0.8, 0.1]])
    rows, columns = assign(similarity, similarity > 0)
    # greedily 0.9 + 0.1; better 0.8 + 0.8
    assert list(zip(rows, columns)) == [(0, 1), (1, 0)]


def test_forbidden_pairs_are_not_made():
    similarity = np.array([[0.9, 0.8], [0.8, 0.1]])
    rows, columns = assign(similarity, similarity > 0.85)
    assert list(zip(rows, columns)) == [(0, 0)]


@pytest.mark.parametrize('shape', [(0, 3), (3, 0), (0, 0)])
def test_nobody_has_no_pairs(shape):
    rows, columns = assign(np.zeros(shape), np.zeros(shape, bool))
    assert len(rows) == len(columns) == 0
    assert box_iou(np.zeros((shape[0], 4)), np.zeros(
        (shape[1], 4))).shape == shape


def test_overlap():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30.]])
    expected = [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(box_iou(boxes, boxes), expected)


def poses(*offsets, scores=1.):
    base = np.random.default_rng(0).uniform(0, 100, (17, 2))
    return np.array([
        np.column_stack([base + offset, np.full(17, scores)])
        for offset in offsets
    ])


def test_oks_falls_with_distance_and_grows_with_size():
    first, second = poses(0), poses(0, 5, 50)
    near = pose_oks(first, np.array([1e4]), second, np.full(3, 1e4))[0]
    assert near[0] == pytest.approx(1)
    assert 1 > near[1] > near[2]
    large = pose_oks(first, np.array([4e4]), second, np.full(3, 4e4))[0]
    assert large[1] > near[1]


def test_oks_leaves_out_unreliable_joints():
    first, second = poses(0), poses(0)
    second[0, :5, :2] += 1000
    areas = np.array([1e4])
    assert pose_oks(first, areas, second, areas)[0, 0] < 0.8
    second[0, :5, 2] = 0.1
    assert pose_oks(
        first, areas, second, areas, score_thr=0.2)[0, 0] == pytest.approx(1)
    # nothing left to compare
    assert pose_oks(first, areas, second, areas, score_thr=1)[0, 0] == 0


def test_cosine_is_a_share():
    first = np.array([[1., 0], [0, 0]])
    second = np.array([[5., 0], [0, 3], [-1, 0]])
    np.testing.assert_allclose(
        cosine(first, second), [[1, 0.5, 0], [0.5, 0.5, 0.5]])


def test_motion_descriptor_tells_where_it_moves():
    motion = np.zeros((2, 24, 18), np.float32)
    motion[1, :6, :6] = 3
    descriptor = motion_descriptor(motion).reshape(2, 4, 3)
    expected = np.zeros((2, 4, 3))
    expected[1, 0, 0] = 3
    np.testing.assert_allclose(descriptor, expected)


def box(x, y=0., width=40., height=100.):
    return np.array([x, y, x + width, y + height])


def test_constant_velocity_is_learned():
    motion = BoxMotion(box(0))
    for i in range(1, 15):
        motion.predict()
        motion.correct(box(6 * i, 2 * i))
    before = motion.bbox
    motion.predict()
    np.testing.assert_allclose(motion.bbox - before, [6, 2, 6, 2], atol=0.3)
    motion.predict(2)
    np.testing.assert_allclose(motion.bbox, box(6 * 17, 2 * 17), atol=1.5)


def test_several_frames_at_once_are_as_many_single_ones():
    first, second = BoxMotion(box(0)), BoxMotion(box(0))
    for motion in (first, second):
        motion.predict()
        motion.correct(box(5))
    first.predict(4)
    for _ in range(4):
        second.predict()
    np.testing.assert_allclose(first.bbox, second.bbox)


def test_size_stays_without_measurements():
    motion = BoxMotion(box(0))
    for i in range(1, 10):
        motion.predict()
        motion.correct(box(0, 0, 40 + 4 * i, 100 + 10 * i))
    before = motion.bbox
    motion.predict(20)
    size = (motion.bbox - before).reshape(2, 2)
    np.testing.assert_allclose(size[1], size[0], atol=1e-9)


def test_what_stands_still_stays():
    motion = BoxMotion(box(10, 20))
    for _ in range(5):
        motion.predict()
        motion.correct(box(10, 20))
    motion.predict(30)
    np.testing.assert_allclose(motion.bbox, box(10, 20))


def test_boxes_keep_an_area():
    motion = BoxMotion(np.array([0, 0, 1e-3, 1e-3]))
    motion.predict()
    x1, y1, x2, y2 = motion.bbox
    assert x2 - x1 >= 1 and y2 - y1 == pytest.approx(1)
