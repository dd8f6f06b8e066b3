"""Constructed cases of which the outcome is known."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import POSEVAL_JOINTS, match_persons
from mmpose_tdmi.evaluation.pose_errors import (MIRROR, OUTCOMES, PREDICTIONS,
                                                joint_outcomes)


def joint(name):
    return POSEVAL_JOINTS.index(name)


def outcomes(scene, **kwargs):
    """By person and by prediction the joints that are no hits, by name."""
    annotated, predicted = scene.sequences()
    found = joint_outcomes(annotated, predicted,
                           match_persons(annotated, predicted), **kwargs)
    named = []
    for table, names in zip(found, (OUTCOMES, PREDICTIONS)):
        named.append([{
            POSEVAL_JOINTS[j]: names[o] if o >= 0 else 'absent'
            for j, o in enumerate(row) if o != 0
        } for row in table])
    return named


def test_mirror_joints():
    assert POSEVAL_JOINTS[MIRROR[joint('left_knee')]] == 'right_knee'
    assert POSEVAL_JOINTS[MIRROR[joint('neck')]] == 'neck'
    assert (MIRROR[MIRROR] == np.arange(15)).all()


def test_a_perfect_prediction_has_no_errors(scene):
    scene.predict(scene.person())
    assert outcomes(scene) == [[{}], [{}]]


def test_a_swap_is_a_swap_of_both_joints(scene):
    pose = scene.person()
    pair = [joint('left_knee'), joint('right_knee')]
    pose[pair] = pose[pair[::-1]]
    scene.persons[0] = (0, scene.POSE, *scene.persons[0][2:])
    scene.predict(pose)
    assert outcomes(scene) == [[{
        'left_knee': 'swap',
        'right_knee': 'swap'
    }], [{
        'left_knee': 'misplaced',
        'right_knee': 'misplaced'
    }]]


def test_half_a_swap_is_one(scene):
    pose = scene.person().copy()
    # the left knee on the right one's place, the right one where it belongs
    pose[joint('left_knee')] = pose[joint('right_knee')] + 5
    scene.predict(pose)
    assert outcomes(scene)[0] == [{'left_knee': 'swap'}]


def test_a_swap_needs_the_other_side_to_be_annotated(scene):
    pose = scene.person(absent=['right_knee']).copy()
    pose[joint('left_knee')] = pose[joint('right_knee')]
    scene.predict(pose)
    assert outcomes(scene) == [[{
        'left_knee': 'far',
        'right_knee': 'absent'
    }], [{
        'left_knee': 'misplaced',
        'right_knee': 'not_annotated'
    }]]


@pytest.mark.parametrize('heads, expected', [(0.5, None), (0.51, 'near'),
                                             (1., 'near'), (1.01, 'far')])
def test_moved_joints_are_near_or_far(scene, heads, expected):
    pose = scene.person().copy()
    pose[joint('nose'), 0] -= heads * scene.HEAD
    scene.predict(pose)
    expected = {} if expected is None else {'nose': expected}
    assert outcomes(scene)[0] == [expected]


def test_the_limit_of_near_misses_is_an_option(scene):
    pose = scene.person().copy()
    pose[joint('nose'), 0] -= 1.4 * scene.HEAD
    scene.predict(pose)
    assert outcomes(scene)[0] == [{'nose': 'far'}]
    assert outcomes(scene, near_limit=1.5)[0] == [{'nose': 'near'}]
    with pytest.raises(ValueError, match='near misses'):
        outcomes(scene, near_limit=0.5)


def test_missed_persons_and_predictions_of_nobody(scene):
    scene.person(absent=['nose'])
    scene.predict(np.full((15, 2), 5000.), absent=['neck'])
    [missed], [nobody] = outcomes(scene)
    assert missed.pop('nose') == 'absent'
    assert set(missed.values()) == {'person_missed'} and len(missed) == 14
    assert nobody.pop('neck') == 'absent'
    assert set(nobody.values()) == {'no_person'} and len(nobody) == 14


def test_joints_that_are_not_predicted(scene):
    scene.predict(scene.person(), absent=['nose'])
    assert outcomes(scene) == [[{
        'nose': 'not_predicted'
    }], [{
        'nose': 'absent'
    }]]


def test_joints_on_another_person(scene):
    pose = scene.person().copy()
    other = scene.person(shift=(50, 1000))
    pose[joint('left_wrist')] = other[joint('left_wrist')]
    scene.predict(pose)
    found, _ = outcomes(scene)
    assert found[0] == {'left_wrist': 'other_person'}
    assert set(found[1].values()) == {'person_missed'}


def test_every_joint_has_one_outcome_and_hits_are_those_of_the_ap(
        random_scenes):
    for scene in random_scenes:
        annotated, predicted = scene.sequences()
        matching = match_persons(annotated, predicted)
        of_gt, of_pred = joint_outcomes(annotated, predicted, matching)
        assert ((of_gt >= 0) == annotated.present).all()
        assert ((of_pred >= 0) == predicted.present).all()
        assert ((of_pred == 0) == matching.hits).all()
        assert (of_gt == 0).sum() == (of_pred == 0).sum()
        # what is misplaced is one of these misses
        misplaced = [
            OUTCOMES.index(n) for n in ('swap', 'near', 'other_person', 'far')
        ]
        assert np.isin(of_gt, misplaced).sum() == (
            of_pred == PREDICTIONS.index('misplaced')).sum()


def test_empty_frames(make_scene):
    scene = make_scene(2)
    assert outcomes(scene) == [[], []]
    scene.predict(scene.POSE, frame=1)
    assert len(outcomes(scene)[1][0]) == 15
