"""Average precision of slices, and how sure one can be of it.

**AP of a slice** is PoseTrack's AP, restricted to the joints of the slice:
persons are matched as always (all joints count for that); then a joint's
ground truth is that of the persons whose joint is in the slice, and its
predictions are those made in these persons' boxes. Predictions for other
persons' joints are ignored, neither hits nor false positives. Over all
joints nothing is ignored, and it is poseval's AP. The total is the mean of
the 15 joints' APs.

**PCKh of a slice** is the share of its joints that lie within 0.5 head sizes
of the prediction made in their person's box, pooled over the joint types.

**Intervals** are bootstrap percentiles: each replicate draws videos with
replacement (the same ones for all systems, so that differences are paired)
and, for each system, seeds.

Shape shorthand: R persons, J joints, n predictions of one joint, N videos,
B replicates, S seeds of a system.
"""
from dataclasses import dataclass
from typing import Callable, Dict, List, Sequence

import numpy as np

from .records import RunRecords, Truth
from .slices import SLICES

#: Replicates of the bootstrap.
NUM_REPLICATES = 300
#: Joints with fewer ground truths in a slice have no AP of their own there.
MIN_JOINTS = 5


@dataclass(frozen=True)
class Selection:
    """The joints that a figure is over.

    Args:
        name (str): 'all', a difficulty, a slice, or a difficulty and a slice.
        truth (np.ndarray): Joints of the ground truth, (R, J) bool.
        predictions (np.ndarray): Whose predictions count, (R, J) bool.
    """
    name: str
    truth: np.ndarray
    predictions: np.ndarray


def selections(truth: Truth) -> Dict[str, Selection]:
    """All selections by name.

    Args:
        truth (Truth): The validation set.

    Returns:
        dict[str, Selection]: ``all``, each difficulty, each slice, and
        ``<difficulty>/<slice>``.
    """
    there = truth.slices > 0
    everything = np.ones_like(there)
    chosen = {'all': Selection('all', there, everything)}
    of_person = np.array(truth.difficulties)[truth.video]
    difficulties = list(dict.fromkeys(truth.difficulties))
    for difficulty in difficulties:
        rows = (of_person == difficulty)[:, None]
        chosen[difficulty] = Selection(difficulty, there & rows,
                                       everything & rows)
    for bit, name in enumerate(SLICES):
        inside = (truth.slices >> bit & 1).astype(bool)
        chosen[name] = Selection(name, inside, inside)
        for difficulty in difficulties:
            rows = inside & (of_person == difficulty)[:, None]
            name_ = f'{difficulty}/{name}'
            chosen[name_] = Selection(name_, rows, rows)
    return chosen


def draw_videos(num_videos: int,
                replicates: int = NUM_REPLICATES,
                seed: int = 0) -> np.ndarray:
    """How often each video is drawn in each replicate, (B, N) int."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(num_videos, size=(replicates, num_videos))
    return np.apply_along_axis(np.bincount, 1, drawn, minlength=num_videos)


def weighted_ap(records: RunRecords, truth: Truth, selection: Selection,
                weights: np.ndarray) -> np.ndarray:
    """AP of a selection when videos are counted so many times.

    Args:
        records (RunRecords): A run.
        truth (Truth): The validation set.
        selection (Selection): What it is over.
        weights (np.ndarray): How often each video counts, (B, N); a row of
            ones gives the AP itself.

    Returns:
        np.ndarray: Percent, (B, ); NaN where no joint has enough ground
        truth.
    """
    values = []
    for joint in range(truth.slices.shape[1]):
        of_truth = selection.truth[:, joint]
        if of_truth.sum() < MIN_JOINTS:
            continue
        rows = np.flatnonzero(selection.predictions[:, joint]
                              & records.scored[:, joint])
        rows = rows[np.argsort(records.ranks[rows, joint])[::-1]]
        counts = weights[:, truth.video[of_truth]].sum(axis=1)
        values.append(
            _average_precision(records.hits[rows, joint],
                               weights[:, truth.video[rows]], counts))
    if not values:
        return np.full(len(weights), np.nan)
    return 100 * _mean_of_known(np.stack(values))


def weighted_pckh(records: RunRecords, truth: Truth, selection: Selection,
                  weights: np.ndarray) -> np.ndarray:
    """PCKh@0.5 in percent; arguments and result as :func:`weighted_ap`."""
    counts = selection.truth.sum(axis=1)
    hits = (records.own_hits & selection.truth).sum(axis=1)
    per_row = weights[:, truth.video]
    with np.errstate(invalid='ignore'):
        return 100 * (per_row @ hits) / (per_row @ counts)


def _average_precision(hits: np.ndarray, weights: np.ndarray,
                       counts: np.ndarray) -> np.ndarray:
    """Area under the monotone envelope, as poseval's, with multiplicities.

    Args:
        hits (np.ndarray): Of the predictions by descending score, (n, ).
        weights (np.ndarray): How often each counts, (B, n).
        counts (np.ndarray): Ground truths, (B, ).

    Returns:
        np.ndarray: In [0, 1], (B, ); NaN without ground truth.
    """
    if not len(hits):
        return np.where(counts > 0, 0., np.nan)
    steps = weights * hits
    found = np.cumsum(steps, axis=1)
    precision = found / np.maximum(np.cumsum(weights, axis=1), 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    area = (steps * envelope).sum(axis=1)
    return np.where(counts > 0, area / np.maximum(counts, 1), np.nan)


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=0)
    with np.errstate(invalid='ignore'):
        return total / known.sum(axis=0)


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval.

    Args:
        value (float): The figure.
        low (float): Lower end of the interval.
        high (float): Upper end.
    """
    value: float
    low: float
    high: float

    @classmethod
    def from_replicates(cls, value: float,
                        replicates: np.ndarray) -> 'Estimate':
        """The 95 % percentile interval of replicates, (B, )."""
        known = replicates[~np.isnan(replicates)]
        if not len(known):
            return cls(value, float('nan'), float('nan'))
        low, high = np.percentile(known, [2.5, 97.5])
        return cls(value, float(low), float(high))

    def excludes_zero(self) -> bool:
        """bool: Whether 0 is outside of the interval."""
        return self.low > 0 or self.high < 0


class SystemFigures:
    """The figures of one system over its seeds.

    Args:
        values (np.ndarray): Of each seed, (S, ).
        replicates (np.ndarray): Of each seed with resampled videos, (S, B).
        seed (int): What the seeds are drawn by; another one for each system.
    """

    def __init__(self, values: np.ndarray, replicates: np.ndarray,
                 seed: int) -> None:
        self.values = values
        rng = np.random.default_rng([1, seed])
        num_seeds, count = replicates.shape
        drawn = rng.integers(num_seeds, size=(count, num_seeds))
        self._replicates = np.take_along_axis(
            replicates.T, drawn, axis=1).mean(axis=1)

    def estimate(self) -> Estimate:
        """Estimate: The mean over seeds."""
        return Estimate.from_replicates(
            float(self.values.mean()), self._replicates)

    def minus(self, other: 'SystemFigures') -> Estimate:
        """The paired difference of two systems' means over seeds."""
        return Estimate.from_replicates(
            float(self.values.mean() - other.values.mean()),
            self._replicates - other._replicates)


def system_figures(
        runs: Sequence[RunRecords],
        truth: Truth,
        names: Sequence[str],
        seed: int,
        figure: Callable = weighted_ap,
        replicates: int = NUM_REPLICATES) -> Dict[str, SystemFigures]:
    """A system's figures over selections.

    Args:
        runs (Sequence[RunRecords]): One for each seed, S.
        truth (Truth): The validation set.
        names (Sequence[str]): Names of :func:`selections`.
        seed (int): See :class:`SystemFigures`.
        figure (Callable): :func:`weighted_ap` or :func:`weighted_pckh`.
        replicates (int): B.

    Returns:
        dict[str, SystemFigures]: By name.
    """
    chosen = selections(truth)
    weights = np.concatenate([
        np.ones((1, len(truth.videos)), dtype=int),
        draw_videos(len(truth.videos), replicates)
    ])
    figures = {}
    for name in names:
        rows: List[np.ndarray] = [
            figure(run, truth, chosen[name], weights) for run in runs
        ]
        table = np.stack(rows)
        figures[name] = SystemFigures(table[:, 0], table[:, 1:], seed)
    return figures
