"""Persons are paired with the predictions that belong to them."""
import json

import numpy as np
import pytest

from projects.demo.cases import load_cases, pick_cases, spread_cases


def _person(image_id, number, offset, occluded=0):
    xy = np.arange(34).reshape(17, 2) + offset
    keypoints = np.concatenate([xy, np.ones((17, 1))], axis=1)
    return dict(
        id=image_id * 100 + number,
        image_id=image_id,
        bbox=[offset, offset, 34, 34],
        keypoints=keypoints.ravel().tolist(),
        occluded=[1] * occluded + [0] * (17 - occluded))


@pytest.fixture
def files(tmp_path):
    persons = [
        _person(1, 0, 0.),
        _person(1, 1, 100., occluded=5),
        _person(2, 0, 50.)
    ]
    (tmp_path / 'gt.json').write_text(
        json.dumps(
            dict(
                images=[
                    dict(id=1, file_name='v/a.jpg'),
                    dict(id=2, file_name='w/b.jpg')
                ],
                annotations=persons)))
    # predictions in another order, a little off; none in image 2
    predictions = tmp_path / 'model'
    predictions.mkdir()
    (predictions / 'video.json').write_text(
        json.dumps(dict(annotations=[_person(1, 0, 103.),
                                     _person(1, 1, 2.)])))
    return tmp_path


def test_each_person_gets_its_closest_prediction(files):
    cases = load_cases(files / 'gt.json', files, {'m': files / 'model'})
    assert [c.image.name for c in cases] == ['a.jpg', 'a.jpg', 'b.jpg']
    np.testing.assert_allclose(cases[0].predictions['m'] - cases[0].keypoints,
                               2.)
    np.testing.assert_allclose(cases[1].predictions['m'] - cases[1].keypoints,
                               3.)
    assert cases[2].predictions == {}


def test_occluded_and_clear_persons_are_told_apart(files):
    cases = load_cases(files / 'gt.json', files, {})
    assert [c.num_occluded for c in cases] == [0, 5, 0]
    hidden = pick_cases(cases, 5, occluded=True)
    assert len(hidden) == 1 and hidden[0] is cases[1]
    clear = pick_cases(cases, 5, occluded=False)
    assert {id(c) for c in clear} == {id(cases[0]), id(cases[2])}


def test_a_choice_has_one_person_a_video_and_a_spread_both_ends(files):
    cases = load_cases(files / 'gt.json', files, {})
    twice = [cases[0], cases[0], cases[2]]
    assert len(pick_cases(twice, 3, occluded=False)) == 2
    assert spread_cases(cases, 2) == [cases[0], cases[2]]
    assert spread_cases(cases, 9) == cases
