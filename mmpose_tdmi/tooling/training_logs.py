"""Figures and tables of trainings, from the logs that MMEngine writes.

A log is MMEngine's ``scalars.json``: one json object a line, the training's
with ``loss``, the validation's without. A work folder may hold several, of
resumed runs; where a later run repeats iterations, it counts.

Shape shorthand: n logged iterations.
"""
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple, Union

import numpy as np

from mmpose_tdmi.visualization.grouped_backends import grouped_name

PathLike = Union[str, Path]


@dataclass
class TrainingLog:
    """What a training logged.

    Attributes:
        path (Path): The log or work folder.
        train (dict): Name -> (iterations, values), both (n, ), iterations
            ascending.
        val (dict): The same of validations, by epoch or iteration as logged.
        epochs (dict[int, int]): Iteration -> epoch.
    """
    path: Path
    train: Dict[str, Tuple[np.ndarray, np.ndarray]]
    val: Dict[str, Tuple[np.ndarray, np.ndarray]]
    epochs: Dict[int, int] = field(default_factory=dict)

    def curve(self, name: str) -> Tuple[np.ndarray, np.ndarray]:
        """A curve of training or, by its name, validation.

        Raises:
            ValueError: If the log has none of that name.
        """
        for curves in (self.train, self.val):
            if name in curves:
                return curves[name]
        known = sorted({*self.train, *self.val} - {'step', 'iter', 'epoch'})
        raise ValueError(f'{self.path} has no {name!r}, but {known}')


def find_logs(path: PathLike) -> List[Path]:
    """The log files of a training, oldest first.

    Args:
        path (str | Path): A log file or a work folder.

    Returns:
        list[Path]: The files.

    Raises:
        FileNotFoundError: If there is none.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    found = sorted(path.glob('*/vis_data/scalars.json')) or sorted(
        path.glob('vis_data/scalars.json'))
    if not found:
        raise FileNotFoundError(f'{path} is no log and holds none '
                                '(*/vis_data/scalars.json)')
    return found


def read_training_log(path: PathLike) -> TrainingLog:
    """Read a training's log.

    Args:
        path (str | Path): A log file or a work folder.

    Returns:
        TrainingLog: Its curves.

    Raises:
        FileNotFoundError: See :func:`find_logs`.
        ValueError: If a line is no json object with a ``step``, except a last
            one that a killed training has left unfinished.
    """
    curves: Tuple[dict, dict] = ({}, {})
    epochs: Dict[int, int] = {}
    for file in find_logs(path):
        lines = file.read_text(encoding='utf-8').splitlines()
        started = False
        for number, line in enumerate(lines, 1):
            record = _record(file, number, line, number == len(lines))
            if record is None:
                continue
            step = record['step']
            is_train = 'loss' in record
            if is_train and not started:
                started = True
                # a resumed run repeats what was not in a checkpoint
                _forget(curves[0], epochs, step)
            if is_train and 'epoch' in record:
                epochs[step] = record['epoch']
            for name, value in record.items():
                if isinstance(value, (int, float)) and name != 'step':
                    curves[0 if is_train else 1].setdefault(
                        name, {})[step] = float(value)
    if not curves[0] and not curves[1]:
        raise ValueError(f'{path}: the log is empty')
    train, val = ({
        name: (np.array(sorted(values)),
               np.array([values[step] for step in sorted(values)]))
        for name, values in part.items()
    } for part in curves)
    return TrainingLog(Path(path), train, val, epochs)


@dataclass(frozen=True)
class TrainTime:
    """How long iterations took, in seconds.

    Attributes:
        mean (float): Of all iterations.
        slowest_epoch (int): Its number.
        slowest (float): Its mean.
        fastest_epoch (int): Its number.
        fastest (float): Its mean.
        std_over_epochs (float): Standard deviation of epochs' means.
    """
    mean: float
    slowest_epoch: int
    slowest: float
    fastest_epoch: int
    fastest: float
    std_over_epochs: float


def train_time(log: TrainingLog, include_outliers: bool = False) -> TrainTime:
    """Mean time of an iteration, epoch by epoch.

    Args:
        log (TrainingLog): A training.
        include_outliers (bool): Whether the first logged iteration of an
            epoch counts, which waits for the data workers. Defaults to
            ``False``.

    Returns:
        TrainTime: The times.

    Raises:
        ValueError: If nothing is left to average.
    """
    steps, times = log.curve('time')
    by_epoch: Dict[int, List[float]] = {}
    for step, value in zip(steps.tolist(), times.tolist()):
        by_epoch.setdefault(log.epochs.get(step, 1), []).append(value)
    if not include_outliers:
        by_epoch = {e: v[1:] for e, v in by_epoch.items() if len(v) > 1}
    if not by_epoch:
        raise ValueError(f'{log.path}: one logged iteration an epoch leaves '
                         'nothing; use --include-outliers')
    means = {epoch: float(np.mean(v)) for epoch, v in by_epoch.items()}
    slowest = max(means, key=means.get)
    fastest = min(means, key=means.get)
    return TrainTime(
        float(np.mean(np.concatenate(list(by_epoch.values())))), slowest,
        means[slowest], fastest, means[fastest],
        float(np.std(list(means.values()))))


def mi_names(log: TrainingLog) -> Dict[str, List[str]]:
    """The names of the log by group, see
    :func:`~mmpose_tdmi.visualization.grouped_backends.grouped_name`."""
    groups: Dict[str, List[str]] = {}
    for name in log.train:
        group = grouped_name(name).partition('/')[0]
        groups.setdefault(group, []).append(name)
    return groups


def mi_table(log: TrainingLog, window: int = 10) -> List[List[str]]:
    """The terms of the objective at the start and at the end.

    Args:
        log (TrainingLog): A training.
        window (int): So many logged iterations are averaged at either end,
            at most half of them. Defaults to 10.

    Returns:
        list[list[str]]: Rows of term, start, end, share of the total at the
        end; the header first. A term's share is of the sum of magnitudes.

    Raises:
        ValueError: If the log has no term of the objective.
    """
    groups = mi_names(log)
    if not groups.get('mi_loss'):
        raise ValueError(f'{log.path} has no mutual information terms '
                         '(loss_mi_*); the model has no mi_loss, or another')
    window = max(1, min(window, len(log.train['loss'][0]) // 2))
    losses = [n for n in groups['loss'] if n != 'loss']
    losses += groups['mi_loss'] + groups.get('mi_probe_loss', [])
    ends = {n: float(log.train[n][1][-window:].mean()) for n in losses}
    total = sum(map(abs, ends.values()))
    rows = [['term', 'start', 'end', 'share']]
    for name in losses + groups.get('mi_estimate', []):
        values = log.train[name][1]
        share = f'{abs(ends[name]) / total:.1%}' if name in ends and total \
            else '-'
        rows.append([
            name, f'{values[:window].mean():.6g}',
            f'{values[-window:].mean():.6g}', share
        ])
    return rows


def _record(file: Path, number: int, line: str,
            is_last: bool) -> Optional[Mapping]:
    if not line.strip():
        return None
    try:
        record = json.loads(line)
    except ValueError as error:
        if is_last:
            return None  # the training was killed while it wrote
        raise ValueError(f'{file}, line {number}: not json: {error}') \
            from error
    if not isinstance(record, dict) or 'step' not in record:
        raise ValueError(f'{file}, line {number}: expected an object with '
                         f'"step", got {line[:60]!r}')
    return record


def _forget(curves: Dict[str, dict], epochs: Dict[int, int],
            start: int) -> None:
    for values in (*curves.values(), epochs):
        for step in [step for step in values if step >= start]:
            del values[step]
