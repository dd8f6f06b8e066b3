"""PoseTrack AP: known answers and the official toolkit's corner cases."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_tdmi.evaluation import (POSEVAL_GROUPS, POSEVAL_JOINTS, PoseFrame,
                                    average_precision, drop_ignored,
                                    match_frame, poseval_ap)

J = len(POSEVAL_JOINTS)
# head size 0.6 * |(30, 40)| = 30, so that a hit is within 15 px
HEAD = np.array([0., 0., 30., 40.])


def person(x=0., y=0.):
    """Fifteen joints, 100 px apart, (J, 2)."""
    return np.stack([np.arange(J) * 100. + x, np.full(J, 1000. + y)], axis=1)


def frame(gt=(),
          pred=(),
          scores=None,
          gt_present=None,
          pred_present=None,
          regions=()):
    gt = np.asarray(gt, dtype=float).reshape(-1, J, 2)
    pred = np.asarray(pred, dtype=float).reshape(-1, J, 2)

    def fill(value, persons, default):
        result = np.full((len(persons), J), default)
        if value is not None:
            result[:] = np.asarray(value).reshape(len(persons), -1)
        return result

    return PoseFrame(
        gt_keypoints=gt,
        gt_present=fill(gt_present, gt, True),
        head_boxes=np.tile(HEAD, (len(gt), 1)),
        pred_keypoints=pred,
        pred_present=fill(pred_present, pred, True),
        pred_scores=fill(scores, pred, 1.),
        ignore_regions=[np.asarray(r, dtype=float) for r in regions])


def test_perfect_prediction_is_100():
    result = poseval_ap([
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
def test_threshold_is_half_the_head_size_inclusive(shift, expected):
    result = poseval_ap([frame([person()], [person(shift)])])
    assert result.mean == expected


def test_missed_person_halves_the_ap():
    frames = [frame([person(), person(y=500)], [person()])]
    assert poseval_ap(frames).mean == 50


@pytest.mark.parametrize('false_score, expected', [(0.1, 100.), (0.9, 50.)])
def test_unmatched_prediction_is_false_positive_by_score(
        false_score, expected):
    frames = [
        frame([person()], [person(), person(y=500)], [1 - .5, false_score])
    ]
    assert poseval_ap(frames).mean == pytest.approx(expected)


def test_losing_prediction_is_false_positive_though_another_gt_is_free():
    # both predictions hit person 0 best; person 1 is in reach of the second
    # one at a single joint, but is not considered
    second = person()
    second[-1] = person(y=500)[-1]
    hit = match_frame(frame([person(), person(y=500)], [person(), second]))
    assert hit[0].all()
    assert not hit[1].any()


def test_scores_play_no_part_in_matching_and_ties_go_to_the_first():
    both = frame([person()], [person(), person()], [.1, .9])
    hit = match_frame(both)
    assert hit[0].all() and not hit[1].any()
    assert poseval_ap([both]).mean == 50


def test_joint_of_a_matched_person_without_that_joint():
    present = np.ones(J, dtype=bool)
    present[0] = False
    frames = [
        frame([person()], [person()], gt_present=[present]),
        frame([person()], [person()], [0.5])
    ]
    result = poseval_ap(frames)
    # the higher-scored false positive leaves one hit of two: precision 1/2
    assert result.ap[0] == 50
    np.testing.assert_array_equal(result.ap[1:], 100)


def test_scores_are_those_of_joints_pooled_over_frames():
    # joint 0: a miss scored above the hit; joint 1: below it
    missed = person()
    missed[:2] += 50
    scores = np.ones((1, J))
    scores[0, 1] = 0.1
    frames = [
        frame([person()], [missed], scores),
        frame([person()], [person()], [0.5])
    ]
    result = poseval_ap(frames)
    # hits at rank 2 of 2: recall 1/2 at precision 1/2; at rank 1: 1/2 at 1
    assert result.ap[0] == 25
    assert result.ap[1] == 50


def test_joint_without_gt_is_nan_if_predicted_and_zero_if_not():
    present = np.ones(J, dtype=bool)
    present[[0, 5]] = False  # both ankles
    nowhere = poseval_ap(
        [frame([person()], [person()], None, [present], [present])])
    assert nowhere.ap[0] == 0
    assert nowhere.groups()['Ankle'] == 0
    assert nowhere.mean == pytest.approx(100 * 13 / 15)

    predicted = poseval_ap([frame([person()], [person()], None, [present])])
    assert np.isnan(predicted.ap[[0, 5]]).all()
    assert np.isnan(predicted.groups()['Ankle'])
    assert predicted.mean == 100

    # one NaN joint makes its group NaN
    present[5] = True
    one = poseval_ap([frame([person()], [person()], None, [present])])
    assert np.isnan(one.groups()['Ankle'])


def test_frame_of_persons_without_joints_makes_all_false_positives():
    empty = frame([person()], [person()], [1.], gt_present=[np.zeros(J)])
    good = frame([person()], [person()], [.5])
    assert poseval_ap([empty, good]).mean == 50


def test_no_predictions_at_all_is_zero():
    assert poseval_ap([frame([person()])]).mean == 0


def test_equal_scores_are_ranked_in_reversed_order_of_appearance():
    hit, miss = frame([person()], [person()]), frame([person()], [person(50)])
    assert poseval_ap([hit, miss]).mean == 25
    assert poseval_ap([miss, hit]).mean == 50
    # the same two persons in one frame: 100 or 50 by their order alone
    both = [person(), person(y=500)]
    assert poseval_ap([frame([person()], both[::-1])]).mean == 100
    assert poseval_ap([frame([person()], both)]).mean == 50


def test_ignore_region_removes_joints_on_both_sides():
    # the box holds the joints 0 and 1; joint 2 is on its border: scored
    region = [(-50, 900), (200, 900), (200, 1100), (-50, 1100)]
    wrong = person()
    wrong[:2, 1] += 50
    result = poseval_ap([frame([person()], [wrong], regions=[region])])
    np.testing.assert_array_equal(result.num_gt[:3], [0, 0, 1])
    np.testing.assert_array_equal(result.num_pred[:3], [0, 0, 1])
    np.testing.assert_array_equal(result.ap, [0, 0] + 13 * [100])


def test_ignore_region_removes_persons_left_empty():
    region = [(-100, -100), (9000, -100), (9000, 1100), (-100, 1100)]
    inside, outside = person(), person(y=500)
    dropped = drop_ignored(
        frame([inside, outside], [outside, inside], regions=[region]))
    assert dropped.gt_keypoints.tolist() == [outside.tolist()]
    assert dropped.pred_keypoints.tolist() == [outside.tolist()]
    # the frame stays, without any person: its predictions are all false
    lonely = frame([inside], [outside], [1.], regions=[region])
    good = frame([outside], [outside], [.5])
    assert poseval_ap([lonely, good]).mean == 50


def test_ignore_region_may_cross_itself():
    # a bow tie: the crossing splits it into two triangles, both inside
    bow_tie = [(0, 0), (100, 100), (100, 0), (0, 100)]
    points = person()
    points[:4] = [(10, 50), (90, 50), (50, 10), (50, 90)]
    dropped = drop_ignored(frame([points], regions=[bow_tie]))
    np.testing.assert_array_equal(dropped.gt_present[0, :4],
                                  [False, False, True, True])


def test_head_box_without_extent_hits_nothing():
    flat = frame([person()], [person()])
    flat.head_boxes[:] = 5
    assert poseval_ap([flat]).mean == 0


def test_frame_rejects_arrays_that_do_not_fit():
    with pytest.raises(ValueError, match='pred_scores.*expected'):
        PoseFrame(
            np.zeros((1, J, 2)), np.ones((1, J), bool), np.zeros((1, 4)),
            np.zeros((2, J, 2)), np.ones((2, J), bool), np.zeros((1, J)))


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
