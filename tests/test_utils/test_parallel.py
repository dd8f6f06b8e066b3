"""Tasks in processes."""
import importlib
import math
import os
from functools import partial

import cv2
import pytest

from mmpose_tdmi.utils.parallel import run_tasks

FUNCTIONS = """
import os
import threading

import cv2

LOCK = threading.Lock()


def lock(seconds):
    is_free = LOCK.acquire(timeout=seconds)
    if is_free:
        LOCK.release()
    return is_free


def die(number):
    os._exit(1)


def square(number):
    return number**2, os.getpid(), cv2.getNumThreads()
"""


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """A module that processes can import."""
    (tmp_path / 'functions_of_a_test.py').write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module('functions_of_a_test')


@pytest.mark.parametrize('workers', [1, 2])
def test_results_come_in_order(functions, workers, capsys):
    before = cv2.getNumThreads()
    results = list(
        run_tasks(functions.square, [3, 1, 2], workers, 'squares', 'number',
                  True))
    assert [value for value, _, _ in results] == [9, 1, 4]
    assert ({pid for _, pid, _ in results} == {os.getpid()}) == (workers == 1)
    assert {threads for _, _, threads in results} == {1}
    assert 'squares: 100%' in capsys.readouterr().err
    assert cv2.getNumThreads() == before


@pytest.mark.parametrize('workers', [1, 2])
def test_errors_come_through(workers):
    with pytest.raises(ValueError, match='domain error'):
        list(run_tasks(math.sqrt, [1, -1], workers))


def test_locks_that_are_held_here_are_free_in_the_processes(functions):
    """A copy of this process would wait for ever for a thread it lacks."""
    with functions.LOCK:
        assert list(run_tasks(functions.lock, [1., 1.],
                              workers=2)) == [True, True]


@pytest.mark.parametrize('named', [lambda function: function, partial])
def test_a_process_that_dies_is_an_error(functions, named):
    with pytest.raises(
            RuntimeError,
            match=r"functions_of_a_test.die died.*__name__ == '__main__'"):
        list(run_tasks(named(functions.die), [1, 2], workers=2))


def test_the_bar_starts_where_the_work_does(capsys):
    assert list(run_tasks(math.sqrt, [4], progress=True, num_done=3)) == [2]
    assert '4/4' in capsys.readouterr().err


def test_there_must_be_a_worker():
    with pytest.raises(ValueError, match='workers must be at least 1, got 0'):
        list(run_tasks(math.sqrt, [], 0))
