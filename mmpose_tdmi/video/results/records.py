"""A frame's poses as plain values, the unit that all result files are of.

Shape shorthand: K keypoints.
"""
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from ..structures import FramePoses, PersonPose

#: Decimals kept of coordinates (pixels and seconds' fractions) and of scores.
COORDINATE_DECIMALS, TIME_DECIMALS, SCORE_DECIMALS = 3, 6, 5


def frame_record(poses: FramePoses,
                 file_name: Optional[str] = None,
                 image_id: Optional[int] = None,
                 size: Optional[Tuple[int, int]] = None) -> Dict[str, Any]:
    """A frame's poses as plain values.

    Args:
        poses (FramePoses): The poses.
        file_name (str, optional): The frame's file.
        image_id (int, optional): What an annotation file calls the frame.
        size (tuple[int, int], optional): Width and height in pixels, of a
            frame that differs in size from the first.

    Returns:
        dict: As docs/video_results.md describes it. Coordinates are rounded
        to 0.001 pixels, scores to 0.00001.

    Raises:
        ValueError: If a number is not finite; it names the frame and person.
    """
    record: Dict[str, Any] = dict(frame=int(poses.index), timestamp=None)
    if poses.timestamp is not None:
        record['timestamp'] = round(float(poses.timestamp), TIME_DECIMALS)
    if file_name is not None:
        record['file_name'] = file_name
    if image_id is not None:
        record['image_id'] = int(image_id)
    if size is not None:
        record['size'] = [int(size[0]), int(size[1])]
    record['persons'] = [
        _person_record(pose, poses.index) for pose in poses.persons
    ]
    return record


def _person_record(pose: PersonPose, index: int) -> Dict[str, Any]:
    box = pose.box
    numbers: Dict[str, Any] = dict(
        bbox=box.bbox,
        bbox_score=box.score,
        keypoints=pose.keypoints,
        keypoint_scores=pose.scores)
    for name, values in numbers.items():
        if not np.isfinite(values).all():
            raise ValueError(
                f'frame {index}, person {box.track_id}: "{name}" is '
                f'{np.asarray(values).tolist()}, expected finite numbers')
    x1, y1, x2, y2 = box.bbox
    return dict(
        track_id=int(box.track_id),
        bbox=_rounded((x1, y1, x2 - x1, y2 - y1), COORDINATE_DECIMALS),
        bbox_score=round(float(box.score), SCORE_DECIMALS),
        source=box.source,
        keypoints=_rounded(pose.keypoints, COORDINATE_DECIMALS),
        keypoint_scores=_rounded(pose.scores, SCORE_DECIMALS))


def _rounded(values: Any, decimals: int) -> List[Any]:
    return np.round(np.asarray(values, dtype=np.float64), decimals).tolist()
