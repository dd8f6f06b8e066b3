"""Samples of persons are the host's."""
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from mmpose_tdmi.datasets.person_samples import annotated_person, unusable

COORDINATE = st.floats(-50, 250, width=32)
IMAGE = dict(img_path='a.jpg', width=100, height=80)


def make(**fields):
    ann = dict(
        id=1,
        image_id=2,
        category_id=1,
        bbox=[1, 2, 30, 40],
        keypoints=[5., 6., 1., 0, 0, 0])
    return {**ann, **fields}


def sample(**fields):
    return annotated_person(make(**fields), IMAGE, (100, 80), 2, 'a.json: 1')


@given(
    st.lists(COORDINATE, min_size=4, max_size=4),
    st.lists(
        st.tuples(COORDINATE, COORDINATE, st.integers(0, 2)),
        min_size=2,
        max_size=2),
    st.fixed_dictionaries({},
                          optional=dict(
                              area=st.floats(0, 1e6),
                              num_keypoints=st.integers(0, 2),
                              iscrowd=st.integers(0, 1))))
def test_any_person_is_as_the_host_s(bbox, joints, fields):
    values = [v for joint in joints for v in joint]
    fields.update(bbox=bbox, keypoints=values)
    ours = sample(**{**fields, 'keypoints': array('d', values)})
    assert isinstance(ours['raw_ann_info']['keypoints'], list)
    theirs = BaseCocoStyleDataset.parse_data_info(
        None,
        dict(
            raw_ann_info=make(**{
                'iscrowd': False,
                **fields
            }),
            raw_img_info=IMAGE))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_equal(ours[key], value, key)
        assert getattr(ours[key], 'dtype',
                       None) == getattr(value, 'dtype', None), key


def test_persons_without_box_or_joints_give_none():
    for field in ('bbox', 'keypoints'):
        ann = make()
        del ann[field]
        assert annotated_person(ann, IMAGE, (100, 80), 2, '') is None


@pytest.mark.parametrize('fields, message', [
    (dict(bbox=[1, 2, 3]), 'bbox has 3 values; expected 4'),
    (dict(bbox=None), 'bbox has None; expected 4'),
    (dict(bbox=[1, 2, 3, '4']), 'bbox must be numbers'),
    (dict(bbox=[1, 2, 3, 1e39]), 'bbox must be finite'),
    (dict(keypoints=[1] * 5), 'keypoints has 5 values; the 2 .* need 6'),
    (dict(keypoints=[[1, 1, 1], [1, 1, 1]]), 'keypoints has 2 values'),
    (dict(keypoints=[1, 1, 1, 1, 1, float('nan')]), 'must be finite'),
    (dict(keypoints=[float('nan'), 1, 1, 1, 1, 1]), 'must be finite'),
    (dict(keypoints=[1, 1, 1, 1, 1, 10**400]), 'must be finite'),
    (dict(keypoints=[1, 1, None, 1, 1, 1]), 'keypoints must be numbers'),
    (dict(keypoints=[1, 1, True, 1, 1, 1]), 'keypoints must be numbers'),
    (dict(area='large'), 'area must be numbers'),
    (dict(num_keypoints=1.5), 'num_keypoints must be an integer'),
    (dict(category_id=None), 'category_id must be an integer'),
    (dict(track_id='a'), 'track_id must be an integer'),
])
def test_damaged_fields(fields, message):
    with pytest.raises(ValueError, match=f'a.json: 1: {message}|a.json.*must'):
        sample(**fields)


def test_a_person_without_category():
    ann = make()
    del ann['category_id']
    with pytest.raises(ValueError, match='a.json: 1 has no category_id'):
        annotated_person(ann, IMAGE, (100, 80), 2, 'a.json: 1')


@pytest.mark.parametrize('fields, reason', [
    (dict(iscrowd=1), 'crowds'),
    (dict(keypoints=[0] * 6), 'without labelled joints'),
    (dict(bbox=[200, 0, 9, 9]), 'no area within the image'),
    (dict(keypoints=[-1, -1, -1, 0, 0, 0]), 'without a joint within'),
])
def test_why_a_person_is_of_no_use(fields, reason):
    assert not BaseCocoStyleDataset._is_valid_instance(sample(**fields))
    assert reason in unusable(sample(**fields))
