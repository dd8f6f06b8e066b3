"""How long an evaluation takes.
"""
import time
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Sequence, Tuple, Union

from tabulate import tabulate

from mmpose_tdmi.evaluation import (evaluate_folders, read_annotations,
                                    read_predictions)

PathLike = Union[str, Path]


class Timing(NamedTuple):
    """Seconds.

    Args:
        wall (float): By the clock.
        cpu (float): Of the processor.
    """
    wall: float
    cpu: float


def time_evaluation(gt_dir: PathLike, pred_dir: PathLike,
                    metrics: Sequence[str], repeats: int) -> Timing:
    """Time reading the files of two folders and evaluating them.

    Args:
        gt_dir (str | Path): The folder of the ground truth.
        pred_dir (str | Path): The folder of the predictions.
        metrics (Sequence[str]): See :func:`evaluate_folders`.
        repeats (int): How often; the fastest counts.

    Returns:
        Timing: The least of each.
    """
    times = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        evaluate_folders(gt_dir, pred_dir, metrics)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return Timing(*map(min, zip(*times)))


def count_set(gt_dir: PathLike, pred_dir: PathLike) -> str:
    """str: What two folders hold, in words."""
    counts = []
    for folder, read in ((gt_dir, read_annotations), (pred_dir,
                                                      read_predictions)):
        files = sorted(Path(folder).glob('*.json'))
        sequences = [read(path) for path in files]
        size = sum(path.stat().st_size for path in files) / 1e6
        counts.append((len(files), sum(s.num_frames for s in sequences),
                       sum(s.num_persons for s in sequences), size))
    (videos, frames, persons, size), (_, _, predicted, pred_size) = counts
    return (f'{videos} videos, {frames} frames; {persons} annotated persons '
            f'({size:.0f} MB), {predicted} predicted ({pred_size:.0f} MB)')


def speed_table(times: Dict[str, Timing],
                original: Optional[Tuple[float, float]]) -> str:
    """A markdown table of times, with ratios if poseval's is known.

    Args:
        times (dict[str, Timing]): This package's, by what was computed.
        original (tuple[float, float], optional): poseval's for AP, by the
            clock and of the processor.
    """
    rows = []
    for name, timing in times.items():
        ratio = ''
        if original is not None and name == 'AP':
            ratio = (f'{original[0] / timing.wall:.1f} '
                     f'({original[1] / timing.cpu:.1f})')
        rows.append([f'this package, {name}', *timing, ratio])
    if original is not None:
        rows.append(['poseval, AP', *original, '1'])
    return tabulate(
        rows, ('', 'seconds', 'processor seconds', 'ratio (processor)'),
        tablefmt='github',
        floatfmt='.2f')
