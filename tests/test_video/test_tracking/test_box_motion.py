"""Prediction of boxes."""
import numpy as np
import pytest

from mmpose_tdmi.video.tracking.tracks import BoxMotion


def box(x, y=0., width=40., height=100.):
    return np.array([x, y, x + width, y + height])


def test_constant_velocity_is_learned():
    motion = BoxMotion(box(0))
    for i in range(1, 15):
        motion.predict()
        motion.correct(box(6 * i, 2 * i))
    np.testing.assert_allclose(motion.velocity, [6, 2], atol=0.3)
    motion.predict(3)
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
