"""Times in turn and tables."""
import argparse
import time

import pytest

from projects.performance.timing import (add_clock_argument, chosen_clock,
                                         clock_name, markdown_table,
                                         median_times)


class Clock:
    now = 0.

    def __call__(self):
        return self.now


def test_medians_of_runs_in_turn():
    clock, order = Clock(), []

    def case(name, durations):
        durations = iter(durations)

        def run():
            order.append(name)
            clock.now += next(durations)

        return run

    found = median_times(
        dict(a=case('a', [100, 1, 5, 3]), b=case('b', [100, 7, 7, 90])),
        3,
        clock=clock)
    assert found == dict(a=3, b=7)
    assert order == ['a', 'b'] * 4


def test_without_warm_up():
    runs = []
    median_times(dict(a=lambda: runs.append(1)), 2, warm_up=False)
    assert len(runs) == 2
    with pytest.raises(ValueError, match='repeats.*got 0'):
        median_times({}, 0)


def test_tables():
    assert markdown_table(
        ['a', 'b'],
        [['x', 1.23456], [2, 12345.6]
         ]) == ('| a | b |\n| --- | --- |\n| x | 1.23 |\n| 2 | 12346 |')


@pytest.mark.parametrize('options, clock, name', [
    ([], time.perf_counter, 'wall time'),
    (['--cpu-time'], time.process_time, 'CPU time'),
])
def test_the_clock_that_is_asked_for(options, clock, name):
    parser = argparse.ArgumentParser()
    add_clock_argument(parser)
    args = parser.parse_args(options)
    assert chosen_clock(args) is clock and clock_name(args) == name
