"""Persons to draw, with the frames around them.

Shape shorthand: V keypoints of an annotated person, H x W pixels of a frame.
"""
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import cv2
import numpy as np

from mmpose_tdmi.evaluation.functional import head_sizes
from mmpose_tdmi.video.decoding import open_frames
from ..slices import SLICES

#: How many joints of a drawn person are hidden in the key frame.
FEW, MANY = 3, 7


@dataclass(frozen=True)
class Subject:
    """A person in a key frame, and the frames around it.

    Args:
        name (str): Short identifier, for file names.
        title (str): What a reader is told.
        frames (list[np.ndarray]): Frames (H, W, 3), uint8, BGR, ascending in
            time.
        key (int): The key frame's place among them.
        bbox (np.ndarray): The person's box in the key frame, x1, y1, x2, y2
            in pixels.
        keypoints (np.ndarray, optional): True x, y in the key frame, (V, 2);
            NaN where there is none. Defaults to ``None``, not known.
        hidden (np.ndarray, optional): Which of them are hidden, (V, ) bool.
        head_size (float): PoseTrack's head size in pixels; 0 if not known.
    """
    name: str
    title: str
    frames: List[np.ndarray]
    key: int
    bbox: np.ndarray
    keypoints: Optional[np.ndarray] = None
    hidden: Optional[np.ndarray] = None
    head_size: float = 0.

    def window(self, offsets: Sequence[int]) -> List[np.ndarray]:
        """The frames at offsets; the nearest where there is none.

        Args:
            offsets (Sequence[int]): T offsets from the key frame.

        Returns:
            list[np.ndarray]: T frames.
        """
        last = len(self.frames) - 1
        return [
            self.frames[min(max(self.key + offset, 0), last)]
            for offset in offsets
        ]


def hidden_subjects(ann_file: Path, image_root: Path,
                    count: int) -> List[Subject]:
    """Persons of a benchmark some of whose joints are hidden, seen nearby.

    Persons with :data:`FEW` to :data:`MANY` such joints and none that is
    hidden throughout, one of a video, evenly taken from all of them: what a
    model predicts has no part in the choice.

    Args:
        ann_file (Path): A merged validation annotation with ``slices``.
        image_root (Path): What ``file_name`` is relative to.
        count (int): How many.

    Returns:
        list[Subject]: In the order of the videos, as many as there are.

    Raises:
        ValueError: If the annotation has no ``slices``.
    """
    content = json.loads(Path(ann_file).read_text(encoding='utf-8'))
    images = {image['id']: image for image in content['images']}
    found: Dict[str, dict] = {}
    for annotation in content['annotations']:
        if 'slices' not in annotation:
            raise ValueError(f'{ann_file}: annotation {annotation["id"]} has '
                             'no slices; expected the validation annotation '
                             'of projects/known_truth/known_truth.py data')
        if (FEW <= _count(annotation, 'hidden_seen') <= MANY
                and not _count(annotation, 'hidden_unseen')):
            video = images[annotation['image_id']]['vid_id']
            found.setdefault(video, annotation)
    persons = [found[video] for video in sorted(found)]
    count = min(count, len(persons))
    return [
        _generated(annotation, images[annotation['image_id']], content,
                   image_root)
        for annotation in (persons[i * len(persons) // count]
                           for i in range(count))
    ]


def video_subject(video: Path, title: str, key: int, bbox: Sequence[float],
                  reach: int) -> Subject:
    """A person of a video file, without truth.

    Args:
        video (Path): The video.
        title (str): What a reader is told.
        key (int): The key frame's index.
        bbox (Sequence[float]): x1, y1, x2, y2 in pixels.
        reach (int): Frames to load on either side, as far as there are.

    Returns:
        Subject: The person.
    """
    reader = open_frames(video)
    first = max(0, key - reach)
    last = min(len(reader) - 1, key + reach)
    frames = [reader[index] for index in range(first, last + 1)]
    return Subject(f'{Path(video).stem}_{key}', title, frames, key - first,
                   np.asarray(bbox, np.float32))


def _count(annotation: dict, name: str) -> int:
    return sum(bits >> SLICES.index(name) & 1 for bits in annotation['slices'])


def _generated(annotation: dict, image: dict, content: dict,
               image_root: Path) -> Subject:
    files = sorted(other['file_name'] for other in content['images']
                   if other['vid_id'] == image['vid_id'])
    points = np.array(annotation['keypoints'], float).reshape(-1, 3)
    points[~points.any(axis=1)] = np.nan
    x, y, width, height = annotation['bbox']
    _, _, head_width, head_height = annotation['bbox_head']
    video = Path(image['file_name']).parent.name
    number = files.index(image['file_name'])
    return Subject(
        f'{video}_{number}_{annotation["track_id"]}',
        f'generated video {video.split("_")[0]}, frame {number}: '
        f'{_count(annotation, "hidden_seen")} joints hidden here and seen '
        'nearby', [_read(image_root / name) for name in files], number,
        np.array([x, y, x + width, y + height], np.float32), points[:, :2],
        np.array(annotation['occluded'], bool),
        float(head_sizes(np.array([[0., 0., head_width, head_height]]))[0]))


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    if image is None:
        raise FileNotFoundError(f'{path} is missing or no image')
    return image
