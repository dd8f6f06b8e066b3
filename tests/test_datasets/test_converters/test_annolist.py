"""Persons of annolist json."""
import numpy as np
import pytest

from mmpose_tdmi.datasets.converters.conversion import Record
from mmpose_tdmi.datasets.converters.posetrack17 import corner_box, read_points


def rect(points, **fields):
    return Record(
        {
            'x1': [1],
            'y1': [2],
            'x2': [11],
            'y2': [22.5],
            'annopoints': [{
                'point': points
            }],
            **fields
        }, 'file', 'rect')


def point(number, x, y, **fields):
    return dict(id=[number], x=[x], y=[y], **fields)


def test_boxes_are_x_y_width_height():
    assert corner_box(rect([])) == [1, 2, 10, 20.5]


def test_points_and_visibility():
    joints = read_points(
        rect([
            point(3, 0, 0),
            point(0, -24.9, 7, is_visible=[1]),
            point(1, 5, 6, is_visible=[0]),
            point(2, 8, 9, is_visible=[])
        ]), 5)
    np.testing.assert_array_equal(
        joints, [[-24.9, 7, 2], [5, 6, 1], [8, 9, 1], [0, 0, 1], [0, 0, 0]])


@pytest.mark.parametrize('annopoints', [[], [{}], [None], None])
def test_persons_without_points(annopoints):
    person = rect([])
    if annopoints is None:
        del person.value['annopoints']
    else:
        person.value['annopoints'] = annopoints
    assert not read_points(person, 15).any()


@pytest.mark.parametrize('points, message', [
    ([point(15, 1, 2)], r'point\[0\].id\[0\] is 15, expected an integer in'),
    ([point(-1, 1, 2)], r'id\[0\] is -1'),
    ([point(0.5, 1, 2)], r'id\[0\] is 0.5'),
    ([point(1, 1, 2), point(1, 3, 4)], r'point\[1\].id is 1, which an earl'),
    ([point(1, float('nan'), 2)], r'point\[0\].x\[0\] is nan'),
    ([point(1, 1, 10**400)], r'y\[0\] is a number of 1329 bits'),
    ([point(1, '1', 2)], r"x\[0\] is '1'"),
    ([point(1, True, 2)], r'x\[0\] is True'),
    ([point(1, 1, 2, is_visible=[3])], r'is_visible\[0\] is 3'),
    ([point(1, 1, 2, is_visible=1)], 'is_visible is 1, expected a list of'),
    ([dict(id=[1], x=[1])], r'point\[0\].y is missing'),
    ([dict(id=1, x=[1], y=[2])], r'point\[0\].id is 1, expected a list of on'),
    ([None], r'point\[0\] is None'),
    ('ab', r'point is .ab., expected a list'),
])
def test_mistakes_are_named(points, message):
    with pytest.raises(ValueError, match=message):
        read_points(rect(points), 15)


def test_unusual_but_right_numbers_are_read():
    whole = read_points(rect([point(1.0, 3, 4), point(2, 5.0, -6)]), 15)
    assert whole[1].tolist() == [3, 4, 1] and whole[2].tolist() == [5, -6, 1]
