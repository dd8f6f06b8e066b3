"""How much alike persons of two frames are, and who is whom.

Shape shorthand: A persons known, B persons of the frame, K keypoints, C
channels, h x w cells of a crop's maps, D numbers of a descriptor.
"""
from typing import Optional, Tuple

import numpy as np
import torch
from mmpose.evaluation.functional.nms import oks_iou
from scipy.optimize import linear_sum_assignment
from torch.nn.functional import adaptive_avg_pool2d
from torchvision.ops import box_iou as torch_box_iou

#: Cells that a motion feature is averaged over, rows and columns.
MOTION_CELLS = (4, 3)


def assign(similarity: np.ndarray,
           allowed: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The one-to-one pairs with the largest total similarity.

    Args:
        similarity (np.ndarray): (A, B), not negative.
        allowed (np.ndarray): Which pairs may be made, (A, B) bool.

    Returns:
        tuple[np.ndarray, np.ndarray]: Rows and columns of the pairs.
    """
    rows, columns = linear_sum_assignment(
        np.where(allowed, similarity, 0.), maximize=True)
    made = allowed[rows, columns]
    return rows[made], columns[made]


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union.

    Args:
        first (np.ndarray): x1, y1, x2, y2, (A, 4).
        second (np.ndarray): The same, (B, 4).

    Returns:
        np.ndarray: (A, B), in [0, 1].
    """
    return torch_box_iou(
        torch.from_numpy(np.reshape(first, (-1, 4)).astype(np.float64)),
        torch.from_numpy(np.reshape(second,
                                    (-1, 4)).astype(np.float64))).numpy()


def pose_oks(first: np.ndarray,
             first_areas: np.ndarray,
             second: np.ndarray,
             second_areas: np.ndarray,
             sigmas: Optional[np.ndarray] = None,
             score_thr: float = 0.) -> np.ndarray:
    """Object keypoint similarity of predicted poses.

    Args:
        first (np.ndarray): x, y and score, (A, K, 3).
        first_areas (np.ndarray): Areas of the persons' boxes in square
            pixels, (A, ).
        second (np.ndarray): (B, K, 3).
        second_areas (np.ndarray): (B, ).
        sigmas (np.ndarray, optional): The keypoints' tolerances, (K, ).
            Defaults to ``None``, COCO's, for K = 17.
        score_thr (float): Keypoints count whose scores are above it in both.
            Defaults to 0.

    Returns:
        np.ndarray: (A, B), in [0, 1]; 0 where no keypoint counts.
    """
    flat = second.reshape(len(second), -1)
    rows = [
        oks_iou(pose.ravel(), flat, area, second_areas, sigmas, score_thr)
        for pose, area in zip(first, first_areas)
    ]
    return np.reshape(rows, (len(first), len(second))).astype(np.float64)


def motion_descriptor(motion: np.ndarray) -> np.ndarray:
    """A motion feature as a few numbers that say where what moves.

    Args:
        motion (np.ndarray): The neck's motion feature over a crop, (C, h, w).

    Returns:
        np.ndarray: Its means over :data:`MOTION_CELLS`, flattened, (D, ),
        float32.
    """
    feature = torch.from_numpy(np.ascontiguousarray(motion, np.float32))
    return adaptive_avg_pool2d(feature, MOTION_CELLS).flatten().numpy()


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine similarity, as a share of its range.

    Args:
        first (np.ndarray): (A, D).
        second (np.ndarray): (B, D).

    Returns:
        np.ndarray: (A, B), 0 (opposite) to 1 (same direction); 0.5 where a
        descriptor is zero, which says nothing.
    """

    def normalised(x: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(x, axis=1, keepdims=True)
        return x / np.where(length > 0, length, 1)

    return (1 + normalised(first) @ normalised(second).T) / 2
