"""Layouts and boxes."""
import numpy as np
import pytest

# yapf: disable
from mmpose_tdmi.datasets.converters.conversion import (HIEVE_KEYPOINT_NAMES,
                                                        HIEVE_SKELETON,
                                                        KEYPOINT_NAMES,
                                                        POSETRACK17_POINTS,
                                                        box_from_keypoints,
                                                        box_of_joints_and_head,
                                                        count_joints,
                                                        hieve_category)

# yapf: enable


def test_the_official_orders():
    assert POSETRACK17_POINTS[0] == 'right_ankle'
    assert POSETRACK17_POINTS[8:10] == ('right_shoulder', 'left_shoulder')
    assert POSETRACK17_POINTS[12:] == ('head_bottom', 'nose', 'head_top')
    assert set(
        POSETRACK17_POINTS) == set(KEYPOINT_NAMES) - {'left_ear', 'right_ear'}
    assert HIEVE_KEYPOINT_NAMES[:3] == ('nose', 'chest', 'right_shoulder')
    assert HIEVE_KEYPOINT_NAMES[10] == 'right_ankle'
    assert HIEVE_KEYPOINT_NAMES[13] == 'left_ankle'
    assert len(HIEVE_KEYPOINT_NAMES) == 14
    assert {n for limb in HIEVE_SKELETON for n in limb} == set(range(1, 15))
    assert hieve_category()['keypoints'] == list(HIEVE_KEYPOINT_NAMES)


def test_box_is_the_labelled_joints_widened():
    keypoints = np.zeros((17, 3))
    keypoints[[1, 9]] = (100, 50, 1), (200, 90, 1)
    np.testing.assert_allclose(
        box_from_keypoints(keypoints.ravel()), [85, 44, 130, 52])
    np.testing.assert_allclose(
        box_of_joints_and_head(keypoints.ravel(), [0, 0, 9, 9]),
        [85, 44, 130, 52])
    with pytest.raises(ValueError, match='without labelled joints'):
        box_from_keypoints(np.zeros(51))


def test_a_box_without_area_takes_in_the_head():
    keypoints = np.zeros((17, 3))
    keypoints[0] = 30, 20, 1
    assert box_of_joints_and_head(keypoints.ravel(),
                                  [10, 12, 8, 6]) == [10, 12, 20, 8]


def test_joints_are_absent_only_if_all_is_zero():
    assert count_joints([0, 0, 0, 0, 0, 1, 0, -2, 0, 5, 5, 1]) == 3
