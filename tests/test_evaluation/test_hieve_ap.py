"""The unofficial AP of HiEve: known answers and properties."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import (HiEveFrame, HiEveHeadSize,
                                               assign_persons,
                                               average_precision, hieve_ap,
                                               weighted_average_precision)

NAMES = ['nose', 'chest', 'right_shoulder']
#: Heads of 10 pixels for the boxes here.
HEAD = HiEveHeadSize('box_height', 0.1)


def frame(gt, pred, scores=None, absent=(), actions=()):
    """A frame of N and M persons, their joints (N, K, 2) and (M, K, 2)."""
    gt = np.reshape(np.array(gt, dtype=float), (-1, 3, 2))
    pred = np.reshape(np.array(pred, dtype=float), (-1, 3, 2))
    present = np.ones(gt.shape[:2], dtype=bool)
    for index in absent:
        present[index] = False
    boxes = np.tile([0., 0, 50, 100], (len(gt), 1))
    if scores is None:
        scores = np.ones(pred.shape[:2])
    return HiEveFrame(gt, present, boxes, pred,
                      np.array(scores, dtype=float).reshape(len(pred), 3),
                      actions)


def person(x, y=0):
    return np.array([[x, y], [x, y + 20], [x + 5, y + 20]], dtype=float)


def ap(frames, **kwargs):
    return hieve_ap(frames, NAMES, **dict(dict(head_size=HEAD), **kwargs))


def test_thresholds_are_in_head_sizes_and_inclusive():
    gt = person(0)
    # 5, 7.5 and 9 pixels of a 10 pixel head
    shifts = np.array([[5, 0], [7.5, 0], [9, 0]])
    result = ap([frame([gt], [gt + shifts])])
    assert result.ap.tolist() == [[100, 0, 0], [100, 100, 0], [100] * 3]
    assert result.summary() == {
        'AP@0.5': pytest.approx(100 / 3),
        'AP@0.75': pytest.approx(200 / 3),
        'AP@0.9': 100,
        'AP@avg': pytest.approx(200 / 3)
    }


def test_unassigned_predictions_are_false_positives():
    gt = person(0)
    # the second of two equal predictions comes too late, its score is higher
    result = ap([frame([gt], [gt, gt], [[1] * 3, [2] * 3])])
    assert result.ap[0].tolist() == [50, 50, 50]
    result = ap([frame([gt], [gt, gt], [[2] * 3, [1] * 3])])
    assert result.ap[0].tolist() == [100, 100, 100]


def test_greedy_gives_the_loser_another_person_argmax_does_not():
    pckh = np.array([[1., 0.5], [0.9, 0.4]])
    assert assign_persons(pckh, 'greedy') == [(0, 0), (1, 1)]
    assert assign_persons(pckh, 'argmax') == [(0, 0)]
    assert assign_persons(np.zeros((2, 2)), 'greedy') == []
    # ties: the earlier prediction, then the earlier person
    assert assign_persons(np.ones((2, 2)), 'greedy') == [(0, 0), (1, 1)]
    assert assign_persons(np.ones((2, 2)), 'argmax') == [(0, 0)]


@pytest.mark.parametrize('assignment', ['greedy', 'argmax'])
def test_assignments_are_one_to_one_and_of_hits(assignment):
    rng = np.random.default_rng(0)
    for _ in range(20):
        pckh = rng.integers(0, 4, (6, 5)) / 3
        pairs = assign_persons(pckh, assignment)
        rows, columns = zip(*pairs) if pairs else ((), ())
        assert len(set(rows)) == len(rows)
        assert len(set(columns)) == len(columns)
        assert all(pckh[pair] > 0 for pair in pairs)
        assert len(assign_persons(pckh, 'greedy')) >= len(pairs)


def test_absent_joints():
    gt = person(0)
    # absent in the ground truth: the prediction is false; nobody's: no AP
    result = ap([frame([gt], [gt], absent=[(0, 2)])])
    assert result.ap[0, :2].tolist() == [100, 100] and np.isnan(result.ap[0,
                                                                          2])
    result = ap(
        [frame([gt], [gt], [[1, 1, 2]], absent=[(0, 2)]),
         frame([gt], [gt])])
    assert result.ap[0].tolist() == [100, 100, 50]
    assert result.num_gt.tolist() == [2, 2, 1]


def test_frames_without_persons():
    frames = [
        frame([], [person(0)], [[2] * 3]),
        frame([person(0)], [person(0)])
    ]
    assert ap(frames).summary()['AP@avg'] == 100
    assert ap(frames).num_frames == 1
    result = ap(frames, score_empty_frames=True)
    assert result.summary()['AP@avg'] == 50 and result.num_frames == 2


def test_without_weights_it_is_the_average_precision_of_posetrack():
    rng = np.random.default_rng(0)
    for _ in range(20):
        hits = rng.random(30) < 0.6
        scores = rng.integers(0, 8, 30).astype(float)
        assert weighted_average_precision(hits, scores, np.ones(30),
                                          25.) == pytest.approx(
                                              average_precision(
                                                  hits, scores, 25),
                                              abs=1e-12)


def test_weights_are_like_repetitions_of_frames():
    rng = np.random.default_rng(1)
    hits, scores = rng.random(20) < 0.6, rng.random(20)
    weights = rng.integers(0, 4, 20)
    repeated = np.repeat(np.arange(20), weights)
    total = 60
    assert weighted_average_precision(hits, scores, weights.astype(float),
                                      total) == pytest.approx(
                                          weighted_average_precision(
                                              hits[repeated], scores[repeated],
                                              np.ones(len(repeated)), total))


@pytest.mark.parametrize('kwargs, expected', [
    (dict(alphas=()), 'alphas'),
    (dict(alphas=(0.5, 0)), 'alphas'),
    (dict(assignment='best'), 'assignment'),
])
def test_wrong_options_are_named(kwargs, expected):
    with pytest.raises(ValueError, match=expected):
        ap([frame([person(0)], [person(0)])], **kwargs)


def test_it_is_invariant_to_the_order_of_frames_and_to_scale():
    rng = np.random.default_rng(2)

    def made(scale):
        rng = np.random.default_rng(3)
        frames = []
        for _ in range(10):
            gt = rng.uniform(0, 200, (3, 3, 2))
            pred = gt[rng.permutation(3)] + rng.normal(0, 6, (3, 3, 2))
            made = frame(scale * gt, scale * pred, rng.random((3, 3)))
            made.boxes = scale * made.boxes
            frames.append(made)
        return frames

    frames = made(1)
    expected = ap(frames).ap
    assert 0 < expected.min() and expected.max() < 100
    shuffled = [frames[i] for i in rng.permutation(len(frames))]
    np.testing.assert_allclose(ap(shuffled).ap, expected)
    np.testing.assert_allclose(ap(made(4)).ap, expected)
