"""The person boxes of a data set: checked, filtered and joined to images.

Whether boxes and frames belong together is told by the annotated persons.

G annotated persons and D boxes of a frame.
"""
import logging
from collections import Counter
from dataclasses import dataclass
from typing import (Annotated, Callable, Dict, Hashable, Iterable, List,
                    Mapping, Optional, Sequence, Tuple)

import torch
from mmengine.logging import print_log
from msgspec import Meta, Struct
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torchvision.ops import box_convert, box_iou, nms

from .box_files import (FrameIndex, ImageFields, RawBox, VideoFields,
                        read_box_file)
from .coco_json import Coordinate, Id, check

#: The overlaps (IoU) at which recall is measured.
RECALL_IOUS = (0.5, 0.75)
#: A recall at IoU 0.5 below this is taken for a mistake: detectors find most
#: of these benchmarks' persons, boxes of other frames or scales miss most.
SUSPICIOUS_RECALL = 0.5


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

    A box belongs to the image of its id, of its file name, or of both, which
    then must agree. Left out, with their numbers in the log, are boxes of
    other categories, those below ``score_thr``, those that have no area or lie
    wholly outside the image, those of frames that ``videos`` have and
    ``images`` do not, and those that suppression takes away. If persons are
    annotated with boxes, their recall is logged; below 0.5 at IoU 0.5 that is
    a warning: such boxes are probably not of these frames.

    Args:
        bbox_file: The file or folder, in a form of
            :mod:`~mmpose_tdmi.datasets.box_files`.
        images: The annotation's image records by id.
        image_size: An image record's width and height, if they are known.
        score_thr: The lowest score kept.
        nms_thr: Suppress boxes that overlap a better one of the same image by
            more than this IoU, in [0, 1].
        annotations, videos: The annotation's records of persons and videos.
        ann_file: What messages call the annotation file.

    Returns:
        The boxes kept, in the file's order: ``image_id``, ``category_id``,
        ``bbox`` (x, y, width, height), ``score``, ``track_id`` if any, what
        else an entry of a COCO-style file has, and ``entry``, the box's number
        among all boxes.

    Raises:
        ValueError: If the file is malformed, or boxes are of images that the
            annotation does not know, or by id and file name of different ones.
    """
    if nms_thr is not None and not 0 <= nms_thr <= 1:
        raise ValueError(f'nms_thr must be an IoU in [0, 1], got {nms_thr!r}')
    videos = list(videos)
    check(list(images.values()), List[ImageFields], ann_file, 'images')
    check(videos, List[VideoFields], ann_file, 'videos')
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
        box, score = raw.record['bbox'][:4], raw.record['score']
        if image_id is None:
            unknown.setdefault(
                raw.file_name if raw.image_id is None else raw.image_id, raw)
        elif image_id is FrameIndex.NOT_LISTED:
            left_out['of frames that are not annotated'] += 1
        elif score_thr is not None and score < score_thr:
            left_out[f'with a score below {score_thr}'] += 1
        elif box[2] <= 0 or box[3] <= 0:
            left_out['without area'] += 1
        elif _is_outside(box, image_size(images[image_id])):
            left_out['outside the image'] += 1
        else:
            own = dict(image_id=image_id, entry=entry)
            kept.append({'category_id': 1, **raw.record, **own})
    if unknown:
        first = next(iter(unknown.values()))
        what, known = 'image ids', list(images)
        if first.image_id is None:
            named = (i.get('file_name') for i in images.values())
            what, known = 'frame names', list(filter(None, named))
        place = first.place if first.path == bbox_file else first.where
        raise ValueError(
            f'{bbox_file}: {len(unknown)} {what} are not in {ann_file}: '
            f'{list(unknown)[:3]} (first at {place}); expected such as '
            f'{known[:3]}')
    if nms_thr is not None:
        before = len(kept)
        kept = suppress(kept, nms_thr)
        left_out['suppressed by better ones'] = before - len(kept)
    counts = ', '.join(f'{n} {what}' for what, n in left_out.items() if n)
    text = (f'{bbox_file}: {len(kept)} of {len(raw_boxes)} boxes are used; '
            f'left out: {counts or "none"}')
    _log(text, left_out['without area'] + left_out['outside the image'] > 0)
    persons = person_boxes_by_image(annotations, ann_file)
    if persons:
        statistics = box_statistics(kept, list(images), persons)
        text = f'{bbox_file}: {statistics.sentence()}'
        if statistics.is_suspicious:
            text += (f'. Below {SUSPICIOUS_RECALL:g} at IoU 0.5: do these '
                     'boxes belong to these frames?')
        _log(text, statistics.is_suspicious)
    return kept


def _log(text: str, is_warning: bool) -> None:
    level = logging.WARNING if is_warning else logging.INFO
    print_log(text, logger='current', level=level)


def _is_outside(box: Sequence[float], size: Optional[Tuple[int, int]]) -> bool:
    x, y, width, height = box
    return size is not None and (x + width <= 0 or y + height <= 0
                                 or x >= size[0] or y >= size[1])


def suppress(boxes: List[dict], iou_thr: float) -> List[dict]:
    """Leave out boxes that overlap a better one of the same image by more;
    they have ``image_id``, ``bbox`` (x, y, width, height) and ``score``."""
    places: Dict[Hashable, List[int]] = {}
    for place, box in enumerate(boxes):
        places.setdefault(box['image_id'], []).append(place)
    corners = _corners(box['bbox'][:4] for box in boxes)
    scores = torch.tensor([box['score'] for box in boxes], dtype=torch.float64)
    kept: List[int] = []
    for here in map(torch.tensor, places.values()):
        kept += here[nms(corners[here], scores[here], iou_thr)].tolist()
    return [boxes[place] for place in sorted(kept)]


@dataclass
class BoxStatistics:
    """What boxes are like beside the annotation they are to be used with."""
    num_boxes: int
    num_frames: int  # of the annotation
    most_boxes: int  # in one frame
    empty_frames: int  # without a box
    missed_frames: int  # without a box, but with annotated persons
    num_persons: int  # annotated, with a box
    #: By IoU, the largest share of the annotated persons that can each be
    #: given a box of its own with at least this overlap; NaN without persons.
    recall: Dict[float, float]

    @property
    def boxes_per_frame(self) -> float:
        return _ratio(self.num_boxes, self.num_frames)

    @property
    def is_suspicious(self) -> bool:
        return self.recall[0.5] < SUSPICIOUS_RECALL

    def table(self) -> str:
        rows = [
            ('frames', f'{self.num_frames}'),
            ('boxes', f'{self.num_boxes}'),
            ('boxes a frame, mean', f'{self.boxes_per_frame:.2f}'),
            ('boxes a frame, most', f'{self.most_boxes}'),
            ('frames without boxes', f'{self.empty_frames}'),
            ('  of these with annotated persons', f'{self.missed_frames}'),
            ('annotated persons', f'{self.num_persons}'),
        ] + [(f'recall at IoU {iou:.2f}', f'{recall:.4f}')
             for iou, recall in self.recall.items()]
        return '\n'.join(f'{name:36}{value:>12}' for name, value in rows)

    def sentence(self) -> str:
        recalls = ', '.join(f'{recall:.3f} at IoU {iou:g}'
                            for iou, recall in self.recall.items())
        return (f'recall of {self.num_persons} annotated persons {recalls}; '
                f'{self.boxes_per_frame:.2f} boxes a frame (most '
                f'{self.most_boxes}), {self.empty_frames} of '
                f'{self.num_frames} frames without boxes, '
                f'{self.missed_frames} of them with annotated persons')


def box_statistics(boxes: Iterable[dict], image_ids: Sequence[Hashable],
                   persons: Mapping[Hashable, Tensor]) -> BoxStatistics:
    """Count boxes, which have ``image_id`` and ``bbox`` (x, y, width, height),
    and measure the recall of :func:`person_boxes_by_image`'s persons."""
    by_image: Dict[Hashable, list] = {image_id: [] for image_id in image_ids}
    for box in boxes:
        by_image[box['image_id']].append(box['bbox'][:4])
    counts = {image_id: len(given) for image_id, given in by_image.items()}
    found = dict.fromkeys(RECALL_IOUS, 0)
    for image_id, annotated in persons.items():
        if counts.get(image_id):
            overlaps = box_iou(annotated, _corners(by_image[image_id])).numpy()
            for iou in RECALL_IOUS:
                pairs = overlaps >= iou
                # the largest matching
                chosen = linear_sum_assignment(pairs, maximize=True)
                found[iou] += int(pairs[chosen].sum())
    num_persons = sum(map(len, persons.values()))
    recall = {iou: _ratio(n, num_persons) for iou, n in found.items()}
    return BoxStatistics(
        num_boxes=sum(counts.values()),
        num_frames=len(counts),
        most_boxes=max(counts.values(), default=0),
        empty_frames=sum(count == 0 for count in counts.values()),
        missed_frames=sum(not counts.get(image_id) for image_id in persons),
        num_persons=num_persons,
        recall=recall)


class _PersonBox(Struct):
    image_id: Id
    bbox: Annotated[List[Coordinate], Meta(min_length=4, max_length=4)]


def person_boxes_by_image(annotations: Iterable[dict],
                          ann_file: str) -> Dict[Hashable, Tensor]:
    """The boxes of annotated persons, x1, y1, x2, y2 by image id, (G, 4), G >
    0; without those of crowds (``iscrowd``) and those without area."""
    boxes: Dict[Hashable, list] = {}
    for annotation in annotations:
        if 'bbox' not in annotation or annotation.get('iscrowd'):
            continue
        person = check(annotation, _PersonBox, ann_file,
                       f'annotation {annotation.get("id")!r}')
        if person.bbox[2] > 0 and person.bbox[3] > 0:
            boxes.setdefault(person.image_id, []).append(person.bbox)
    return {image_id: _corners(found) for image_id, found in boxes.items()}


def _corners(boxes: Iterable[Sequence[float]]) -> Tensor:
    """x, y, width, height as x1, y1, x2, y2, (D, 4), float64."""
    boxes = torch.tensor(list(boxes), dtype=torch.float64).reshape(-1, 4)
    return box_convert(boxes, 'xywh', 'xyxy')


def _ratio(count: int, total: int) -> float:
    return count / total if total else float('nan')
