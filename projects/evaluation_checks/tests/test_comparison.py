"""Equality with the original toolkits, by the numbers they gave.

The numbers in ``tests/data/poseval`` were written by
``compare_with_poseval.py``; a seed names the set they are of.
"""
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation import (POSEVAL_JOINTS, evaluate_folders,
                                    group_means)
from projects.evaluation_checks import comparison
from projects.evaluation_checks.comparison import (Comparison,
                                                   largest_difference,
                                                   posetrack21_figures,
                                                   poseval_figures,
                                                   same_tables)
from projects.evaluation_checks.random_scenes import RandomSetSettings
from projects.evaluation_checks.random_sets import (write_jittered_predictions,
                                                    write_random_set)

TOLERANCE = 1e-9


@pytest.fixture
def numbers(repository):
    """``numbers(name)``: what the original gave, by seed."""

    def read(name):
        path = repository / 'tests' / 'data' / 'poseval' / f'{name}.json'
        return json.loads(path.read_text())

    return read


def test_equal_to_poseval_on_random_sets(numbers, tmp_path):
    found = numbers('random_sets')
    assert len(found) >= 20
    comparisons = []
    for seed, original in found.items():
        folders = write_random_set(tmp_path / seed,
                                   RandomSetSettings.varied(int(seed)),
                                   int(seed))
        scores = evaluate_folders(*folders, ('ap', 'mota'))
        comparisons.append(Comparison(seed, original, poseval_figures(scores)))
    assert set(original) == {*comparison.POSEVAL_FIGURES, 'motp'}
    assert largest_difference(comparisons) < TOLERANCE
    # the sets are worth something: all formats, all kinds of figures
    totals = [c.original['ap'][-1] for c in comparisons]
    assert min(totals) > 0 and np.std(totals) > 5
    assert any(None in c.original['ap'] for c in comparisons)
    # the original's MOTP counts pairs more than once
    assert all(c.original['motp'][-1] < c.ours['motp'][-1]
               for c in comparisons)


def test_equal_to_poseval_on_jittered_poses_of_real_frames(
        numbers, shared_clips, tmp_path):
    gt_dir = shared_clips / 'posetrack18' / 'annotations' / 'val'
    comparisons = []
    for seed, original in numbers('annotated_frames').items():
        write_jittered_predictions(gt_dir, tmp_path / seed, int(seed))
        scores = evaluate_folders(gt_dir, tmp_path / seed)
        comparisons.append(Comparison(seed, original, poseval_figures(scores)))
        assert scores.num_frames == 3
    assert len(comparisons) == 5
    assert largest_difference(comparisons) < TOLERANCE
    assert all(20 < c.original['ap'][-1] < 60 for c in comparisons)


def test_equal_to_posetrack21_on_random_sets(numbers, tmp_path):
    found = numbers('posetrack21')
    assert len(found) >= 20
    comparisons, lone_frames = [], 0
    for seed, original in found.items():
        folders = write_random_set(tmp_path / seed,
                                   RandomSetSettings.posetrack21(int(seed)),
                                   int(seed))
        scores = evaluate_folders(
            *folders, ('ap', 'hota'), presence='posetrack21')
        comparisons.append(
            Comparison(seed, original, posetrack21_figures(scores)))
        lone_frames += scores.hota.lone_frames
    assert largest_difference(comparisons) < TOLERANCE
    # the released evaluator's counting of such frames is covered
    assert lone_frames > 10


def test_the_table_shows_differences():
    same = Comparison('same', dict(ap=[1., None]), dict(ap=[1., None]), True)
    other = Comparison('other', dict(ap=[1., 2.]), dict(ap=[1., 2.5]), False)
    lone = Comparison('lone', dict(ap=[None, 2.]), dict(ap=[1., 2.]))
    assert same.differences() == dict(ap=0)
    assert largest_difference([same, other]) == 0.5
    assert largest_difference([lone]) == np.inf
    same = Comparison('same', dict(ap=[None, 1.]), dict(ap=[None, 1.]), True)
    assert cells(comparison.comparison_table([same, other, lone], ['ap'])) == [
        ['set', 'ap', 'Δ ap', 'same tables'],
        ['same', '1.00', '0e+00', 'yes'],
        ['other', '2.00', '5e-01', '**no**'],
        ['lone', '2.00', 'inf', '–'],
    ]
    assert cells(comparison.summary_table(dict(a=[same, other],
                                               b=[same])))[1:] == [
                                                   ['a', '2', 'ap', '5.0e-01'],
                                                   ['b', '1', 'ap', '0.0e+00'],
                                               ]


def cells(table):
    lines = table.splitlines()
    return [[cell.strip() for cell in line.split('|')[1:-1]]
            for line in [lines[0], *lines[2:]]]


def test_tables_are_compared_with_what_poseval_prints(tmp_path):
    folders = write_random_set(tmp_path, RandomSetSettings(), 0)
    scores = evaluate_folders(*folders, ('ap', 'mota'))
    figures = scores.figures()

    def row(name):
        groups = group_means(
            np.array([figures[name][j] for j in POSEVAL_JOINTS]))
        return [*groups.values(), figures[name]['total']]

    def line(values):
        return '&' + ' &'.join(f'{v:5.1f}' for v in values) + ' \\\\'

    columns = '& Head & Shou & Elb  & Wri  & Hip  & Knee & Ankl & Total'
    ap = [columns + '\\\\', line(row('AP'))]
    mot = [
        '&' + 8 * ' MOTA &' + ' MOTP & Prec & Rec  \\\\',
        columns + 3 * '& Total' + '\\\\',
        # its own MOTP
        line([*row('MOTA'), 1.5,
              row('Prec')[-1],
              row('Rec')[-1]])
    ]
    assert same_tables(scores, ['Loading data', *ap, 'something', *mot])
    assert not same_tables(scores, [*ap, *mot[:2], line([1.] * 11)])
    alone = evaluate_folders(*folders)
    assert same_tables(alone, ap) and not same_tables(alone, ap + mot)
