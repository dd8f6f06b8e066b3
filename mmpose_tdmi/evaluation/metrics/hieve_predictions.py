"""What HiEve's metric keeps of a model's outputs.

Shape shorthand: M predicted persons of a data sample, K joints.
"""
from typing import Any, Sequence, Tuple

import numpy as np
from torch import Tensor

from ..functional.pose_sequences import NO_TRACK


def read_prediction(sample: dict, score_mode: str) -> dict:
    """What a metric keeps of a sample's predictions.

    Args:
        sample (dict): An output of the model.
        score_mode (str): ``'keypoint_bbox'`` or ``'keypoint'``.

    Returns:
        dict: ``id``, ``img_id``, ``keypoints`` (M, K, 2), ``scores`` (M, K),
        ``boxes`` (M, 4), ``box_scores`` (M, ), float32, and ``track_ids``
        (M, ) int64, NO_TRACK where the sample has none.

    Raises:
        ValueError: If a field is missing, of the wrong shape or not finite.
    """
    where = f'image id {sample["img_id"]}'
    predicted = sample['pred_instances']
    keypoints = _to_numpy(predicted['keypoints'])
    scores = _to_numpy(predicted['keypoint_scores'])
    if keypoints.shape[:2] != scores.shape or keypoints.shape[2] < 2:
        raise ValueError(
            f'{where}: keypoints {keypoints.shape} and their scores '
            f'{scores.shape} do not fit, expected (M, K, 2), (M, K)')
    boxes = _instance_field(sample, 'bboxes', (len(keypoints), 4), where)
    box_scores = _instance_field(sample, 'bbox_scores', (len(keypoints), ),
                                 where)
    if score_mode == 'keypoint_bbox':
        scores = scores * box_scores[:, None]
    values = dict(
        keypoints=keypoints[..., :2],
        scores=scores,
        boxes=boxes,
        box_scores=box_scores)
    for name, value in values.items():
        values[name] = value.astype(np.float32)
        if not np.isfinite(values[name]).all():
            raise ValueError(f'{where}: {name} are not finite; the model has '
                             'diverged')
    tracks = np.full(len(keypoints), sample.get('track_id', NO_TRACK))
    if any('track_ids' in sample.get(instances, {})
           for instances in ('pred_instances', 'gt_instances')):
        tracks = _instance_field(sample, 'track_ids', (len(keypoints), ),
                                 where)
    return dict(
        values,
        track_ids=tracks.astype(np.int64),
        id=int(sample['id']),
        img_id=int(sample['img_id']))


def _instance_field(sample: dict, key: str, shape: Tuple[int, ...],
                    where: str) -> np.ndarray:
    for instances in ('pred_instances', 'gt_instances'):
        if key in sample.get(instances, {}):
            value = _to_numpy(sample[instances][key])
            if value.shape != shape:
                raise ValueError(f'{where}: {instances}.{key} has shape '
                                 f'{value.shape}, expected {shape}')
            return value
    raise ValueError(f'{where}: the sample has no {key}, neither in '
                     'pred_instances nor in gt_instances')


def stack_predictions(predictions: Sequence[dict],
                      num_joints: int) -> Tuple[np.ndarray, ...]:
    """The predicted persons of an image.

    Args:
        predictions (Sequence[dict]): What :func:`read_prediction` kept.
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


def _to_numpy(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value)
