"""Error counts of slices: as rows, as text, as csv.

Shape shorthand: J = 15 joints.
"""
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Union

import numpy as np

from mmpose_tdmi.utils.files import atomic_path
from ..functional import POSEVAL_JOINTS, average_precision, mean_of_known
from .collection import JointErrors
from .outcomes import OUTCOMES, PREDICTIONS
from .slices import Slices, slice_joints

#: The name of a row over all joints or slices.
ALL = 'all'
_FALSE_POSITIVES = PREDICTIONS[1:]


@dataclass
class ErrorRow:
    """Joints of a slice.

    Args:
        by (str): What was sliced by.
        slice (str): Which slice, :data:`ALL` for the total.
        joint (str): Which joint, :data:`ALL` for all.
        outcomes (dict[str, int]): Annotated joints by outcome.
        predictions (dict[str, int]): Predicted joints by what they are.
        ap (float): Average precision in percent; of several joints the mean
            of those that are annotated in the slice, in the total the
            official one, see ``poseval_ap``. NaN where there is none.
    """
    by: str
    slice: str
    joint: str
    outcomes: Dict[str, int]
    predictions: Dict[str, int]
    ap: float

    @property
    def num_gt(self) -> int:
        """int: Annotated joints."""
        return sum(self.outcomes.values())

    @property
    def num_pred(self) -> int:
        """int: Predicted joints."""
        return sum(self.predictions.values())

    def share(self, outcome: str) -> float:
        """Percentage of the annotated joints with an outcome.

        Args:
            outcome (str): Its name.

        Returns:
            float: NaN without annotated joints.
        """
        if not self.num_gt:
            return float('nan')
        return 100 * self.outcomes[outcome] / self.num_gt


def error_rows(errors: JointErrors, by: str) -> List[ErrorRow]:
    """Count the errors of each slice.

    Args:
        errors (JointErrors): The joints.
        by (str): What to slice by.

    Returns:
        list[ErrorRow]: Of each slice first all joints, then, unless the
        slices are joints, each joint; the total last, likewise.
    """
    slices = slice_joints(errors, by)
    rows: List[ErrorRow] = []
    for place, label in enumerate(slices.labels):
        rows += _slice_rows(errors, slices, label, slices.index == place,
                            slices.pred_index == place)
    everything = np.ones(len(errors.joint), dtype=bool)
    predicted = np.ones(len(errors.pred_joint), dtype=bool)
    total = Slices(by, [], slices.index, slices.pred_index, True)
    return rows + _slice_rows(errors, total, ALL, everything, predicted)


def format_rows(rows: Sequence[ErrorRow]) -> str:
    """A table for people: the rows over all joints.

    Args:
        rows (Sequence[ErrorRow]): Of one slicing.

    Returns:
        str: Lines of text; outcomes in percent of the annotated joints, false
        positives as counts.
    """
    head = [f'by {rows[0].by}', 'joints', 'AP'] + [
        name.replace('_', ' ') for name in OUTCOMES
    ] + ['predicted'] + [name.replace('_', ' ') for name in _FALSE_POSITIVES]
    lines = [head]
    for row in rows:
        if row.joint == ALL or row.by == 'joint':
            lines.append(
                [row.slice, str(row.num_gt),
                 _percent(row.ap)] +
                [_percent(row.share(name))
                 for name in OUTCOMES] + [str(row.num_pred)] +
                [str(row.predictions[n]) for n in _FALSE_POSITIVES])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return '\n'.join('  '.join(
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(line, widths)))
                     for line in lines)


def write_csv(path: Union[str, Path], rows: Sequence[ErrorRow]) -> None:
    """All rows, with the counts.

    Args:
        path (str | Path): The file.
        rows (Sequence[ErrorRow]): Of any slicings.
    """
    with atomic_path(path) as temporary:
        with temporary.open('w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            writer.writerow(['by', 'slice', 'joint', 'annotated', 'ap'] +
                            [f'gt_{name}'
                             for name in OUTCOMES] + ['predicted'] +
                            [f'pred_{name}' for name in PREDICTIONS])
            for row in rows:
                ap = '' if np.isnan(row.ap) else f'{row.ap:.4f}'
                writer.writerow(
                    [row.by, row.slice, row.joint, row.num_gt, ap] +
                    [row.outcomes[name]
                     for name in OUTCOMES] + [row.num_pred] +
                    [row.predictions[name] for name in PREDICTIONS])


def _slice_rows(errors: JointErrors, slices: Slices, label: str,
                here: np.ndarray, pred_here: np.ndarray) -> List[ErrorRow]:
    """The row of a slice and, unless it is a joint, those of its joints."""
    num_joints = len(POSEVAL_JOINTS)
    outcomes = _counts(errors.joint[here], errors.outcome[here], OUTCOMES)
    predictions = _counts(errors.pred_joint[pred_here],
                          errors.pred_outcome[pred_here], PREDICTIONS)
    ap = np.full(num_joints, np.nan)
    if slices.has_ap:
        ap = np.array([
            _joint_ap(errors, pred_here & (errors.pred_joint == joint),
                      int(outcomes[joint].sum()))
            for joint in range(num_joints)
        ])
        if label != ALL:
            # 0 for a joint that is neither annotated nor predicted is a
            # quirk of the official total
            ap[outcomes.sum(axis=1) == 0] = np.nan

    def row(joint: str, places: slice, value: float) -> ErrorRow:
        return ErrorRow(
            slices.by, label, joint,
            dict(zip(OUTCOMES, outcomes[places].sum(axis=0).tolist())),
            dict(zip(PREDICTIONS, predictions[places].sum(axis=0).tolist())),
            value)

    if slices.by == 'joint' and label != ALL:
        place = POSEVAL_JOINTS.index(label)
        return [row(label, slice(place, place + 1), float(ap[place]))]
    rows = [row(ALL, slice(None), mean_of_known(ap))]
    if slices.by != 'joint':
        rows += [
            row(name, slice(place, place + 1), float(ap[place]))
            for place, name in enumerate(POSEVAL_JOINTS)
        ]
    return rows


def _joint_ap(errors: JointErrors, here: np.ndarray, num_gt: int) -> float:
    hits = errors.pred_outcome[here] == PREDICTIONS.index('hit')
    return 100 * average_precision(hits, errors.pred_score[here], num_gt)


def _counts(joints: np.ndarray, outcomes: np.ndarray,
            names: Sequence[str]) -> np.ndarray:
    """By joint and outcome, (J, outcomes)."""
    flat = np.bincount(
        joints * len(names) + outcomes,
        minlength=len(POSEVAL_JOINTS) * len(names))
    return flat.reshape(len(POSEVAL_JOINTS), len(names))


def _percent(value: float) -> str:
    return '-' if np.isnan(value) else f'{value:.1f}'
