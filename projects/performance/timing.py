"""Times of alternatives, taken in turn, and tables of them."""
import argparse
import statistics
import time
from typing import Any, Callable, Dict, Mapping, Sequence


def median_times(
        cases: Mapping[str, Callable[[], Any]],
        repeats: int,
        warm_up: bool = True,
        clock: Callable[[], float] = time.perf_counter) -> Dict[str, float]:
    """Median times.

    The cases are run in turn, all of them once per repetition, so that what
    else the machine does meets all alike.

    Args:
        cases (Mapping[str, Callable]): What to run, by name.
        repeats (int): Repetitions.
        warm_up (bool): Whether each is run once before. Defaults to
            ``True``.
        clock (Callable): Seconds. Defaults to :func:`time.perf_counter`;
            :func:`time.process_time`, CPU time in all threads, is less moved
            by what else a busy machine does.

    Returns:
        dict[str, float]: Seconds by name.

    Raises:
        ValueError: If there are no repetitions.
    """
    if repeats < 1:
        raise ValueError(f'repeats must be at least 1, got {repeats}')
    if warm_up:
        for run in cases.values():
            run()
    times: Dict[str, list] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, run in cases.items():
            start = clock()
            run()
            times[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def add_clock_argument(parser: argparse.ArgumentParser) -> None:
    """The option by which a script measures CPU time."""
    parser.add_argument(
        '--cpu-time',
        action='store_true',
        help='CPU time of the process instead of wall time: on a busy machine')


def chosen_clock(args: argparse.Namespace) -> Callable[[], float]:
    """The clock that :func:`add_clock_argument`'s option asks for."""
    return time.process_time if args.cpu_time else time.perf_counter


def clock_name(args: argparse.Namespace) -> str:
    """What a report says of its clock: ``'CPU time'`` or ``'wall time'``."""
    return f'{"CPU" if args.cpu_time else "wall"} time'


def markdown_table(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    """Rows as a markdown table; floats with three significant digits."""
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join('| ' + ' | '.join(map(_cell, line)) + ' |'
                     for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.0f}' if abs(value) >= 1000 else f'{value:.3g}'
    return str(value)
