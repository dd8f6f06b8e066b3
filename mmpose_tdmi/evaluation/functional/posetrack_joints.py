"""The joints that PoseTrack's metrics score, their order and their groups.

Shape shorthand: J = 15 scored joints, K keypoints of some layout.
"""
from typing import List, Sequence

import numpy as np

#: The 15 joints that are scored, in poseval's order. ``neck`` is what
#: PoseTrack18 files name ``head_bottom``; the ears are not scored.
POSEVAL_JOINTS = ('right_ankle', 'right_knee', 'right_hip', 'left_hip',
                  'left_knee', 'left_ankle', 'right_wrist', 'right_elbow',
                  'right_shoulder', 'left_shoulder', 'left_elbow',
                  'left_wrist', 'neck', 'nose', 'head_top')

#: The seven columns of PoseTrack's tables and the joints each averages.
POSEVAL_GROUPS = {
    'Head': ('head_top', 'neck', 'nose'),
    'Shoulder': ('right_shoulder', 'left_shoulder'),
    'Elbow': ('right_elbow', 'left_elbow'),
    'Wrist': ('right_wrist', 'left_wrist'),
    'Hip': ('right_hip', 'left_hip'),
    'Knee': ('right_knee', 'left_knee'),
    'Ankle': ('right_ankle', 'left_ankle'),
}

#: PoseTrack18's name of a joint that poseval names otherwise.
_JOINT_ALIASES = {'head_bottom': 'neck'}


def joint_columns(keypoint_names: Sequence[str], source: str) -> List[int]:
    """Where the scored joints are in a keypoint layout.

    Args:
        keypoint_names (Sequence[str]): The K names of the layout.
        source (str): Where the names come from, for the error.

    Returns:
        list[int]: J indices into the layout.

    Raises:
        ValueError: If the layout lacks a scored joint.
    """
    names = [_JOINT_ALIASES.get(name, name) for name in keypoint_names]
    missing = [name for name in POSEVAL_JOINTS if name not in names]
    if missing:
        raise ValueError(
            f'{source}: the keypoint layout {list(keypoint_names)} lacks '
            f'{missing}, which PoseTrack\'s metrics score ("neck" is named '
            '"head_bottom" in PoseTrack18)')
    return [names.index(name) for name in POSEVAL_JOINTS]


def group_means(values: np.ndarray) -> dict:
    """The seven groups of PoseTrack's tables.

    Args:
        values (np.ndarray): One number per joint, (J, ).

    Returns:
        dict[str, float]: The mean of each group's joints; NaN where one of
        them is NaN.
    """
    return {
        group:
        float(np.mean([values[POSEVAL_JOINTS.index(name)] for name in names]))
        for group, names in POSEVAL_GROUPS.items()
    }


def mean_of_known(values: np.ndarray) -> float:
    """float: The mean of the joints that are not NaN; NaN if there are none.

    Args:
        values (np.ndarray): One number per joint, (J, ).
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float('nan')
