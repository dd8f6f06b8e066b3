"""The keypoint layouts of the datasets, and boxes around keypoints.

Shape shorthand: V keypoints of a layout; a person's ``keypoints`` are 3 V
numbers (x, y, v) in pixels of the whole image, and a joint is unlabelled
exactly if x = y = v = 0.
"""
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

#: PoseTrack18's V = 17 keypoints in the order of the files, used for all
#: PoseTrack datasets. The ears are never annotated.
KEYPOINT_NAMES = ('nose', 'head_bottom', 'head_top', 'left_ear', 'right_ear',
                  'left_shoulder', 'right_shoulder', 'left_elbow',
                  'right_elbow', 'left_wrist', 'right_wrist', 'left_hip',
                  'right_hip', 'left_knee', 'right_knee', 'left_ankle',
                  'right_ankle')
NUM_KEYPOINTS = len(KEYPOINT_NAMES)

#: Limbs as the official files give them: pairs of 1-based keypoint numbers.
SKELETON = ((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13),
            (6, 7), (6, 8), (7, 9), (8, 10), (9, 11), (2, 3), (1, 2), (1, 3),
            (2, 4), (3, 5), (4, 6), (5, 7))

#: PoseTrack17's joints by their ids 0 to 14, in PoseTrack18's names.
POSETRACK17_POINTS = ('right_ankle', 'right_knee', 'right_hip', 'left_hip',
                      'left_knee', 'left_ankle', 'right_wrist', 'right_elbow',
                      'right_shoulder', 'left_shoulder', 'left_elbow',
                      'left_wrist', 'head_bottom', 'nose', 'head_top')

#: HiEve's V = 14 keypoints by their ids.
HIEVE_KEYPOINT_NAMES = ('nose', 'chest', 'right_shoulder', 'right_elbow',
                        'right_wrist', 'left_shoulder', 'left_elbow',
                        'left_wrist', 'right_hip', 'right_knee', 'right_ankle',
                        'left_hip', 'left_knee', 'left_ankle')
#: Limbs: pairs of 1-based keypoint numbers.
HIEVE_SKELETON = ((1, 2), (2, 3), (3, 4), (4, 5), (2, 6), (6, 7), (7, 8),
                  (2, 9), (9, 10), (10, 11), (2, 12), (12, 13), (13, 14))

#: A person's box is its labelled joints' extent, widened on each side by
#: this share of the extent.
BOX_MARGIN = 0.15


def person_category() -> Dict[str, Any]:
    """dict: PoseTrack's one category, keypoint names and limbs included."""
    return _category(KEYPOINT_NAMES, SKELETON)


def hieve_category() -> Dict[str, Any]:
    """dict: HiEve's one category, keypoint names and limbs included."""
    return _category(HIEVE_KEYPOINT_NAMES, HIEVE_SKELETON)


def _category(names: Sequence[str],
              skeleton: Sequence[Tuple[int, int]]) -> Dict[str, Any]:
    return dict(
        supercategory='person',
        id=1,
        name='person',
        keypoints=list(names),
        skeleton=[list(limb) for limb in skeleton])


def box_from_keypoints(keypoints: Sequence[float]) -> List[float]:
    """A person's box by PoseTrack18's rule.

    Args:
        keypoints (Sequence[float]): 3 V numbers, image pixels.

    Returns:
        list[float]: x, y, width, height in image pixels, not clipped to the
        image.

    Raises:
        ValueError: If no joint is labelled.
    """
    joints = np.asarray(keypoints, dtype=float).reshape(-1, 3)
    xy = joints[np.any(joints != 0, axis=1), :2]
    if not len(xy):
        raise ValueError('a person without labelled joints has no box')
    extent = np.ptp(xy, axis=0)
    corner = xy.min(axis=0) - BOX_MARGIN * extent
    return [*corner.tolist(), *((1 + 2 * BOX_MARGIN) * extent).tolist()]


def box_of_joints_and_head(keypoints: Sequence[float],
                           head: Sequence[float]) -> List[float]:
    """A person's box where no official one is given.

    That of :func:`box_from_keypoints`; if it has no area (a single joint, or
    joints in a row along an axis), widened to hold the head box too.

    Args:
        keypoints (Sequence[float]): 3 V numbers, image pixels.
        head (Sequence[float]): x, y, width, height of the head box.

    Returns:
        list[float]: x, y, width, height in image pixels.

    Raises:
        ValueError: If no joint is labelled.
    """
    box = box_from_keypoints(keypoints)
    if box[2] > 0 and box[3] > 0:
        return box
    corners = np.array([box, head], dtype=float)
    corners[:, 2:] += corners[:, :2]
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def count_joints(keypoints: Sequence[float]) -> int:
    """int: How many joints of 3 V numbers are labelled."""
    return sum(any(keypoints[i:i + 3]) for i in range(0, len(keypoints), 3))
