"""Weighted AP, PCKh, bootstrap intervals against known answers."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import average_precision
from projects.known_truth.paired_statistics import (Estimate, SystemFigures,
                                                    draw_videos, selections,
                                                    system_figures,
                                                    weighted_ap, weighted_pckh)
from projects.known_truth.records import RunRecords, Truth


def ones(truth):
    return np.ones((1, len(truth.videos)), dtype=int)


def test_ap_is_poseval_s(truth, make_records):
    records = make_records(0.6)
    chosen = selections(truth)['all']
    expected = np.mean([
        100 * average_precision(records.hits[:, j], records.ranks[:, j],
                                len(truth.slices)) for j in range(15)
    ])
    assert np.isclose(
        weighted_ap(records, truth, chosen, ones(truth))[0], expected)


def test_a_video_drawn_twice_counts_like_two(truth, make_records):
    records = make_records(0.6)
    weights = np.ones((1, 40), dtype=int)
    weights[0, :10] = 2
    weights[0, 10:15] = 0
    rows = np.concatenate([
        np.flatnonzero(truth.video == v) for v in range(40)
        for _ in range(weights[0, v])
    ])
    # copies of a prediction have its score; one right after the other
    drawn = Truth(truth.videos, truth.difficulties, truth.video[rows],
                  truth.slices[rows])
    copied = RunRecords(
        records.hits[rows], records.own_hits[rows], records.scored[rows],
        2 * records.ranks[rows] + (np.diff(rows, prepend=-1) <= 0)[:, None])
    for figure in (weighted_ap, weighted_pckh):
        by_weight = figure(records, truth, selections(truth)['all'], weights)
        by_copy = figure(copied, drawn, selections(drawn)['all'], ones(drawn))
        # within a tie the envelope may differ by less than one prediction
        assert np.allclose(by_weight, by_copy, atol=1.)
    assert np.isclose(
        weighted_pckh(records, truth,
                      selections(truth)['all'], weights)[0],
        100 * records.own_hits[rows].mean())


def test_a_slice_sees_its_own_joints_only(truth, make_records):
    rate = np.ones((120, 15))
    rate[:, 10:] = 0.  # all hidden joints are missed
    records = make_records(rate)
    chosen = selections(truth)
    for figure in (weighted_ap, weighted_pckh):
        value = {
            name: figure(records, truth, chosen[name], ones(truth))[0]
            for name in ('visible', 'hidden_seen', 'hidden_unseen', 'all',
                         'hard/visible')
        }
        assert value['visible'] == 100 and value['hard/visible'] == 100
        assert value['hidden_seen'] == 0
        assert np.isnan(value['hidden_unseen'])
        assert np.isclose(value['all'], 100 * 10 / 15)


def test_difficulties_share_out_the_videos(truth, make_records):
    rate = np.ones((120, 1))
    rate[60:] = 0.
    records = make_records(rate)
    chosen = selections(truth)
    ap = {
        n: weighted_ap(records, truth, chosen[n], ones(truth))[0]
        for n in ('easy', 'hard')
    }
    assert ap == dict(easy=100, hard=0)
    assert (chosen['easy'].truth ^ chosen['hard'].truth).all()


def test_false_positives_of_absent_joints_count_in_all(truth, make_records):
    slices = truth.slices.copy()
    slices[:60, 0] = 0  # not labelled, but predicted, with higher scores
    truth = Truth(truth.videos, truth.difficulties, truth.video, slices)
    records = make_records(np.where(slices > 0, 1., 0.))
    ranks = np.argsort(np.argsort(-(slices == 0).astype(int), axis=0), axis=0)
    records = RunRecords(records.hits, records.own_hits, records.scored,
                         ranks[::-1])
    value = weighted_ap(records, truth,
                        selections(truth)['all'], ones(truth))[0]
    assert value < 100
    visible = weighted_ap(records, truth,
                          selections(truth)['visible'], ones(truth))[0]
    assert visible == 100


def test_predictions_in_ignore_regions_do_not_count(truth, make_records):
    records = make_records(0.5)
    scored = records.hits.copy()  # every miss lies in an ignore region
    records = RunRecords(records.hits, records.own_hits, scored, records.ranks)
    recall = 100 * records.hits.mean()
    assert np.isclose(
        weighted_ap(records, truth,
                    selections(truth)['all'], ones(truth))[0], recall)


def test_draws_are_of_all_videos_and_the_same_each_time():
    weights = draw_videos(40, 50)
    assert weights.shape == (50, 40) and (weights.sum(axis=1) == 40).all()
    assert (weights == draw_videos(40, 50)).all()
    assert np.isclose(weights.mean(), 1)


def test_intervals_cover_the_true_rate(truth, make_records):
    """PCKh of independent joints: the bootstrap agrees with the binomial."""
    runs = [make_records(0.6, seed) for seed in range(3)]
    figures = system_figures(
        runs, truth, ['all'], 0, weighted_pckh, replicates=400)['all']
    estimate = figures.estimate()
    assert estimate.low < 60 < estimate.high
    # three runs on the same videos, which here are independent draws
    width = 2 * 1.96 * 100 * np.sqrt(0.24 / (3 * 1800))
    assert 0.6 * width < estimate.high - estimate.low < 1.7 * width


def test_paired_differences_are_surer_than_the_figures(truth, make_records):
    # videos differ much in difficulty, systems by a constant
    easy = np.repeat(np.random.default_rng(3).random(40), 3)[:, None]
    worse = [make_records(0.9 * easy, s) for s in range(3)]
    better = [make_records(0.9 * easy + 0.1, s + 3) for s in range(3)]
    a, b = (system_figures(
        runs, truth, ['all'], i, weighted_pckh, replicates=200)['all']
            for i, runs in enumerate((worse, better)))
    difference = b.minus(a)
    assert np.isclose(difference.value, 10, atol=2)
    assert difference.excludes_zero()
    own = a.estimate()
    assert difference.high - difference.low < 0.5 * (own.high - own.low)


def test_no_difference_is_found_where_there_is_none(truth, make_records):
    a, b = (
        system_figures([make_records(0.6, 10 * i + s) for s in range(3)],
                       truth, ['all'],
                       i,
                       replicates=200)['all'] for i in range(2))
    assert not b.minus(a).excludes_zero()
    assert a.minus(a).value == 0


def test_seeds_widen_the_interval():
    values = np.array([50., 60., 70.])
    replicates = np.repeat(values[:, None], 300, axis=1)
    estimate = SystemFigures(values, replicates, 0).estimate()
    assert estimate.value == 60
    assert estimate.low <= 54 and estimate.high >= 66


@pytest.mark.parametrize('low, high, expected', [(1, 2, True), (-2, -1, True),
                                                 (-1, 1, False)])
def test_excludes_zero(low, high, expected):
    assert Estimate(0., low, high).excludes_zero() is expected
