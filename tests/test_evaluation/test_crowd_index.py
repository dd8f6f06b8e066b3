"""CrowdPose's crowd index."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import crowd_index


def test_crowd_index_counts_others_joints_over_own():
    boxes = np.array([[0., 0, 10, 10], [5, 5, 20, 20], [100, 100, 110, 110]])
    keypoints = np.array([[[1., 1], [6, 6]], [[8, 8], [10, 10]],
                          [[101, 101], [105, 105]]])
    present = np.ones((3, 2), dtype=bool)
    # the first has both joints of the second in its box (one on the edge),
    # the second one of the first
    assert crowd_index(keypoints, present, boxes) == pytest.approx(
        (2 / 2 + 1 / 2 + 0) / 3)
    present[1, 1] = False
    assert crowd_index(keypoints, present, boxes) == pytest.approx(
        (1 / 2 + 1 / 1 + 0) / 3)
    # a person without joints is left out
    present[2] = False
    assert crowd_index(keypoints, present, boxes) == pytest.approx(0.75)
    assert crowd_index(keypoints[:0], present[:0], boxes[:0]) == 0


def test_a_person_without_a_box_has_nobody_in_it():
    keypoints = np.array([[[1., 1]], [[1, 1]]])
    boxes = np.array([[0., 0, 10, 10], [np.nan] * 4])
    assert crowd_index(keypoints, np.ones((2, 1), bool), boxes) == 0.5
