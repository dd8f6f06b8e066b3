"""Tasks in processes."""
import os

import pytest

from mmpose_tdmi.datasets.converters.parallel import run_tasks


def square(number):
    if number < 0:
        raise ValueError(f'{number} is negative')
    return number**2, os.getpid()


@pytest.mark.parametrize('workers', [1, 2])
def test_results_come_in_order(workers, capsys):
    results = list(
        run_tasks(square, [3, 1, 2], workers, 'squares', 'number', True))
    assert [value for value, _ in results] == [9, 1, 4]
    assert ({pid for _, pid in results} == {os.getpid()}) == (workers == 1)
    assert 'squares: 100%' in capsys.readouterr().err


@pytest.mark.parametrize('workers', [1, 2])
def test_errors_come_through(workers):
    with pytest.raises(ValueError, match='-1 is negative'):
        list(run_tasks(square, [1, -1], workers))


def test_there_must_be_a_worker():
    with pytest.raises(ValueError, match='workers must be at least 1, got 0'):
        list(run_tasks(square, [], 0))
