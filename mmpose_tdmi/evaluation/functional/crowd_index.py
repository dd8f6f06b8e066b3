"""How crowded a frame is, after CrowdPose.

"CrowdPose: Efficient Crowded Scenes Pose Estimation and A New Benchmark",
CVPR 2019.

Shape shorthand: N annotated persons of a frame, K joints.
"""
import numpy as np


def crowd_index(keypoints: np.ndarray, present: np.ndarray,
                boxes: np.ndarray) -> float:
    """Mean ratio of others' joints in a person's box to the person's own.

    Persons without a joint have no ratio and are left out of the mean; those
    without a box (NaN) have nobody's joints in it.

    Args:
        keypoints (np.ndarray): Annotated joints, (N, K, 2), pixels.
        present (np.ndarray): Which are annotated, (N, K) bool.
        boxes (np.ndarray): The persons' boxes, x1, y1, x2, y2, (N, 4).

    Returns:
        float: >= 0; 0 without persons that have joints.
    """
    own = present.sum(axis=1)
    if not own.any():
        return 0.
    # (N, N, K): joints of the second person in the first one's box
    low, high = boxes[:, None, None, :2], boxes[:, None, None, 2:]
    inside = ((keypoints[None] >= low) & (keypoints[None] <= high)).all(axis=3)
    inside = (inside & present[None]).sum(axis=2)
    others = inside.sum(axis=1) - np.diagonal(inside)
    return float(np.mean(others[own > 0] / own[own > 0]))
