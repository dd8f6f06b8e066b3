"""The persons that HiEve's metric scores in an image.

Shape shorthand: M predicted persons of an image, K joints.
"""
from typing import Sequence, Tuple

import numpy as np


def stack_predictions(predictions: Sequence[dict],
                      num_joints: int) -> Tuple[np.ndarray, ...]:
    """The predicted persons of an image.

    Args:
        predictions (Sequence[dict]): What
            :func:`~.sample_predictions.read_prediction` kept, with boxes.
        num_joints (int): K, for images without any.

    Returns:
        tuple[np.ndarray]: Keypoints, scores, boxes, box scores and track ids.
    """
    shapes = dict(
        keypoints=(0, num_joints, 2),
        scores=(0, num_joints),
        boxes=(0, 4),
        box_scores=(0, ),
        track_ids=(0, ))
    return tuple(
        np.concatenate([np.zeros(shape)] + [p[key] for p in predictions])
        for key, shape in shapes.items())
