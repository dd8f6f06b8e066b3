"""Do boxes and frames belong together? Counts, and recall of known persons.

Shape shorthand: G annotated persons and D boxes of a frame.
"""
from dataclasses import dataclass
from typing import Dict, Hashable, Iterable, List, Mapping, Sequence, Tuple

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from .box_files import MAX_COORDINATE, is_id, is_number

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
