"""Reading of person detections, MMPose's COCO-style ``bbox_file``.

The file is a json list of ``dict(image_id, category_id, bbox, score)``, the
box as x, y, width, height in pixels of the original image.

Shape shorthand: none.
"""
import logging
import math
from collections import Counter
from typing import Callable, Dict, Hashable, List, Optional, Tuple

from mmengine import fileio
from mmengine.logging import print_log

#: The category of persons in COCO and in PoseTrack.
PERSON = 1
_NO_AREA, _OUTSIDE = 'without area', 'outside the image'
_KEYS = ('image_id', 'category_id', 'bbox', 'score')


def load_person_boxes(bbox_file: str,
                      images: Dict[Hashable, dict],
                      image_size: Callable[[dict], Tuple[int, int]],
                      score_thr: Optional[float] = None) -> List[dict]:
    """Load the person boxes of a file and check them.

    Left out, with their numbers in the log, are boxes of other categories,
    those below ``score_thr``, and those that have no area or lie wholly
    outside the image.

    Args:
        bbox_file (str): The file.
        images (dict): The annotation's image records by id.
        image_size (Callable): An image record's width and height.
        score_thr (float, optional): The lowest score kept. Defaults to None,
            any.

    Returns:
        list[dict]: The entries kept, as in the file, each with its place in
        the file as ``entry``.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file is not such a list, an entry lacks a key or
            has a box or score that is not finite, or an image id is unknown.
    """
    if not fileio.exists(bbox_file):
        raise FileNotFoundError(f'bbox_file {bbox_file} does not exist')
    detections = fileio.load(bbox_file)
    if not isinstance(detections, list):
        raise ValueError(f'{bbox_file}: expected a list of detections, got '
                         f'{type(detections).__name__}')

    kept, unknown, left_out = [], {}, Counter()
    for entry, detection in enumerate(detections):
        _check_entry(f'{bbox_file}: entry {entry}', detection)
        if detection['category_id'] != PERSON:
            left_out['of other categories'] += 1
            continue
        image = images.get(detection['image_id'])
        if image is None:
            unknown[detection['image_id']] = entry
            continue
        x, y, width, height = detection['bbox'][:4]
        if score_thr is not None and detection['score'] < score_thr:
            left_out[f'with a score below {score_thr}'] += 1
        elif width <= 0 or height <= 0:
            left_out[_NO_AREA] += 1
        elif _is_outside(x, y, width, height, image_size(image)):
            left_out[_OUTSIDE] += 1
        else:
            kept.append({**detection, 'entry': entry})

    if unknown:
        raise ValueError(
            f'{bbox_file}: {len(unknown)} image ids are not in the '
            f'annotation file: {list(unknown)[:3]} (first at entry '
            f'{min(unknown.values())}); expected ids such as '
            f'{list(images)[:3]}')
    counts = ', '.join(f'{n} {what}' for what, n in left_out.items())
    suspect = left_out[_NO_AREA] + left_out[_OUTSIDE]
    print_log(
        f'{bbox_file}: {len(kept)} of {len(detections)} boxes are used; left '
        f'out: {counts or "none"}',
        logger='current',
        level=logging.WARNING if suspect else logging.INFO)
    return kept


def _check_entry(where: str, detection: dict) -> None:
    """Check one detection's keys and values."""
    if not isinstance(detection, dict):
        raise ValueError(f'{where}: expected a dict with {list(_KEYS)}, got '
                         f'{detection!r}')
    missing = [key for key in _KEYS if key not in detection]
    if missing:
        raise ValueError(f'{where} lacks {missing}; it has '
                         f'{sorted(detection)}')
    box = detection['bbox']
    if not isinstance(box, (list, tuple)) or len(box) < 4:
        raise ValueError(f'{where}: bbox must be [x, y, width, height], got '
                         f'{box!r}')
    for key, values in (('bbox', box[:4]), ('score', [detection['score']])):
        if not all(_is_finite(value) for value in values):
            raise ValueError(f'{where}: {key} must be finite numbers, got '
                             f'{detection[key]!r}')


def _is_finite(value) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _is_outside(x: float, y: float, width: float, height: float,
                size: Tuple[int, int]) -> bool:
    image_width, image_height = size
    return (x + width <= 0 or y + height <= 0 or x >= image_width
            or y >= image_height)
