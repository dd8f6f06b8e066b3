"""Distances and matches, against a plain implementation of the rules."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_tdmi.evaluation import (HIT_THRESHOLD, POSEVAL_JOINTS,
                                    AnnotatedSequence, PredictedSequence,
                                    head_sizes, match_persons)

J = len(POSEVAL_JOINTS)


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
