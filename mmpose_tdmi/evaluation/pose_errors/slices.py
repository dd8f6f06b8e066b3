"""The ways to slice joints: by joint, visibility, size, speed, crowd.

Shape shorthand: n annotated and m predicted joints of all videos.
"""
from dataclasses import dataclass
from typing import List, Sequence

import numpy as np

from ..functional import POSEVAL_JOINTS
from .collection import JointErrors

#: What joints can be sliced by.
SLICINGS = ('joint', 'visibility', 'size', 'speed', 'crowd')
#: Edges between slices of head size, in pixels.
SIZE_EDGES = (16., 32., 64., 128.)
#: Edges between slices of speed, in head sizes per frame.
SPEED_EDGES = (0.05, 0.15, 0.3, 0.6)
#: Edges between slices of the crowd index: CrowdPose's easy, medium, hard.
CROWD_EDGES = (0.1, 0.8)
#: The slice of predicted joints that belong to no annotated one.
NO_JOINT = 'no annotated joint'


@dataclass
class Slices:
    """Which slice each joint is in.

    Args:
        by (str): One of :data:`SLICINGS`.
        labels (list[str]): The slices' names.
        index (np.ndarray): The slice of each annotated joint, (n, ).
        pred_index (np.ndarray): The slice of each predicted joint, (m, ).
        has_ap (bool): Whether false positives belong to slices whatever
            their cause, without which there is no precision and no AP.
    """
    by: str
    labels: List[str]
    index: np.ndarray
    pred_index: np.ndarray
    has_ap: bool


def slice_joints(errors: JointErrors, by: str) -> Slices:
    """Put every joint into one slice.

    Args:
        errors (JointErrors): The joints.
        by (str): One of :data:`SLICINGS`.

    Returns:
        Slices: The slices; those of numbers in ascending order.

    Raises:
        ValueError: If there is no such slicing.
    """
    if by == 'joint':
        return Slices(by, list(POSEVAL_JOINTS), errors.joint,
                      errors.pred_joint, True)
    if by == 'crowd':
        labels = _range_labels(CROWD_EDGES, '')
        return Slices(by, labels, np.digitize(errors.crowd, CROWD_EDGES),
                      np.digitize(errors.pred_crowd, CROWD_EDGES), True)
    if by == 'visibility':
        # a file in which nothing is "visible" does not tell what is hidden
        tells = (errors.visibility == 2).any()
        labels = ['visible', 'hidden', 'not told']
        index = np.select(
            [errors.visibility == 2,
             (errors.visibility == 1) & tells], [0, 1], 2)
    elif by == 'size':
        labels = _range_labels(SIZE_EDGES, ' px')
        index = np.digitize(errors.head_size, SIZE_EDGES)
    elif by == 'speed':
        labels = [*_range_labels(SPEED_EDGES, ''), 'unknown']
        index = np.where(
            np.isnan(errors.speed),
            len(labels) - 1, np.digitize(errors.speed, SPEED_EDGES))
    else:
        raise ValueError(f'joints are sliced by one of {SLICINGS}, got {by!r}')
    labels.append(NO_JOINT)
    pred_index = np.full(len(errors.pred_joint), len(labels) - 1)
    known = errors.pred_gt >= 0
    pred_index[known] = index[errors.pred_gt[known]]
    return Slices(by, labels, index, pred_index, False)


def _range_labels(edges: Sequence[float], unit: str) -> List[str]:
    between = [f'{a:g} to {b:g}{unit}' for a, b in zip(edges, edges[1:])]
    return [f'below {edges[0]:g}{unit}', *between, f'from {edges[-1]:g}{unit}']
