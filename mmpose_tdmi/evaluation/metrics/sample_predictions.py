"""What the metrics keep of a model's outputs.

Shape shorthand: M predicted persons of a data sample (1 for a top-down
model), K joints.
"""
from typing import Any, Optional, Tuple

import numpy as np
from torch import Tensor

from ..functional.pose_sequences import NO_TRACK

#: What a joint's score is: its heatmap maximum times the box's score, or the
#: maximum alone.
SCORE_MODES = ('keypoint_bbox', 'keypoint')


def read_prediction(sample: dict,
                    score_mode: str,
                    with_boxes: bool = False) -> dict:
    """Take from a sample what is scored of it.

    Args:
        sample (dict): An output of the model.
        score_mode (str): One of :data:`SCORE_MODES`.
        with_boxes (bool): Whether the persons' boxes are kept, too. Defaults
            to False.

    Returns:
        dict: ``id``, ``img_id``, ``keypoints`` (M, K, 2) in pixels of the
        image, ``scores`` (M, K), ``box_scores`` (M, ), with boxes ``boxes``
        (M, 4), float32, and ``track_ids`` (M, ) int64, NO_TRACK where the
        sample has none. Nothing of it shares memory with the sample.

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
    count = len(keypoints)
    box_scores = _required(sample, 'bbox_scores', (count, ), where)
    if score_mode == 'keypoint_bbox':
        scores = scores * box_scores[:, None]
    values = dict(
        keypoints=keypoints[..., :2], scores=scores, box_scores=box_scores)
    if with_boxes:
        values['boxes'] = _required(sample, 'bboxes', (count, 4), where)
    for name, value in values.items():
        values[name] = value.astype(np.float32)
        if not np.isfinite(values[name]).all():
            raise ValueError(f'{where}: {name} are not finite; the model has '
                             'diverged')
    return dict(
        values,
        track_ids=_track_ids(sample, count, where),
        id=int(sample['id']),
        img_id=int(sample['img_id']))


def _required(sample: dict, key: str, shape: Tuple[int, ...],
              where: str) -> np.ndarray:
    value = _instance_field(sample, key, shape, where)
    if value is None:
        raise ValueError(f'{where}: the sample has no {key}, neither in '
                         'pred_instances nor in gt_instances')
    return value


def _instance_field(sample: dict, key: str, shape: Tuple[int, ...],
                    where: str) -> Optional[np.ndarray]:
    for instances in ('pred_instances', 'gt_instances'):
        if key in sample.get(instances, {}):
            value = _to_numpy(sample[instances][key])
            if value.shape != shape:
                raise ValueError(f'{where}: {instances}.{key} has shape '
                                 f'{value.shape}, expected {shape}')
            return value
    return None


def _track_ids(sample: dict, count: int, where: str) -> np.ndarray:
    tracks = _instance_field(sample, 'track_ids', (count, ), where)
    if tracks is None:
        track_id = sample.get('track_id')
        tracks = np.full(count, NO_TRACK if track_id is None else track_id)
    return tracks.astype(np.int64)


def _to_numpy(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value)
