"""PoseTrack AP: known answers, the official toolkit's corner cases, and the
matching of persons against a plain implementation of its rules."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_tdmi.evaluation import (HIT_THRESHOLD, POSEVAL_GROUPS,
                                    POSEVAL_JOINTS, AnnotatedSequence,
                                    PosevalAP, PredictedSequence,
                                    average_precision, head_sizes,
                                    match_persons, poseval_ap)

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


def test_head_size_is_a_share_of_the_diagonal():
    np.testing.assert_allclose(head_sizes(np.array([[5., 5., 35., 45.]])), 30)


def test_losing_prediction_is_matched_to_nobody_though_another_is_free(
        scored, frame, person):
    # both predictions hit person 0 best; person 1 is in reach of the second
    # one at a single joint, but is not considered
    second = person()
    second[-1] = person(y=500)[-1]
    matching = match_persons(
        *scored([frame([person(), person(y=500)], [person(), second])]))
    assert matching.pred_to_gt.tolist() == [0, -1]
    assert matching.gt_to_pred.tolist() == [0, -1]
    assert matching.hits[0].all() and not matching.hits[1].any()


def test_scores_play_no_part_and_ties_go_to_the_first(scored, frame, person):
    matching = match_persons(*scored([
        frame([person()], [person(), person()], [.1, .9]),
        frame([person(), person()], [person()])
    ]))
    # the second frame's prediction fits both of its persons equally well
    assert matching.pred_to_gt.tolist() == [0, -1, 1]
    assert matching.gt_to_pred.tolist() == [0, 2, -1]


def test_share_of_joints_decides_not_their_number(scored, frame, person):
    few = np.zeros(J, dtype=bool)
    few[:2] = True
    missed = person()
    missed[2] += 50
    matching = match_persons(*scored(
        [frame([person(), person()], [missed], gt_present=[few, few < 2])]))
    # 2 of 2 joints against 14 of 15
    assert matching.pred_to_gt.tolist() == [0]


def test_distances_of_a_frame(scored, frame, person):
    absent = np.ones((2, J), dtype=bool)
    absent[1, 3] = False
    matching = match_persons(*scored([
        frame([person()], [person()]),
        frame([], [], annotated=True),
        frame([person(), person(y=30)], [person(15), person(y=15)],
              pred_present=absent)
    ]))
    pred, gt, distances = matching.frame(2)
    assert (pred, gt) == (slice(1, 3), slice(1, 3))
    np.testing.assert_allclose(distances[0, 0], .5)
    np.testing.assert_allclose(distances[1, 1, :3], .5)
    assert distances[1, 0, 3] == np.inf
    assert matching.frame(1)[2].shape == (0, 0, J)


def test_head_box_without_extent_hits_nothing(scored, frame, person):
    matching = match_persons(
        *scored([frame([person()], [person()], head=np.full(4, 5.))]))
    assert not matching.hits.any()
    assert np.isinf(matching.distances).all()


def test_frames_must_be_paired(video, frame, person):
    annotated, predicted = video([frame([person()], [person()])] * 2)
    with pytest.raises(ValueError, match='2 annotated but 1 predicted'):
        match_persons(annotated,
                      predicted.select_frames(np.array([True, False])))


def by_the_rules(gt, gt_present, pred, pred_present, size):
    """poseval's matching of one frame, person by person."""
    shares = np.zeros((len(pred), len(gt)))
    hit = np.zeros((len(pred), len(gt), J), dtype=bool)
    for p, pose in enumerate(pred):
        for g, target in enumerate(gt):
            for j in range(J):
                if gt_present[g, j] and pred_present[p, j]:
                    distance = np.hypot(*(pose[j] - target[j])) / size
                    hit[p, g, j] = distance <= HIT_THRESHOLD
            if gt_present[g].any():
                shares[p, g] = hit[p, g].sum() / gt_present[g].sum()
    chosen = [int(np.argmax(row)) if len(gt) else -1 for row in shares]
    matches = [-1] * len(pred)
    for g in range(len(gt)):
        best, winner = 0., -1
        for p in range(len(pred)):
            if chosen[p] == g and shares[p, g] > best:
                best, winner = shares[p, g], p
        if winner >= 0:
            matches[winner] = g
    return matches, hit


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_against_a_plain_implementation(seed):
    random = np.random.default_rng(seed)
    frames = int(random.integers(1, 4))
    num_gt, num_pred = random.integers(0, 5, (2, frames))
    # few places, so that ties and conflicts are common
    gt, pred = (
        random.integers(0, 4, (n.sum(), J, 2)) * 10.
        for n in (num_gt, num_pred))
    gt_present, pred_present = (
        random.random((n.sum(), J)) < .7 for n in (num_gt, num_pred))
    names = [f'v/{i:06d}.jpg' for i in range(frames)]
    common = dict(name='v', frame_names=names, frame_ids=np.arange(frames))
    index = [np.repeat(np.arange(frames), n) for n in (num_gt, num_pred)]
    annotated = AnnotatedSequence(
        **common,
        frame_index=index[0],
        keypoints=gt,
        present=gt_present,
        track_ids=np.arange(len(gt)),
        head_boxes=np.tile([0., 0., 30., 40.], (len(gt), 1)),
        boxes=np.zeros((len(gt), 4)),
        visibility=np.zeros((len(gt), J)),
        labelled=np.ones(frames, dtype=bool),
        annotated=num_gt > 0,
        ignore_regions=[[] for _ in range(frames)])
    predicted = PredictedSequence(
        **common,
        frame_index=index[1],
        keypoints=pred,
        present=pred_present,
        track_ids=np.arange(len(pred)),
        scores=np.zeros((len(pred), J)))
    matching = match_persons(annotated, predicted)
    for number in range(frames):
        a, b = index[0] == number, index[1] == number
        matches, hit = by_the_rules(gt[a], gt_present[a], pred[b],
                                    pred_present[b], 30.)
        offset = int(np.flatnonzero(a)[0]) if a.any() else 0
        expected = [m + offset if m >= 0 else -1 for m in matches]
        assert matching.pred_to_gt[b].tolist() == expected
        for p, m in zip(np.flatnonzero(b), matches):
            found = hit[p - np.flatnonzero(b)[0], m] if m >= 0 else np.zeros(
                J, dtype=bool)
            np.testing.assert_array_equal(matching.hits[p], found)
        np.testing.assert_array_equal(
            matching.frame(number)[2] <= HIT_THRESHOLD, hit)
