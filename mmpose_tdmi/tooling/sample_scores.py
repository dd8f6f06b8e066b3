"""How well single persons are posed, each by itself.

Data sets are scored by :mod:`mmpose_tdmi.evaluation`, where persons compete
for annotations. Here every predicted person has its annotation, and gets a
number in [0, 1], by which the worst ones are found.

Shape shorthand: K keypoints.
"""
from collections import defaultdict
from pathlib import Path
from typing import Callable, Dict, List, Optional, Union

import numpy as np
from mmpose.evaluation.functional.nms import oks_iou

from mmpose_tdmi.evaluation.functional import head_sizes
from mmpose_tdmi.evaluation.functional.json_fields import (get_records,
                                                           read_json)

#: A joint is right if it is off by at most so much: of the head size
#: (PoseTrack's PCKh@0.5), and of the longer side of the person's box.
HEAD_SHARE = 0.5
BOX_SHARE = 0.1


def annotated_joints(person: dict) -> np.ndarray:
    """x, y, visibility of an annotation, (K, 3), pixels of its image."""
    return np.asarray(person['keypoints'], float).reshape(-1, 3)


def oks_score(pose: np.ndarray, person: dict, sigmas: np.ndarray) -> float:
    """Object keypoint similarity to the annotation, by COCO's rule.

    Args:
        pose (np.ndarray): Predicted x, y in pixels of the image, (K, 2).
        person (dict): The annotation, with ``area`` or a box.
        sigmas (np.ndarray): The K joints' sigmas.

    Returns:
        float: In [0, 1], over the labelled joints.
    """
    joints = annotated_joints(person)
    labelled = joints[:, 2] > 0
    _, _, width, height = person['bbox']
    # 0.53: the host's share of a person in the box
    area = person.get('area') or 0.53 * width * height
    joints = np.column_stack((joints[labelled, :2], np.ones(labelled.sum())))
    pose = np.column_stack((pose[labelled], np.ones(labelled.sum())))
    return float(
        oks_iou(joints.ravel(),
                pose.ravel()[None], area, [area],
                np.asarray(sigmas)[labelled])[0])


def pck_score(pose: np.ndarray,
              person: dict,
              sigmas: Optional[np.ndarray] = None) -> float:
    """Share of labelled joints within 0.1 of the box's longer side.

    Args:
        pose (np.ndarray): Predicted x, y in pixels of the image, (K, 2).
        person (dict): The annotation, with its ``bbox``.
        sigmas: Not used.

    Returns:
        float: In [0, 1].
    """
    return _share_within(pose, person, BOX_SHARE * max(person['bbox'][2:]))


def posetrack_score(pose: np.ndarray,
                    person: dict,
                    sigmas: Optional[np.ndarray] = None) -> float:
    """Share of labelled joints that PoseTrack counts as found.

    Args:
        pose (np.ndarray): Predicted x, y in pixels of the image, (K, 2).
        person (dict): The annotation, with its ``bbox_head``.
        sigmas: Not used.

    Returns:
        float: In [0, 1]; a joint is found within half a head size.

    Raises:
        ValueError: If the annotation has no head box.
    """
    if 'bbox_head' not in person:
        raise ValueError(
            f'annotation {person.get("id")} has no bbox_head, which the '
            "'posetrack' score measures by: use 'oks' or 'pck'")
    x, y, width, height = person['bbox_head']
    size, = head_sizes(np.array([[x, y, x + width, y + height]], float))
    return _share_within(pose, person, HEAD_SHARE * size)


SCORES: Dict[str, Callable[..., float]] = dict(
    posetrack=posetrack_score, oks=oks_score, pck=pck_score)


class AnnotatedPersons:
    """The annotated persons of a file, for persons of a detector.

    Args:
        ann_file (str | Path): COCO-style annotation file.
        min_iou (float): Boxes that overlap by less belong to nobody. Defaults
            to 0.5.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not an annotation file.
    """

    def __init__(self,
                 ann_file: Union[str, Path],
                 min_iou: float = 0.5) -> None:
        self.min_iou = min_iou
        self._persons: Dict[int, List[dict]] = defaultdict(list)
        records = get_records(
            read_json(ann_file), 'annotations', str(ann_file))
        for person in records:
            if has_joints(person):
                self._persons[person['image_id']].append(person)

    def find(self, image_id: int, box: np.ndarray) -> Optional[dict]:
        """The annotated person whose box fits best.

        Args:
            image_id (int): The image.
            box (np.ndarray): x1, y1, x2, y2 in its pixels, (4, ).

        Returns:
            dict | None: The annotation, or None if no box overlaps enough.
        """
        best, best_iou = None, self.min_iou
        for person in self._persons.get(image_id, ()):
            x, y, width, height = person['bbox']
            iou = _iou(np.asarray(box, float), x, y, x + width, y + height)
            if iou >= best_iou:
                best, best_iou = person, iou
        return best


def has_joints(person: dict) -> bool:
    """Whether an annotation has a box and labelled joints."""
    return bool(
        person.get('bbox') and person.get('keypoints')
        and (annotated_joints(person)[:, 2] > 0).any())


def _share_within(pose: np.ndarray, person: dict, limit: float) -> float:
    joints = annotated_joints(person)
    labelled = joints[:, 2] > 0
    distances = np.linalg.norm(pose[labelled] - joints[labelled, :2], axis=1)
    return float((distances <= limit).mean())


def _iou(box: np.ndarray, x1: float, y1: float, x2: float, y2: float) -> float:
    width = min(box[2], x2) - max(box[0], x1)
    height = min(box[3], y2) - max(box[1], y1)
    if width <= 0 or height <= 0:
        return 0.
    common = width * height
    areas = (box[2] - box[0]) * (box[3] - box[1]) + (x2 - x1) * (y2 - y1)
    return common / (areas - common)
