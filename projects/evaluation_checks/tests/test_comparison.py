"""Equality with the original toolkits, by the numbers they gave.

The numbers in ``tests/data/poseval`` were written by
``compare_with_poseval.py``; a seed names the set they are
of.
"""
import json

import numpy as np
import pytest

from mmpose_tdmi.evaluation import evaluate_folders
from projects.evaluation_checks.comparison import (POSEVAL_FIGURES, Comparison,
                                                   comparison_table,
                                                   largest_difference,
                                                   posetrack21_figures,
                                                   poseval_figures,
                                                   summary_table)
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
    assert set(original) == {*POSEVAL_FIGURES, 'motp'}
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
    lines = comparison_table([same, other, lone], ['ap']).splitlines()
    assert lines[2] == '| same | 1.00 | 0e+00 | yes |'
    assert lines[3] == '| other | 2.00 | 5e-01 | **no** |'
    assert lines[4] == '| lone | 2.00 | inf | – |'
    summary = summary_table(dict(a=[same, other], b=[same])).splitlines()
    assert summary[2:] == [
        '| a | 2 | ap | 5.0e-01 |', '| b | 1 | ap | 0.0e+00 |'
    ]
