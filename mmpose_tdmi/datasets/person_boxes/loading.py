"""The person boxes of a data set, checked, filtered and joined to images.

Shape shorthand: D boxes of a frame.
"""
import logging
from collections import Counter
from typing import (Callable, Dict, Hashable, Iterable, List, Mapping,
                    Optional, Sequence, Tuple)

import numpy as np
import torch
from mmengine.logging import print_log
from torchvision.ops import nms

from .annotation_records import check_images, check_videos
from .box_files import RawBox, read_box_file
from .frame_index import FrameIndex
from .statistics import (SUSPICIOUS_RECALL, box_statistics,
                         person_boxes_by_image, to_corners)

_NO_AREA, _OUTSIDE = 'without area', 'outside the image'


def load_person_boxes(bbox_file: str,
                      images: Mapping,
                      image_size: Callable[[dict], Optional[Tuple[int, int]]],
                      score_thr: Optional[float] = None,
                      *,
                      nms_thr: Optional[float] = None,
                      annotations: Iterable[dict] = (),
                      videos: Iterable[dict] = (),
                      ann_file: str = 'the annotation file') -> List[dict]:
    """Load the person boxes of a file or folder and check them.

    The forms are those of
    :func:`~mmpose_tdmi.datasets.person_boxes.read_box_file`. A box belongs to
    the image of its id, of its file name, or of both, which then must agree.

    Left out, with their numbers in the log, are boxes of other categories,
    those below ``score_thr``, those that have no area or lie wholly outside
    the image, those of frames that ``videos`` have and ``images`` do not, and
    those that suppression takes away. If persons are annotated with boxes,
    their recall is logged; below ``SUSPICIOUS_RECALL`` at IoU 0.5 that is a
    warning: such boxes are probably not of these frames.

    Args:
        bbox_file (str): The file or folder.
        images (dict): The annotation's image records by id.
        image_size (Callable): An image record's width and height, or None if
            they are not known.
        score_thr (float, optional): The lowest score kept. Defaults to None,
            any.
        nms_thr (float, optional): Suppress boxes that overlap a better one of
            the same image by more than this IoU, in [0, 1]. Defaults to None,
            no suppression.
        annotations (Iterable[dict]): The annotated persons. Defaults to none.
        videos (Iterable[dict]): The annotation's records of videos. Defaults
            to none.
        ann_file (str): What messages call the annotation file.

    Returns:
        list[dict]: The boxes kept, ordered as in the file: ``image_id``,
        ``category_id``, ``bbox`` as x, y, width, height, ``score``,
        ``track_id`` where the file has it, and ``entry``, the box's number
        among all boxes; of a COCO-style file everything else that the entry
        has, too.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is malformed, or boxes are of images that the
            annotation does not know, or by their id of another image than by
            their file name.
    """
    if nms_thr is not None and not 0 <= nms_thr <= 1:
        raise ValueError(f'nms_thr must be an IoU in [0, 1], got {nms_thr!r}')
    images = dict(images)
    videos = list(videos)
    check_images(images.values(), ann_file)
    check_videos(videos, ann_file)
    raw_boxes = read_box_file(bbox_file)
    index = FrameIndex(images, videos)
    kept: List[dict] = []
    unknown: Dict[Hashable, RawBox] = {}
    left_out: Counter = Counter()
    for entry, raw in enumerate(raw_boxes):
        if not raw.is_person:
            left_out['of other categories'] += 1
            continue
        image_id = index.find(raw)
        if image_id is None:
            unknown.setdefault(
                raw.file_name if raw.image_id is None else raw.image_id, raw)
            continue
        if image_id is FrameIndex.NOT_LISTED:
            left_out['of frames that are not annotated'] += 1
            continue
        box, score = raw.record['bbox'][:4], raw.record['score']
        if score_thr is not None and score < score_thr:
            left_out[f'with a score below {score_thr}'] += 1
        elif box[2] <= 0 or box[3] <= 0:
            left_out[_NO_AREA] += 1
        elif _is_outside(box, image_size(images[image_id])):
            left_out[_OUTSIDE] += 1
        else:
            kept.append({
                'category_id': 1,
                **raw.record, 'image_id': image_id,
                'entry': entry
            })
    if unknown:
        raise ValueError(
            _unknown_message(bbox_file, unknown, images, ann_file))
    if nms_thr is not None:
        before = len(kept)
        kept = suppress(kept, nms_thr)
        left_out['suppressed by better ones'] += before - len(kept)

    counts = ', '.join(f'{n} {what}' for what, n in left_out.items() if n)
    suspect = left_out[_NO_AREA] + left_out[_OUTSIDE]
    print_log(
        f'{bbox_file}: {len(kept)} of {len(raw_boxes)} boxes are used; left '
        f'out: {counts or "none"}',
        logger='current',
        level=logging.WARNING if suspect else logging.INFO)
    persons = person_boxes_by_image(annotations, ann_file)
    if persons:
        _report(bbox_file, kept, images, persons)
    return kept


def box_source(bbox_file: Optional[str],
               score_thr: Optional[float] = None,
               nms_thr: Optional[float] = None) -> str:
    """Say which person boxes a dataset takes.

    Args:
        bbox_file (str, optional): Their file; None for the annotation's.
        score_thr (float, optional): As :func:`load_person_boxes`'s.
        nms_thr (float, optional): As :func:`load_person_boxes`'s.

    Returns:
        str: ``'gt'``, or the file and how its boxes were chosen.
    """
    if not bbox_file:
        return 'gt'
    choice = '' if score_thr is None else f', score >= {score_thr}'
    if nms_thr is not None:
        choice += f', NMS at IoU {nms_thr}'
    return f'{bbox_file}{choice}'


def suppress(boxes: List[dict], iou_thr: float) -> List[dict]:
    """Non-maximum suppression, image by image.

    Args:
        boxes (list[dict]): Boxes with ``image_id``, ``bbox`` (x, y, width,
            height) and ``score``.
        iou_thr (float): Boxes that overlap a better one by more go.

    Returns:
        list[dict]: Those that stay, in the order given.
    """
    if not boxes:
        return []
    number: Dict[Hashable, int] = {}
    images = np.array(
        [number.setdefault(box['image_id'], len(number)) for box in boxes])
    order = np.argsort(images, kind='stable')
    corners = torch.from_numpy(
        to_corners([box['bbox'][:4] for box in boxes])[order])
    scores = torch.tensor([box['score'] for box in boxes],
                          dtype=torch.float64)[torch.from_numpy(order)]
    kept: List[int] = []
    start = 0
    for count in np.bincount(images).tolist():
        stop = start + count
        chosen = nms(corners[start:stop], scores[start:stop], iou_thr)
        kept += order[start + chosen.numpy()].tolist()
        start = stop
    return [boxes[place] for place in sorted(kept)]


def _report(bbox_file: str, boxes: List[dict], images: Dict[Hashable, dict],
            persons: Dict[Hashable, np.ndarray]) -> None:
    statistics = box_statistics(boxes, list(images), persons)
    text = f'{bbox_file}: {statistics.sentence()}'
    if statistics.is_suspicious:
        text += (f'. Below {SUSPICIOUS_RECALL:g} at IoU 0.5: do these boxes '
                 'belong to these frames?')
    print_log(
        text,
        logger='current',
        level=logging.WARNING if statistics.is_suspicious else logging.INFO)


def _unknown_message(bbox_file: str, unknown: dict, images: dict,
                     ann_file: str) -> str:
    first = next(iter(unknown.values()))
    if first.image_id is None:
        what = 'frame names'
        known = [
            image['file_name'] for image in images.values()
            if 'file_name' in image
        ]
    else:
        what, known = 'image ids', list(images)
    place = first.place if first.path == bbox_file else first.where
    return (f'{bbox_file}: {len(unknown)} {what} are not in {ann_file}: '
            f'{list(unknown)[:3]} (first at {place}); expected such as '
            f'{known[:3]}')


def _is_outside(box: Sequence[float], size: Optional[Tuple[int, int]]) -> bool:
    if size is None:
        return False
    x, y, width, height = box
    image_width, image_height = size
    return (x + width <= 0 or y + height <= 0 or x >= image_width
            or y >= image_height)
