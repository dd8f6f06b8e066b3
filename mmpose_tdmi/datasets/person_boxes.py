"""Person boxes for top-down data sets: reading, joining, statistics.

Do boxes and frames belong together? Counts, and recall of known persons.

Shape shorthand: G annotated persons and D boxes of a frame.

The person boxes of a data set, checked, filtered and joined to images.

Shape shorthand: D boxes of a frame.
"""
import logging
from collections import Counter
from dataclasses import dataclass
from typing import (Callable, Dict, Hashable, Iterable, List, Mapping,
                    Optional, Sequence, Tuple)

import numpy as np
import torch
from mmengine.logging import print_log
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from torchvision.ops import nms

from .box_files import (MAX_COORDINATE, PERSON, AnnotationRecords, FrameIndex,
                        RawBox, check_images, check_videos, is_id, is_number,
                        known_size, read_annotation_records, read_box_file)

__all__ = [
    'MAX_COORDINATE', 'PERSON', 'RECALL_IOUS', 'SUSPICIOUS_RECALL',
    'AnnotationRecords', 'BoxStatistics', 'FrameIndex', 'RawBox', 'box_source',
    'box_statistics', 'is_id', 'known_size', 'load_person_boxes',
    'person_boxes_by_image', 'read_annotation_records', 'read_box_file',
    'suppress'
]

#: The overlaps (IoU) at which recall is measured.
RECALL_IOUS = (0.5, 0.75)
#: A recall at IoU 0.5 below this is taken for a mistake: person detectors
#: find most of the annotated persons of these benchmarks, whereas boxes of
#: other frames, of another split or in another scale miss most.
SUSPICIOUS_RECALL = 0.5
#: Bounds the memory for all pairs of persons and boxes.
_IMAGES_AT_ONCE = 1000


@dataclass
class BoxStatistics:
    """What boxes are like beside the annotation they are to be used with.

    Args:
        num_boxes (int): Boxes.
        num_frames (int): Images of the annotation.
        most_boxes (int): Boxes in the image that has most.
        empty_frames (int): Images without a box.
        missed_frames (int): Images without a box that have persons.
        num_persons (int): Annotated persons that have a box.
        recall (dict[float, float]): By IoU, the largest share of these
            persons that can each be given a box of its own with at least
            this overlap, in [0, 1]; NaN if there is no person.
    """
    num_boxes: int
    num_frames: int
    most_boxes: int
    empty_frames: int
    missed_frames: int
    num_persons: int
    recall: Dict[float, float]

    @property
    def boxes_per_frame(self) -> float:
        """float: Mean number of boxes of an image; NaN without images."""
        return _ratio(self.num_boxes, self.num_frames)

    @property
    def is_suspicious(self) -> bool:
        """bool: Whether recall at IoU 0.5 is below SUSPICIOUS_RECALL."""
        return self.recall[0.5] < SUSPICIOUS_RECALL

    def rows(self) -> List[Tuple[str, str]]:
        """What is counted and the count, line by line.

        Returns:
            list[tuple[str, str]]: Names and values.
        """
        return [
            ('frames', f'{self.num_frames}'),
            ('boxes', f'{self.num_boxes}'),
            ('boxes a frame, mean', f'{self.boxes_per_frame:.2f}'),
            ('boxes a frame, most', f'{self.most_boxes}'),
            ('frames without boxes', f'{self.empty_frames}'),
            ('  of these with annotated persons', f'{self.missed_frames}'),
            ('annotated persons', f'{self.num_persons}'),
        ] + [(f'recall at IoU {iou:.2f}', f'{recall:.4f}')
             for iou, recall in self.recall.items()]

    def table(self) -> str:
        """The rows as text.

        Returns:
            str: One line a row.
        """
        return '\n'.join(f'{name:36}{value:>12}'
                         for name, value in self.rows())

    def sentence(self) -> str:
        """The same in a line of a log.

        Returns:
            str: One line.
        """
        recalls = ', '.join(f'{recall:.3f} at IoU {iou:g}'
                            for iou, recall in self.recall.items())
        return (f'recall of {self.num_persons} annotated persons {recalls}; '
                f'{self.boxes_per_frame:.2f} boxes a frame (most '
                f'{self.most_boxes}), {self.empty_frames} of '
                f'{self.num_frames} frames without boxes, '
                f'{self.missed_frames} of them with annotated persons')


def box_statistics(boxes: Iterable[dict], image_ids: Sequence[Hashable],
                   persons: Mapping[Hashable, np.ndarray]) -> BoxStatistics:
    """Count boxes and measure the recall of annotated persons.

    Args:
        boxes (Iterable[dict]): Boxes with ``image_id`` and ``bbox``, which is
            x, y, width, height.
        image_ids (Sequence): The ids of all images.
        persons (dict): The boxes of annotated persons by image id, (G, 4),
            x1, y1, x2, y2, as :func:`person_boxes_by_image` gives them.

    Returns:
        BoxStatistics: The figures.
    """
    by_image: Dict[Hashable, list] = {image_id: [] for image_id in image_ids}
    for box in boxes:
        by_image[box['image_id']].append(box['bbox'][:4])
    counts = {image_id: len(found) for image_id, found in by_image.items()}
    found = np.zeros(len(RECALL_IOUS), dtype=np.int64)
    with_both = [image_id for image_id in persons if counts.get(image_id)]
    for start in range(0, len(with_both), _IMAGES_AT_ONCE):
        chunk = with_both[start:start + _IMAGES_AT_ONCE]
        found += _num_found([persons[image_id] for image_id in chunk],
                            [by_image[image_id] for image_id in chunk])
    num_persons = sum(len(annotated) for annotated in persons.values())
    return BoxStatistics(
        num_boxes=sum(counts.values()),
        num_frames=len(counts),
        most_boxes=max(counts.values(), default=0),
        empty_frames=sum(count == 0 for count in counts.values()),
        missed_frames=sum(not counts.get(image_id) for image_id in persons),
        num_persons=num_persons,
        recall={
            iou: _ratio(n, num_persons)
            for iou, n in zip(RECALL_IOUS, found.tolist())
        })


def person_boxes_by_image(annotations: Iterable[dict],
                          ann_file: str) -> Dict[Hashable, np.ndarray]:
    """The boxes of annotated persons.

    Annotations without ``bbox``, those of crowds (``iscrowd``) and boxes
    without area are left out.

    Args:
        annotations (Iterable[dict]): COCO-style annotations.
        ann_file (str): Their file, for messages.

    Returns:
        dict: x1, y1, x2, y2 by image id, (G, 4), G > 0.

    Raises:
        ValueError: If a box is not four finite numbers.
    """
    boxes: Dict[Hashable, list] = {}
    for annotation in annotations:
        if 'bbox' not in annotation or annotation.get('iscrowd'):
            continue
        box = annotation['bbox']
        if not is_id(annotation.get('image_id')):
            raise ValueError(
                f'{ann_file}: annotation {annotation.get("id")!r}: image_id '
                f'must be an id, got {annotation.get("image_id")!r}')
        if not (isinstance(box, (list, tuple)) and len(box) == 4 and all(
                is_number(v) and abs(v) <= MAX_COORDINATE for v in box)):
            raise ValueError(
                f'{ann_file}: annotation {annotation.get("id")!r}: bbox must '
                f'be [x, y, width, height] in pixels, got {box!r}')
        if box[2] > 0 and box[3] > 0:
            boxes.setdefault(annotation['image_id'], []).append(box)
    return {image_id: to_corners(found) for image_id, found in boxes.items()}


def to_corners(boxes: Sequence[Sequence[float]]) -> np.ndarray:
    """Boxes as corners.

    Args:
        boxes (Sequence): D times x, y, width, height.

    Returns:
        np.ndarray: x1, y1, x2, y2, (D, 4), float64.
    """
    corners = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    return corners


def _num_found(persons: Sequence[np.ndarray],
               boxes: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """How many persons of some images find a box of their own, by IoU."""
    num_persons = np.array([len(here) for here in persons])
    num_boxes = np.array([len(here) for here in boxes])
    # every pair of a person and a box of one image
    person = np.repeat(
        np.arange(num_persons.sum()), np.repeat(num_boxes, num_persons))
    first_box = np.repeat(
        np.cumsum(num_boxes) - num_boxes, num_persons * num_boxes)
    place = np.concatenate(
        [np.tile(np.arange(d), g) for g, d in zip(num_persons, num_boxes)])
    box = first_box + place
    a = np.concatenate(persons)[person]
    b = to_corners([corners for here in boxes for corners in here])[box]
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = np.maximum(sides, 0).prod(axis=1)
    areas = [(c[:, 2:] - c[:, :2]).prod(axis=1) for c in (a, b)]
    overlap = both / (areas[0] + areas[1] - both)
    shape = (num_persons.sum(), num_boxes.sum())
    return np.array([
        _most_pairs(person[overlap >= iou], box[overlap >= iou], shape)
        for iou in RECALL_IOUS
    ])


def _most_pairs(rows: np.ndarray, columns: np.ndarray,
                shape: Tuple[int, int]) -> int:
    """Size of the largest matching of rows and columns."""
    possible = csr_matrix((np.ones(len(rows), bool), (rows, columns)), shape)
    return int((maximum_bipartite_matching(possible) >= 0).sum())


def _ratio(count: int, total: int) -> float:
    return count / total if total else float('nan')


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
