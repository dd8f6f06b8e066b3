"""Rules for the size of a head."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import HiEveHeadSize

NAMES = ['nose', 'chest', 'right_shoulder']
KEYPOINTS = np.array([[[0., 0], [0, 20], [9, 9]], [[0, 0], [30, 40], [9, 9]]])
BOXES = np.array([[10., 20, 40, 60], [0, 0, 60, 80]])


def test_rules():
    present = np.array([[True, True, False], [True, False, True]])

    def sizes(rule):
        return rule(KEYPOINTS, present, BOXES, NAMES).tolist()

    assert sizes(HiEveHeadSize('box_diagonal', 0.5)) == [25, 50]
    assert sizes(HiEveHeadSize('box_height', 0.5)) == [20, 40]
    rule = HiEveHeadSize('nose_chest', 2, dict(rule='box_height', factor=0.1))
    assert sizes(rule) == [40, 8]
    present[1, 1] = True
    assert sizes(rule) == [40, 100]
    assert str(rule) == '2 x nose_chest, else 0.1 x box_height'


@pytest.mark.parametrize('kwargs, expected', [
    (dict(rule='head_box', factor=1), 'must be one of'),
    (dict(rule='box_height', factor=0), 'must be positive'),
    (dict(rule='box_height', factor=True), 'must be positive'),
    (dict(rule='nose_chest', factor=1), 'needs a fallback'),
    (dict(
        rule='box_height',
        factor=1,
        fallback=dict(rule='box_height',
                      factor=1)), 'others? rules have none'),
    (dict(
        rule='nose_chest',
        factor=1,
        fallback=dict(
            rule='nose_chest',
            factor=1,
            fallback=dict(rule='box_height', factor=1))), 'rule of boxes'),
])
def test_wrong_rules_are_named(kwargs, expected):
    with pytest.raises(ValueError, match=expected.replace('others?', 'other')):
        HiEveHeadSize(**kwargs)
