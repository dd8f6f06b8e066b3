"""Person boxes of a video's frames, from a detector or from a file.

Both are a :data:`BoxSource`: asked for a frame, it gives the boxes in it.

Shape shorthand: n boxes of a frame.
"""
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Union

import numpy as np

from mmpose_tdmi.datasets.person_boxes import (is_id, load_person_boxes,
                                               read_annotation_records)

from .frame_source import FrameSource, ImageSequence
from .person_detector import PersonDetector


@dataclass(frozen=True)
class PersonBox:
    """A person's box in a frame.

    Args:
        bbox (tuple[float]): x1, y1, x2, y2 in pixels of the frame.
        score (float): The detector's score.
        id (int): Who it is: the box's ``track_id`` where given, else a
            running index in the frame, by which nobody is recognised in
            another frame.
    """
    bbox: Tuple[float, float, float, float]
    score: float
    id: int


PathLike = Union[str, Path]
#: ``boxes(index, frame)`` -> the persons of frame ``index``.
BoxSource = Callable[[int, np.ndarray], List[PersonBox]]


class DetectedBoxes:
    """Boxes from a detector, as they are asked for.

    Args:
        detector (PersonDetector): The detector.
    """

    def __init__(self, detector: PersonDetector) -> None:
        self._detector = detector

    def __call__(self, index: int, frame: np.ndarray) -> List[PersonBox]:
        """The boxes in a frame (H, W, 3), by falling score."""
        rows = self._detector([frame])[0].tolist()
        return [
            PersonBox(tuple(row[:4]), row[4], person)
            for person, row in enumerate(rows)
        ]


class FileBoxes:
    """Boxes from a COCO-style detection file.

    The file is a json list of ``dict(image_id, category_id, bbox=[x, y, w,
    h], score)``, as ``tools/detect_persons.py`` writes it; entries may carry
    a ``track_id``, all or none of them. Which frame an entry belongs to is
    told by

    1. ``ann_file``, if given: its ``images`` say which file an ``image_id``
       is. Entries of other videos are passed over. Frames of a video file
       are those of the images in a folder that is called as the file is,
       numbered from 0;
    2. the entries' own ``file_name``, if all have one and the frames are
       image files;
    3. ``image_id`` as the 0-based index of the frame.

    Args:
        path (str | Path): The file.
        frames (VideoReader | ImageSequence): The frames.
        score_thr (float, optional): The lowest score kept. Defaults to None,
            any.
        ann_file (str | Path, optional): COCO-style annotation file.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If the file is malformed, or names frames that the video
            does not have.
    """

    def __init__(self,
                 path: PathLike,
                 frames: FrameSource,
                 score_thr: Optional[float] = None,
                 ann_file: Optional[PathLike] = None) -> None:
        self.path = str(path)
        entries = _load_json(path, 'the box file')
        if not isinstance(entries, list):
            raise ValueError(f'{path}: expected a json list of detections, '
                             f'got {type(entries).__name__}')
        if ann_file is not None:
            indices = _by_annotation(entries, frames, path, ann_file)
        elif isinstance(frames, ImageSequence) and entries and all(
                isinstance(e, dict) and isinstance(e.get('file_name'), str)
                for e in entries):
            indices = _by_file_name(entries, frames, path)
        else:
            indices = _by_index(entries, len(frames), path)
        here = [e for e in indices if e is not None]
        if entries and not here:
            raise ValueError(f'{path}: none of its {len(entries)} boxes is '
                             'of a frame of this video')
        tracked = _is_tracked(entries, path)
        size = frames.size
        # checks each entry and drops other categories and useless boxes
        kept = load_person_boxes(
            str(path), {_id(e): {}
                        for e in entries}, lambda _: size, score_thr)
        self._boxes: Dict[int, List[PersonBox]] = {}
        for entry in kept:
            index = indices[entry['entry']]
            if index is None:
                continue
            persons = self._boxes.setdefault(index, [])
            x, y, width, height = entry['bbox'][:4]
            persons.append(
                PersonBox((x, y, x + width, y + height), entry['score'],
                          entry['track_id'] if tracked else len(persons)))

    def __call__(self, index: int, frame: np.ndarray) -> List[PersonBox]:
        """The boxes in a frame, as ordered in the file."""
        return self._boxes.get(index, [])


def _id(entry: Any) -> Any:
    image_id = entry.get('image_id') if isinstance(entry, dict) else None
    return image_id if is_id(image_id) else None


def _load_json(path: PathLike, what: str) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f'{what} {path} does not exist')
    try:
        return json.loads(Path(path).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{what} {path} is no json: {error}') from error


def _is_tracked(entries: List[dict], path: PathLike) -> bool:
    with_id = sum(isinstance(e, dict) and 'track_id' in e for e in entries)
    if with_id not in (0, len(entries)):
        raise ValueError(f'{path}: {with_id} of {len(entries)} boxes have a '
                         'track_id; expected all or none of them')
    return with_id > 0


def _by_index(entries: List[dict], num_frames: int,
              path: PathLike) -> List[int]:
    """``image_id`` as the frame's index."""
    indices = [_id(entry) for entry in entries]
    unknown = [
        i for i in indices if isinstance(i, bool) or not isinstance(i, int)
        or not (0 <= i < num_frames)
    ]
    if unknown:
        raise ValueError(
            f'{path}: {len(unknown)} boxes are of frames that the video does '
            f'not have, image_id {_first(unknown)}; expected frame indices 0 '
            f'to {num_frames - 1}. Ids of a data set need its annotation '
            'file')
    return indices


def _by_file_name(entries: List[dict], frames: ImageSequence,
                  path: PathLike) -> List[int]:
    """The entries' own file names."""
    lookup = _NameLookup(frames.paths)
    indices = [lookup(entry['file_name']) for entry in entries]
    unknown = [
        entry['file_name'] for entry, index in zip(entries, indices)
        if index is None
    ]
    if unknown:
        raise ValueError(
            f'{path}: {len(unknown)} boxes are of frames that the video does '
            f'not have, file_name {_first(unknown)}; its frames are like '
            f'{frames.paths[0]}')
    return indices


def _by_annotation(entries: List[dict], frames: FrameSource, path: PathLike,
                   ann_file: PathLike) -> List[Optional[int]]:
    """The file names that an annotation file has for the image ids."""
    images = read_annotation_records(str(ann_file)).images
    if isinstance(frames, ImageSequence):
        find = _NameLookup(frames.paths)
    else:
        find = _VideoLookup(frames.path, len(frames))
    known = {
        image_id: find(image['file_name'])
        for image_id, image in images.items()
    }
    unknown = [_id(e) for e in entries if _id(e) not in known]
    if unknown:
        raise ValueError(
            f'{path}: {len(unknown)} image ids are not in {ann_file}: '
            f'{_first(unknown)}; expected ids such as {list(known)[:3]}')
    return [known[_id(e)] for e in entries]


class _NameLookup:
    """Finds the frame whose path ends as a given name."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = [Path(path).resolve().parts for path in paths]
        self._by_name: Dict[str, List[int]] = {}
        for index, parts in enumerate(self._paths):
            self._by_name.setdefault(parts[-1], []).append(index)

    def __call__(self, name: str) -> Optional[int]:
        parts = PurePosixPath(name).parts
        found = [
            index for index in self._by_name.get(parts[-1], ())
            if self._paths[index][-len(parts):] == parts
        ]
        if len(found) > 1:
            raise ValueError(f'the frame {name!r} is not unique among the '
                             'given ones')
        return found[0] if found else None


class _VideoLookup:
    """Finds the frame of a video file by folder and number."""

    def __init__(self, video: str, num_frames: int) -> None:
        self._stem = Path(video).stem
        self._num_frames = num_frames

    def __call__(self, name: str) -> Optional[int]:
        path = PurePosixPath(name)
        if path.parent.name != self._stem or not path.stem.isdigit():
            return None
        number = int(path.stem)
        return number if number < self._num_frames else None


def _first(values: List[Any]) -> List[Any]:
    """The first three different ones."""
    return list(dict.fromkeys(values))[:3]
