"""The ways to deal videos out, on cases whose answers are known."""
import numpy as np
import pytest

from projects.many_videos import simulate
from projects.many_videos.simulate import dynamic, split, static


def makespans(times, speeds, mtbf=np.inf):
    return [
        deal(times, np.array(speeds), np.random.default_rng(0), mtbf)
        for deal in (static, dynamic)
    ]


def test_makespans():
    # shares 4 + 2 and 3 + 1; 4 + 1 and 3 + 2
    assert makespans([4, 3, 2, 1], [1., 1.]) == [6, 5]
    # the slow one keeps its share: 3 + 1 at half speed
    assert makespans([4, 3, 2, 1], [1., .5]) == [8, 7]
    assert makespans([4, 3, 2, 1], [1.]) == [10, 10]


def test_failures(monkeypatch):
    monkeypatch.setattr(simulate, 'RESTART', 1.)

    class Failures:
        """The first worker breaks after 5 s, then nothing does."""

        def __init__(self):
            self.times = [5., 1e9, 1e9, 1e9]

        def exponential(self, mean, size=None):
            found = [self.times.pop(0) for _ in range(size or 1)]
            return np.array(found) if size else found[0]

    # it has done 4 and loses 2, which takes another run after 6 s
    assert static([4, 3, 2, 1], np.ones(2), Failures(), 1.) == 5 + 1 + 2
    # the other one takes over at 5 s what it loses then
    assert dynamic([6, 3, 2], np.ones(2), Failures(), 1.) == 5 + 6


def test_pieces():
    length = int(simulate.PIECE * 60 * simulate.FPS)
    times = split(np.array([length, 2 * length]), np.array([1., 1.]), 10.)
    assert times == pytest.approx([
        length, length + simulate.CONTEXT,
        length + simulate.CONTEXT + length / 10
    ])
