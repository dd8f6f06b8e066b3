"""Frames by index: of a video file, a folder, a glob or a single image.

For jobs that must go on where they were. What goes through a video once, in
order, uses :mod:`mmpose_tdmi.video.decoding`.

Shape shorthand: N frames of H x W pixels.

Person boxes of a video's frames from a detection file.

It is a :data:`BoxSource`: asked for a frame, it gives the boxes in it.

Shape shorthand: n boxes of a frame.

A caller's own boxes, in whatever form they come.

Shape shorthand: n boxes of a frame, H x W pixels of a frame.
"""
import json
from pathlib import Path, PurePosixPath
from typing import (Any, Callable, Dict, Iterable, List, Mapping, Optional,
                    Sequence, Union)

import numpy as np

from mmpose_tdmi.datasets.box_files import is_id, read_annotation_records
from mmpose_tdmi.datasets.person_boxes import load_person_boxes
from mmpose_tdmi.utils.files import check_json_size
from mmpose_tdmi.utils.video import VideoReader
from mmpose_tdmi.video.decoding import ImageSequence, VideoSource, find_images
from mmpose_tdmi.video.structures import TrackedBox

#: Frames of a video that can be asked for by index.
FrameSource = Union[VideoReader, ImageSequence]


def open_frames(source: Union[str, Path], keep: int = 8) -> FrameSource:
    """Open a video file, a folder of frames, a glob or a single image.

    Args:
        source (str | Path): What to open.
        keep (int): How many of the last frames to keep. Defaults to 8.

    Returns:
        VideoReader | ImageSequence: The frames.

    Raises:
        FileNotFoundError: If there is nothing to open.
        ValueError: If it cannot be read.
    """
    images = find_images(source)
    if images:
        return ImageSequence(images, keep=keep)
    return VideoReader(source, keep)


PathLike = Union[str, Path]
#: ``boxes(index, frame)`` -> the persons of frame ``index``: with ids, or
#: without, x1, y1, x2, y2, score, (n, 5).
BoxSource = Callable[[int, np.ndarray], Union[List[TrackedBox], np.ndarray]]


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
        frames (VideoSource): The video.
        score_thr (float, optional): The lowest score kept. Defaults to None,
            any.
        ann_file (str | Path, optional): COCO-style annotation file.

    Attributes:
        is_tracked (bool): Whether the boxes have ids.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If the file is malformed, or names frames that the video
            does not have.
    """

    def __init__(self,
                 path: PathLike,
                 frames: VideoSource,
                 score_thr: Optional[float] = None,
                 ann_file: Optional[PathLike] = None) -> None:
        self.path = str(path)
        entries = _load_json(path, 'the box file')
        if not isinstance(entries, list):
            raise ValueError(f'{path}: expected a json list of detections, '
                             f'got {type(entries).__name__}')
        self._image_ids: Dict[int, int] = {}
        if ann_file is not None:
            known = _annotated(frames, ann_file)
            self._image_ids = {
                index: image_id
                for image_id, index in known.items() if index is not None
            }
            indices = _by_annotation(entries, known, path, ann_file)
        elif frames.paths is not None and entries and all(
                isinstance(e, dict) and isinstance(e.get('file_name'), str)
                for e in entries):
            indices = _by_file_name(entries, frames.paths, path)
        else:
            indices = _by_index(entries, frames.num_frames, path)
        here = [e for e in indices if e is not None]
        if entries and not here:
            raise ValueError(f'{path}: none of its {len(entries)} boxes is '
                             'of a frame of this video')
        self.is_tracked = _is_tracked(entries, path)
        size = frames.size
        # checks each entry and drops other categories and useless boxes
        kept = load_person_boxes(
            str(path), {_id(e): {}
                        for e in entries}, lambda _: size, score_thr)
        self._boxes: Dict[int, List[tuple]] = {}
        for entry in kept:
            index = indices[entry['entry']]
            if index is None:
                continue
            x, y, width, height = entry['bbox'][:4]
            self._boxes.setdefault(index, []).append(
                (x, y, x + width, y + height, entry['score'],
                 entry['track_id'] if self.is_tracked else None))

    def __call__(self, index: int,
                 frame: np.ndarray) -> Union[List[TrackedBox], np.ndarray]:
        """The boxes in a frame, as ordered in the file."""
        rows = self._boxes.get(index, [])
        if self.is_tracked:
            return [TrackedBox(row[5], row[:4], row[4]) for row in rows]
        return np.array([row[:5] for row in rows], float).reshape(-1, 5)

    def image_id(self, index: int) -> Optional[int]:
        """The annotation file's id of a frame, if it has one."""
        return self._image_ids.get(index)


def _id(entry: Any) -> Any:
    image_id = entry.get('image_id') if isinstance(entry, dict) else None
    return image_id if is_id(image_id) else None


def _load_json(path: PathLike, what: str) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f'{what} {path} does not exist')
    try:
        check_json_size(path)
        return json.loads(Path(path).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{what} {path} is no json: {error}') from error


def _is_tracked(entries: List[dict], path: PathLike) -> bool:
    with_id = sum(isinstance(e, dict) and 'track_id' in e for e in entries)
    if with_id not in (0, len(entries)):
        raise ValueError(f'{path}: {with_id} of {len(entries)} boxes have a '
                         'track_id; expected all or none of them')
    return with_id > 0


def _by_index(entries: List[dict], num_frames: Optional[int],
              path: PathLike) -> List[int]:
    """``image_id`` as the frame's index."""
    indices = [_id(entry) for entry in entries]
    unknown = [
        i for i in indices if isinstance(i, bool) or not isinstance(i, int)
        or i < 0 or num_frames is not None and i >= num_frames
    ]
    if unknown:
        raise ValueError(
            f'{path}: {len(unknown)} boxes are of frames that the video does '
            f'not have, image_id {_first(unknown)}; expected frame indices 0 '
            f'to {"..." if num_frames is None else num_frames - 1}. Ids of '
            'a data set need its annotation file')
    return indices


def _by_file_name(entries: List[dict], paths: List[str],
                  path: PathLike) -> List[int]:
    """The entries' own file names."""
    lookup = _NameLookup(paths)
    indices = [lookup(entry['file_name']) for entry in entries]
    unknown = [
        entry['file_name'] for entry, index in zip(entries, indices)
        if index is None
    ]
    if unknown:
        raise ValueError(
            f'{path}: {len(unknown)} boxes are of frames that the video does '
            f'not have, file_name {_first(unknown)}; its frames are like '
            f'{paths[0]}')
    return indices


def _annotated(frames: VideoSource,
               ann_file: PathLike) -> Dict[int, Optional[int]]:
    """Which frame an annotation file's image ids are."""
    images = read_annotation_records(str(ann_file)).images
    if frames.paths is not None:
        find: Callable = _NameLookup(frames.paths)
    else:
        find = _VideoLookup(frames.name, frames.num_frames)
    return {
        image_id: find(image['file_name'])
        for image_id, image in images.items()
    }


def _by_annotation(entries: List[dict], known: Dict[int, Optional[int]],
                   path: PathLike, ann_file: PathLike) -> List[Optional[int]]:
    """The frames that an annotation file has for the image ids."""
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

    def __init__(self, name: str, num_frames: Optional[int]) -> None:
        self._name = name
        self._num_frames = num_frames

    def __call__(self, name: str) -> Optional[int]:
        path = PurePosixPath(name)
        if path.parent.name != self._name or not path.stem.isdigit():
            return None
        number = int(path.stem)
        if self._num_frames is not None and number >= self._num_frames:
            return None
        return number


def _first(values: List[Any]) -> List[Any]:
    """The first three different ones."""
    return list(dict.fromkeys(values))[:3]


#: Boxes as a caller gives them, see :func:`open_boxes`.
Boxes = Union[str, Path, Callable, Sequence, Mapping]


def open_boxes(boxes: Boxes,
               source: VideoSource,
               score_thr: Optional[float] = None,
               ann_file: Union[str, Path, None] = None) -> BoxSource:
    """Boxes by frame index.

    Args:
        boxes: One of

            - a detection file, see :class:`FileBoxes`;
            - a function of the frame's index and the frame;
            - a sequence with an entry per frame, or a mapping from frame
              indices to entries; frames without one have no persons.

            What a function returns and what the entries are is an array
            x1, y1, x2, y2 or x1, y1, x2, y2, score, (n, 4) or (n, 5), in
            pixels of the frame, or a list of :class:`TrackedBox`.
        source (VideoSource): The video.
        score_thr (float, optional): The lowest score kept. Defaults to None,
            any.
        ann_file (str | Path, optional): Explains the image ids of a file.

    Returns:
        Callable: ``boxes(index, frame)``, a list of :class:`TrackedBox` or
        an array (n, 5).

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If a file or an entry is malformed; entries are looked at
            when their frame comes.
    """
    if isinstance(boxes, (str, Path)):
        return FileBoxes(boxes, source, score_thr, ann_file)
    if callable(boxes):
        return GivenBoxes(boxes, score_thr)
    if isinstance(boxes, Mapping):
        return GivenBoxes(lambda index, _: boxes.get(index, ()), score_thr)
    if isinstance(boxes, (Sequence, np.ndarray)):
        return GivenBoxes(
            lambda index, _: boxes[index]
            if index < len(boxes) else (), score_thr)
    raise ValueError(
        'boxes must be a file, a function, or a sequence or mapping of the '
        f'frames\' boxes, got {type(boxes).__name__}')


class GivenBoxes:
    """Checks boxes that come from a caller.

    Args:
        find (Callable): ``find(index, frame)``, see :func:`open_boxes`.
        score_thr (float, optional): The lowest score kept. Defaults to None,
            any.
    """

    def __init__(self,
                 find: Callable[[int, np.ndarray], Any],
                 score_thr: Optional[float] = None) -> None:
        self._find = find
        self._score_thr = -np.inf if score_thr is None else score_thr

    def __call__(self, index: int,
                 frame: np.ndarray) -> Union[List[TrackedBox], np.ndarray]:
        """The boxes in a frame.

        Raises:
            ValueError: If they are not what they should be.
        """
        found = self._find(index, frame)
        if len(found) and all(isinstance(box, TrackedBox) for box in found):
            for box in found:
                _check(np.array([[*box.bbox, box.score]], float), index)
            return [box for box in found if box.score >= self._score_thr]
        rows = np.array(found, float)
        if not len(rows):
            return np.zeros((0, 5))
        if rows.ndim != 2 or rows.shape[1] not in (4, 5):
            raise ValueError(
                f'boxes of frame {index}: expected a list of TrackedBox or an '
                f'array (n, 4) or (n, 5), got the shape {rows.shape}')
        if rows.shape[1] == 4:
            rows = np.pad(rows, ((0, 0), (0, 1)), constant_values=1.)
        _check(rows, index)
        return rows[rows[:, 4] >= self._score_thr]


def _check(rows: np.ndarray, index: int) -> None:
    """Raise unless all boxes, (n, 5), are finite and have an area."""
    is_good = np.isfinite(rows).all(axis=1) & (rows[:, 2:4]
                                               > rows[:, :2]).all(axis=1)
    if not is_good.all():
        raise ValueError(
            f'boxes of frame {index}: expected finite x1 < x2, y1 < y2 and '
            f'a score, got {rows[~is_good][0].tolist()}')
