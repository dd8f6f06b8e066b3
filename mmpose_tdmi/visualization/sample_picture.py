"""One picture of a packed sample: key frame, clip, and what the model sees.

Shape shorthand: T frames, K keypoints, H x W pixels of a crop, h x w cells.
"""
from typing import Mapping, Optional, Sequence

import numpy as np
from mmpose.structures import PoseDataSample
from torch import Tensor

from .clip_pictures import (PosePainter, box_corners, captioned,
                            frame_captions, in_a_row, overlaid, stacked, strip)
from .feature_maps import MAPS


def clip_frames(clip: Tensor) -> Sequence[np.ndarray]:
    """A packed clip's crops.

    Args:
        clip (Tensor): (T, 3, H, W), uint8, BGR.

    Returns:
        list[np.ndarray]: T crops (H, W, 3), uint8, BGR.

    Raises:
        ValueError: If it is not a clip.
    """
    if clip.dim() != 4 or clip.shape[1] != 3:
        raise ValueError('expected a packed clip (T, 3, H, W), got shape '
                         f'{tuple(clip.shape)}; is it packed by '
                         'PackPoseSequenceInputs?')
    return list(
        np.ascontiguousarray(
            clip.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)))


def clip_strip(clip: Tensor,
               sample: PoseDataSample,
               height: int = 192) -> np.ndarray:
    """A packed clip as a row of its crops.

    Args:
        clip (Tensor): (T, 3, H, W), uint8, BGR.
        sample (PoseDataSample): Its data sample.
        height (int): Height of a crop in the picture. Defaults to 192.

    Returns:
        np.ndarray: The picture, uint8, BGR.
    """
    meta = sample.metainfo
    captions = frame_captions(meta['frame_offsets'], meta['frame_indices'],
                              meta.get('frame_padded'))
    return strip(clip_frames(clip), captions, meta['key_frame'], height)


def to_crop(points: np.ndarray, sample: PoseDataSample) -> np.ndarray:
    """Points in the image to points in an unturned crop.

    Args:
        points (np.ndarray): x, y in pixels of the image, (..., 2).
        sample (PoseDataSample): The crop's sample.

    Returns:
        np.ndarray: x, y in pixels of the crop, (..., 2), to a fraction of a
        pixel: for drawing.
    """
    center, scale, size = (
        np.asarray(sample.metainfo[key])
        for key in ('input_center', 'input_scale', 'input_size'))
    return (points - (center - scale / 2)) / scale * size


def prediction_picture(image: np.ndarray,
                       clip: Tensor,
                       sample: PoseDataSample,
                       painter: PosePainter,
                       maps: Mapping[str, np.ndarray],
                       truth: Optional[np.ndarray] = None) -> np.ndarray:
    """A predicted sample: its image, its clip, its maps.

    Args:
        image (np.ndarray): The key frame's image, uint8, BGR.
        clip (Tensor): The packed clip, (T, 3, H, W), uint8.
        sample (PoseDataSample): It, with ``pred_instances``.
        painter (PosePainter): What draws.
        maps (Mapping[str, np.ndarray]): Of
            :func:`~mmpose_tdmi.visualization.feature_maps.clip_maps`.
        truth (np.ndarray, optional): Annotated x, y, visibility in the image,
            (K, 3), to be drawn beside the prediction.

    Returns:
        np.ndarray: The picture, uint8, BGR. First row: the image with the
        predicted pose, and with the annotated one; second: the clip; third:
        the prediction on the crop, and the maps.
    """
    predicted = sample.pred_instances
    keypoints, scores = predicted.keypoints, predicted.keypoint_scores
    outlines = [box_corners(box) for box in predicted.bboxes]
    key = clip_frames(clip)[sample.metainfo['key_frame']]
    images = [
        captioned(
            painter.paint(image, keypoints, scores, outlines), 'prediction')
    ]
    crops = [
        captioned(
            painter.paint(key, to_crop(keypoints, sample), scores),
            'prediction')
    ]
    if truth is not None:
        joints, visible = truth[None, :, :2], (truth[None, :, 2] > 0) * 1.
        images.append(
            captioned(painter.paint(image, joints, visible), 'annotation'))
        crops.append(
            captioned(
                painter.paint(key, to_crop(joints, sample), visible),
                'annotation'))
    crops += _overlays(key, maps, painter.height)
    return stacked([
        in_a_row(images),
        clip_strip(clip, sample, painter.height),
        in_a_row(crops)
    ])


def training_picture(clip: Tensor, sample: PoseDataSample,
                     maps: Mapping[str,
                                   np.ndarray], height: int) -> np.ndarray:
    """A training sample: its clip, its targets, its maps.

    Args:
        clip (Tensor): The packed clip, (T, 3, H, W), uint8.
        sample (PoseDataSample): It, with ``gt_fields`` where targets are
            heatmaps.
        maps (Mapping[str, np.ndarray]): Of
            :func:`~mmpose_tdmi.visualization.feature_maps.clip_maps`.
        height (int): Height of a crop in the picture.

    Returns:
        np.ndarray: The picture, uint8, BGR.
    """
    key = clip_frames(clip)[sample.metainfo['key_frame']]
    row = []
    if 'gt_fields' in sample and 'heatmaps' in sample.gt_fields:
        target = sample.gt_fields.heatmaps.amax(dim=0).cpu().numpy()
        row.append(captioned(overlaid(key, target, height), 'targets'))
    row += _overlays(key, maps, height)
    rows = [clip_strip(clip, sample, height)]
    return stacked(rows + [in_a_row(row)] if row else rows)


def _overlays(key: np.ndarray, maps: Mapping[str, np.ndarray],
              height: int) -> Sequence[np.ndarray]:
    return [
        captioned(
            overlaid(key, heat, height),
            f'{MAPS[name]} {heat.min():.2g}-{heat.max():.2g}')
        for name, heat in maps.items()
    ]
