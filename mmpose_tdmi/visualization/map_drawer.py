"""Heatmaps and motion features of persons laid over a frame.

Shape shorthand: K keypoints, C channels, H x W pixels of a frame, h x w cells
of a crop's maps.
"""
from typing import Tuple

import cv2
import numpy as np

from mmpose_tdmi.video.structures import Crop

_OPACITY = .7
_BORDER = 2


def heatmap_strength(heatmaps: np.ndarray) -> np.ndarray:
    """Where a person's keypoints may be.

    Args:
        heatmaps (np.ndarray): (K, h, w), each of any height.

    Returns:
        np.ndarray: (h, w), float32, 0 to 1: the largest of the keypoints'
        maps, divided by the maximum of all of them: the surest keypoint is
        the brightest, and one that may be anywhere is not seen. Zeros if no
        map has a positive value.
    """
    strength = np.maximum(heatmaps.max(axis=0), 0).astype(np.float32)
    highest = strength.max()
    return strength / highest if highest > 0 else strength


def motion_strength(motion: np.ndarray) -> np.ndarray:
    """Where a motion feature differs from that of what stands still.

    Most of a crop has one feature, that of no motion, which is not zero; the
    outermost cells see the padding of convolutions instead of the frame.

    Args:
        motion (np.ndarray): (C, h, w).

    Returns:
        np.ndarray: (h, w), float32, 0 to 1: the distance of each cell's
        feature to the cells' median, from the crop's smallest to its largest;
        0 in the outer two cells, which count for none of these, and
        everywhere if no cell differs.
    """
    strength = np.zeros(motion.shape[1:], np.float32)
    inner = (slice(None), *(slice(_BORDER, -_BORDER), ) * 2)
    seen = motion[inner].astype(np.float32)
    if not seen.size:
        return strength
    distance = np.linalg.norm(
        seen - np.median(seen, axis=(1, 2), keepdims=True), axis=0)
    low, high = distance.min(), distance.max()
    if high > low:
        strength[inner[1:]] = (distance - low) / (high - low)
    return strength


def blend_map(image: np.ndarray, strength: np.ndarray, crop: Crop,
              colour_map: int) -> None:
    """Lay a map over the part of a frame that it is of.

    Args:
        image (np.ndarray): The frame, (H, W, 3), uint8; changed in place.
        strength (np.ndarray): (h, w), float32, 0 (not seen) to 1.
        crop (Crop): The part of the frame; it may reach beyond it.
        colour_map (int): One of OpenCV's, such as ``cv2.COLORMAP_INFERNO``.
    """
    left, right = _extent(crop.center[0], crop.scale[0], image.shape[1])
    top, bottom = _extent(crop.center[1], crop.scale[1], image.shape[0])
    if left >= right or top >= bottom:
        return
    height, width = strength.shape
    step_x, step_y = crop.scale[0] / width, crop.scale[1] / height
    # from cells to pixels of the part, both counted from their centres
    matrix = np.array([[
        step_x, 0, crop.center[0] - crop.scale[0] / 2 + (step_x - 1) / 2 - left
    ], [
        0, step_y, crop.center[1] - crop.scale[1] / 2 + (step_y - 1) / 2 - top
    ]])
    spread = cv2.warpAffine(
        strength, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap(
        np.clip(spread * 255, 0, 255).astype(np.uint8), colour_map)
    part = image[top:bottom, left:right]
    weight = np.clip(spread, 0, 1)[..., None] * _OPACITY
    part[:] = (part * (1 - weight) + colours * weight).round().astype(np.uint8)


def _extent(center: float, scale: float, limit: int) -> Tuple[int, int]:
    first = max(0, int(np.floor(center - scale / 2)))
    return first, min(limit, int(np.ceil(center + scale / 2)))
