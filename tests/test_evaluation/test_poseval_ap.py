"""PoseTrack AP: known answers and the official toolkit's corner cases."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_tdmi.evaluation import (POSEVAL_GROUPS, POSEVAL_JOINTS, PosevalAP,
                                    average_precision, poseval_ap)

J = len(POSEVAL_JOINTS)


@pytest.fixture
def ap(scored):
    """``ap(frames)``: the AP of one video with these frames."""

    def compute(frames, presence='poseval'):
        return poseval_ap([scored(frames, presence=presence)], presence)

    return compute


def test_perfect_prediction_is_100(ap, frame, person):
    result = ap([
        frame([person(), person(40)], [person(40), person()]) for _ in range(3)
    ])
    np.testing.assert_array_equal(result.ap, 100)
    assert result.mean == 100
    assert set(result.groups().values()) == {100.}
    assert list(result.groups()) == [
        'Head', 'Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee', 'Ankle'
    ]
    assert result.num_frames == 3
    np.testing.assert_array_equal(result.num_gt, 6)


def test_groups_cover_every_joint_once():
    names = [name for group in POSEVAL_GROUPS.values() for name in group]
    assert sorted(names) == sorted(POSEVAL_JOINTS)


@pytest.mark.parametrize('shift, expected', [(15., 100.), (15.001, 0.)])
def test_threshold_is_half_the_head_size_inclusive(ap, frame, person, shift,
                                                   expected):
    result = ap([frame([person()], [person(shift)])])
    assert result.mean == expected


def test_missed_person_halves_the_ap(ap, frame, person):
    frames = [frame([person(), person(y=500)], [person()])]
    assert ap(frames).mean == 50


@pytest.mark.parametrize('false_score, expected', [(0.1, 100.), (0.9, 50.)])
def test_unmatched_prediction_is_false_positive_by_score(
        ap, frame, person, false_score, expected):
    frames = [
        frame([person()], [person(), person(y=500)], [1 - .5, false_score])
    ]
    assert ap(frames).mean == pytest.approx(expected)


def test_joint_of_a_matched_person_without_that_joint(ap, frame, person):
    present = np.ones(J, dtype=bool)
    present[0] = False
    frames = [
        frame([person()], [person()], gt_present=[present]),
        frame([person()], [person()], [0.5])
    ]
    result = ap(frames)
    # the higher-scored false positive leaves one hit of two: precision 1/2
    assert result.ap[0] == 50
    np.testing.assert_array_equal(result.ap[1:], 100)


def test_scores_are_those_of_joints_pooled_over_frames(ap, frame, person):
    # joint 0: a miss scored above the hit; joint 1: below it
    missed = person()
    missed[:2] += 50
    scores = np.ones((1, J))
    scores[0, 1] = 0.1
    frames = [
        frame([person()], [missed], scores),
        frame([person()], [person()], [0.5])
    ]
    result = ap(frames)
    # hits at rank 2 of 2: recall 1/2 at precision 1/2; at rank 1: 1/2 at 1
    assert result.ap[0] == 25
    assert result.ap[1] == 50


def test_joint_without_gt_is_nan_if_predicted_and_zero_if_not(
        ap, frame, person):
    present = np.ones(J, dtype=bool)
    present[[0, 5]] = False  # both ankles
    nowhere = ap([frame([person()], [person()], None, [present], [present])])
    assert nowhere.ap[0] == 0
    assert nowhere.groups()['Ankle'] == 0
    assert nowhere.mean == pytest.approx(100 * 13 / 15)

    predicted = ap([frame([person()], [person()], None, [present])])
    assert np.isnan(predicted.ap[[0, 5]]).all()
    assert np.isnan(predicted.groups()['Ankle'])
    assert predicted.mean == 100

    # one NaN joint makes its group NaN
    present[5] = True
    one = ap([frame([person()], [person()], None, [present])])
    assert np.isnan(one.groups()['Ankle'])


def test_posetrack21_counts_a_joint_without_gt_as_zero(ap, frame, person):
    present = np.ones(J, dtype=bool)
    present[[0, 5]] = False
    frames = [frame([person(1)], [person(1)], None, [present])]
    result = ap(frames, presence='posetrack21')
    np.testing.assert_array_equal(result.ap[[0, 5]], 0)
    assert result.mean == pytest.approx(100 * 13 / 15)
    assert ap(frames).mean == 100


def test_precision_recall_and_names(ap, frame, person):
    present = np.ones((2, J), dtype=bool)
    present[1, 0] = False
    frames = [
        frame([person(), person(y=500)], [person(), person(y=900)], [1, .5],
              pred_present=present)
    ]
    result = ap(frames)
    assert result.precision[0] == 100
    assert result.precision[1] == 50
    np.testing.assert_array_equal(result.recall, 50)
    assert list(result.by_joint()) == [*POSEVAL_JOINTS, 'total']
    assert result.by_joint()['total'] == result.mean == 50


def test_videos_are_pooled_in_the_order_given(scored, frame, person):
    hit = scored([frame([person()], [person()])])
    miss = scored([frame([person()], [person(50)])])
    assert poseval_ap([hit, miss]).mean == 25
    assert poseval_ap([miss, hit]).mean == 50
    counter = PosevalAP()
    counter.add(*hit)
    assert counter.result().mean == 100


def test_frame_of_persons_without_joints_makes_all_false_positives(
        ap, frame, person):
    empty = frame([person()], [person()], [1.], gt_present=[np.zeros(J)])
    good = frame([person()], [person()], [.5])
    assert ap([empty, good]).mean == 50


def test_no_predictions_at_all_is_zero(ap, frame, person):
    assert ap([frame([person()])]).mean == 0


def test_equal_scores_are_ranked_in_reversed_order_of_appearance(
        ap, frame, person):
    hit, miss = frame([person()], [person()]), frame([person()], [person(50)])
    assert ap([hit, miss]).mean == 25
    assert ap([miss, hit]).mean == 50
    # the same two persons in one frame: 100 or 50 by their order alone
    both = [person(), person(y=500)]
    assert ap([frame([person()], both[::-1])]).mean == 100
    assert ap([frame([person()], both)]).mean == 50


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), max_size=30),
    st.integers(1, 40))
def test_average_precision_against_the_definition(predictions, missed):
    """Sum over ranks: a recall step times the best precision from there."""
    ranked = sorted(
        {
            score: hit
            for hit, score in predictions
        }.items(), reverse=True)
    hits = np.array([hit for _, hit in ranked], dtype=bool)
    num_gt = int(hits.sum()) + missed
    precision = [hits[:n + 1].mean() for n in range(len(hits))]
    expected = sum(
        max(precision[n:]) / num_gt for n in range(len(hits)) if hits[n])
    shuffled = np.random.default_rng(0).permutation(len(ranked))
    scores = np.array([score for score, _ in ranked], dtype=float)
    got = average_precision(hits[shuffled], scores[shuffled], num_gt)
    assert got == pytest.approx(expected)
