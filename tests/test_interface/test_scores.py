"""The figures of random sets, by the function that users call.

``tests/test_evaluation/test_comparison.py`` compares more sets with the
numbers of the original toolkits, joint by joint.
"""
import functools
import json
import tempfile
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

from mmpose_tdmi.evaluation import (METRIC_NAMES, evaluate_folders,
                                    format_scores)
from projects.evaluation_checks.random_sets import (RandomSetSettings,
                                                    write_random_set)

ORIGINALS = Path(__file__).resolve().parents[1] / 'data' / 'poseval'
#: Presence rule and seed of each set.
CASES = {
    'poseval': ('poseval', 1),
    'posetrack21': ('posetrack21', 1),
}


@functools.lru_cache(maxsize=None)
def evaluate(case: str) -> Any:
    """All metrics of a random set."""
    presence, seed = CASES[case]
    make = (
        RandomSetSettings.posetrack21
        if presence == 'posetrack21' else RandomSetSettings.varied)
    with tempfile.TemporaryDirectory() as folder:
        folders = write_random_set(Path(folder), make(seed), seed)
        return evaluate_folders(*folders, METRIC_NAMES, presence=presence)


def figures(case: str) -> Dict[str, Any]:
    """The figures without the notes, whose wording is free."""
    content = json.loads(json.dumps(evaluate(case).as_dict()))
    assert isinstance(content['evaluated'].pop('notes'), list)
    return content


def scores() -> Dict[str, Any]:
    """The figures by set."""
    return {case: figures(case) for case in CASES}


PINS = dict(scores=scores)


def assert_close(found: Any, expected: Any, place: str = '') -> None:
    """Same structure, numbers equal up to rounding."""
    if isinstance(expected, dict):
        assert list(found) == list(expected), place
        for key, value in expected.items():
            assert_close(found[key], value, f'{place}/{key}')
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-6), place
    else:
        assert found == expected, place


@pytest.mark.parametrize('case', CASES)
def test_figures(expected, case):
    assert_close(figures(case), expected('scores')[case])


@pytest.mark.parametrize('case', CASES)
def test_totals_are_the_original_toolkits(case):
    presence, seed = CASES[case]
    name = 'random_sets' if presence == 'poseval' else presence
    original = json.loads((ORIGINALS / f'{name}.json').read_text())[str(seed)]
    found = figures(case)
    assert found['total'] == pytest.approx(original['ap'][-1])
    if presence == 'poseval':
        assert found['mota']['mota']['total'] == pytest.approx(
            original['mota'][-1])
    else:
        assert found['hota']['hota']['total'] == pytest.approx(
            original['hota'][-1])


def test_table():
    text = format_scores(evaluate('poseval'))
    total = evaluate('poseval').as_dict()['total']
    assert np.isfinite(total) and f'{total:.1f}' in text
