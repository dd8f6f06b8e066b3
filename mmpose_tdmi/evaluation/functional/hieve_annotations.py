"""HiEve's converted annotation file as the metric and the submission need it.

The file is COCO-style, one for a split, as ``tools/dataset_converters`` writes
it; that of the test split lists images and no persons.

Shape shorthand: F frames of all videos, P persons in all of them, N of one
frame, K joints.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple, Union

import numpy as np

from .json_fields import field_column, get_records, number_table, read_json


class FramePersons(NamedTuple):
    """The annotated persons of a frame, in pixels of its image.

    Args:
        keypoints (np.ndarray): Joints, (N, K, 2).
        present (np.ndarray): Which are annotated, (N, K) bool.
        boxes (np.ndarray): x1, y1, x2, y2, (N, 4).
        actions (tuple[str]): What they do, as far as the file tells.
    """
    keypoints: np.ndarray
    present: np.ndarray
    boxes: np.ndarray
    actions: Tuple[str, ...]


@dataclass
class HiEveAnnotations:
    """A converted annotation file.

    Args:
        path (str): The file.
        keypoint_names (list[str]): The K joints.
        image_ids (list[int]): The images' ids, F, videos one after another,
            the frames of each in time.
        frame_names (list[str]): The images' paths, F.
        videos (list[str]): The names of their videos, F.
        labelled (np.ndarray): Which are labelled, (F, ) bool.
        keypoints (np.ndarray): Joints of all persons, (P, K, 2), those of a
            frame together.
        present (np.ndarray): Which are annotated, (P, K) bool.
        boxes (np.ndarray): x1, y1, x2, y2, (P, 4).
        actions (list[str | None]): What the persons do, P; None where the
            file does not tell.
        first_row (np.ndarray): Where a frame's persons begin, (F + 1, ).
    """
    path: str
    keypoint_names: List[str]
    image_ids: List[int]
    frame_names: List[str]
    videos: List[str]
    labelled: np.ndarray
    keypoints: np.ndarray
    present: np.ndarray
    boxes: np.ndarray
    actions: List[Any]
    first_row: np.ndarray

    @property
    def has_actions(self) -> bool:
        """bool: Whether any person has an action."""
        return any(action is not None for action in self.actions)

    def persons(self, frame: int) -> FramePersons:
        """The persons of a frame.

        Args:
            frame (int): Its place among the F.

        Returns:
            FramePersons: Its N persons.
        """
        rows = slice(*self.first_row[frame:frame + 2])
        return FramePersons(
            self.keypoints[rows], self.present[rows], self.boxes[rows],
            tuple(a for a in self.actions[rows] if a is not None))

    def frames_by_video(self) -> Dict[str, List[int]]:
        """The places of each video's frames.

        Returns:
            dict[str, list[int]]: By the video's name.
        """
        places: Dict[str, List[int]] = {}
        for frame, video in enumerate(self.videos):
            places.setdefault(video, []).append(frame)
        return places


def load_hieve_annotations(path: Union[str, Path]) -> HiEveAnnotations:
    """Read a converted annotation file of HiEve.

    Args:
        path (str | Path): The file.

    Returns:
        HiEveAnnotations: Its content.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If a field is missing or malformed, or there are ignore
            regions, which HiEve has none of.
    """
    content, where = read_json(path), str(path)
    names = _joint_names(content, where)
    images = get_records(content, 'images', where)
    order = _frame_order(content, images, where)
    images = [images[i] for i, _ in order]

    def describe(frame: int) -> str:
        return f'{where}: image {images[frame]["id"]}'

    ids = field_column(images, 'id', (int, ), describe)
    frame_of = {image_id: frame for frame, image_id in enumerate(ids)}
    if len(frame_of) != len(ids):
        raise ValueError(f'{where}: the ids of images are not unique')
    for frame, image in enumerate(images):
        if image.get('ignore_regions_x') or image.get('ignore_regions_y'):
            raise ValueError(f'{describe(frame)} has ignore regions; HiEve '
                             'has none, and its metric no rule for them')
    labelled = np.array(
        field_column(images, 'is_labeled', (bool, int), describe, True),
        dtype=bool)
    persons = _persons(content, frame_of, labelled, where)

    def describe_person(row: int) -> str:
        return f'{where}: annotation {persons[row].get("id")!r}'

    joints = number_table(
        field_column(persons, 'keypoints', (list, ), describe_person),
        3 * len(names), describe_person, 'keypoints')
    joints = joints.reshape(-1, len(names), 3)
    boxes = number_table(
        field_column(persons, 'bbox', (list, ), describe_person), 4,
        describe_person, 'bbox')
    with np.errstate(over='ignore'):
        boxes[:, 2:] += boxes[:, :2]
    if not np.isfinite(boxes).all():
        row = int(np.argmin(np.isfinite(boxes).all(axis=1)))
        raise ValueError(f'{describe_person(row)}: "bbox" is '
                         f'{persons[row]["bbox"]}, which ends at infinity')
    counts = np.bincount([frame_of[p['image_id']] for p in persons],
                         minlength=len(ids))
    return HiEveAnnotations(
        path=where,
        keypoint_names=names,
        image_ids=ids,
        frame_names=[image['file_name'] for image in images],
        videos=[video for _, video in order],
        labelled=labelled,
        keypoints=joints[..., :2],
        present=(joints != 0).any(axis=2),
        boxes=boxes,
        actions=field_column(persons, 'action', (str, type(None)),
                             describe_person, None),
        first_row=np.concatenate([[0], np.cumsum(counts)]).astype(int))


def _joint_names(content: Any, where: str) -> List[str]:
    named = [
        category['keypoints']
        for category in get_records(content, 'categories', where)
        if category.get('keypoints')
    ]
    if len(named) != 1 or not isinstance(named[0], list) or not all(
            isinstance(name, str) for name in named[0]):
        raise ValueError(f'{where}: expected one category with "keypoints", '
                         f'the joints\' names, found {named}')
    return named[0]


def _frame_order(content: dict, images: List[dict],
                 where: str) -> List[Tuple[int, str]]:
    """Images' places, videos together and in time, and their videos."""

    def describe(index: int) -> str:
        return f'{where}: images[{index}]'

    titles: Dict[Any, str] = {}
    if 'videos' in content:
        videos = get_records(content, 'videos', where)

        def describe_video(index: int) -> str:
            return f'{where}: videos[{index}]'

        titles = dict(
            zip(
                field_column(videos, 'id', (str, int), describe_video),
                field_column(videos, 'name', (str, ), describe_video)))
    numbers = field_column(images, 'frame_id', (int, ), describe)
    ids = field_column(images, 'vid_id', (str, int), describe)
    field_column(images, 'file_name', (str, ), describe)
    field_column(images, 'id', (int, ), describe)
    unknown = [video for video in ids if titles and video not in titles]
    if unknown:
        raise ValueError(f'{where}: the vid_id {unknown[0]!r} of an image is '
                         'not in "videos"')
    rank: Dict[Any, int] = {}
    for video in (*titles, *ids):
        rank.setdefault(video, len(rank))
    order = sorted(
        range(len(images)), key=lambda i: (rank[ids[i]], numbers[i]))
    return [(i, titles.get(ids[i], str(ids[i]))) for i in order]


def _persons(content: dict, frame_of: Dict[int, int], labelled: np.ndarray,
             where: str) -> List[dict]:
    """The annotations of labelled images, in the order of the frames."""
    annotations = get_records(content, 'annotations', where)
    of = field_column(annotations, 'image_id', (int, ),
                      lambda i: f'{where}: annotations[{i}]')
    unknown = [image_id for image_id in of if image_id not in frame_of]
    if unknown:
        raise ValueError(f'{where}: annotations are of images that the file '
                         f'does not list: {unknown[:3]}')
    frames = [frame_of[image_id] for image_id in of]
    return [
        annotations[i]
        for i in sorted(range(len(frames)), key=frames.__getitem__)
        if labelled[frames[i]]
    ]
