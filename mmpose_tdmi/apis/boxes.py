"""Who is where in each frame: the step between decoding and poses.

Boxes come from a detector, on every N-th frame, or from the caller; a tracker
gives ids to those without and carries them over the frames between.
Shape letters: n boxes of a frame.
"""
import hashlib
import json
import logging
from collections import deque
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import (Any, Callable, Deque, Dict, Iterable, Iterator, List,
                    Mapping, Optional, Sequence, Tuple, Union)

import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.datasets.box_files import (FrameIndex, RawBox,
                                            read_annotation_records,
                                            read_box_file)
from mmpose_tdmi.utils.files import PathLike
from mmpose_tdmi.utils.stages import stage
from mmpose_tdmi.video.decoding import VideoSource
from mmpose_tdmi.video.structures import TrackedBox, TrackedFrame
from mmpose_tdmi.video.tracking import PersonTracker
from .models import require_file

#: A frame's persons: with ids, or without, x1, y1, x2, y2, score, (n, 5).
FoundBoxes = Union[List[TrackedBox], np.ndarray]
#: ``boxes(index, frame)`` -> the persons of frame ``index``.
BoxSource = Callable[[int, np.ndarray], FoundBoxes]
#: Boxes as a caller gives them, see :func:`open_boxes`.
Boxes = Union[str, Path, Callable, Sequence, Mapping]

#: How many frames beyond the present one may be looked at.
MAX_AHEAD = 16
#: How many frames in a row may be too large for a detector's memory.
MAX_FAILURES = 10


class FileBoxes:
    """Boxes from a detection file, in any form that the datasets read, such as
    ``tools/detect_persons.py`` writes.

    Entries may carry a ``track_id``, all or none; their frame is told by

    1. ``ann_file``, if given: its ``images``, for a video file in a folder
       called as the file is, numbered from 0. Other videos are passed over;
    2. the entries' own file names, if all have one and the frames are image
       files, or if none has an ``image_id``;
    3. ``image_id`` as the 0-based index of the frame.

    Boxes below ``score_thr`` are left out.
    """

    def __init__(self,
                 path: PathLike,
                 frames: VideoSource,
                 score_thr: Optional[float] = None,
                 ann_file: Optional[PathLike] = None) -> None:
        self.path = str(path)
        require_file(path, 'the box file')
        entries = read_box_file(self.path)
        self._image_ids: Dict[int, int] = {}
        if ann_file is not None:
            indices = self._by_annotation(entries, frames, str(ann_file))
        elif entries and (all(e.image_id is None for e in entries) or
                          frames.paths is not None and all(e.file_name
                                                           for e in entries)):
            indices = self._by_file_name(entries, frames)
        else:
            indices = [entry.image_id for entry in entries]
            unknown, known = _outside(indices, frames.num_frames)
            self._refuse(
                'image_id', unknown, f'expected frame indices {known}. Ids of '
                'a data set need its annotation file')
        if entries and all(index is None for index in indices):
            raise ValueError(f'{path}: none of its {len(entries)} boxes is '
                             'of a frame of this video')
        with_id = sum('track_id' in entry.record for entry in entries)
        if with_id not in (0, len(entries)):
            raise ValueError(
                f'{path}: {with_id} of {len(entries)} boxes have a track_id; '
                'expected all or none of them')
        self.is_tracked = with_id > 0
        self._boxes: Dict[int, List[TrackedBox]] = {}
        for entry, index in zip(entries, indices):
            x, y, width, height = entry.record['bbox'][:4]
            box = TrackedBox(
                entry.record.get('track_id'), (x, y, x + width, y + height),
                entry.record['score'])
            if (index is not None and entry.is_person
                    and (score_thr is None or box.score >= score_thr)
                    and width > 0 and height > 0):
                self._boxes.setdefault(index, []).append(box)
        num_used = sum(map(len, self._boxes.values()))
        print_log(f'{path}: {num_used} of {len(entries)} boxes are used',
                  'current', logging.INFO)

    def __call__(self, index: int, frame: np.ndarray) -> FoundBoxes:
        """The boxes in a frame, as ordered in the file."""
        boxes = self._boxes.get(index, [])
        return boxes if self.is_tracked else _rows(boxes)

    def image_id(self, index: int) -> Optional[int]:
        """The annotation file's id of a frame."""
        return self._image_ids.get(index)

    def _by_annotation(self, entries: Sequence[RawBox], frames: VideoSource,
                       ann_file: str) -> List[Optional[int]]:
        records = read_annotation_records(ann_file)
        find = _frame_finder(frames)
        known = {i: find(x['file_name']) for i, x in records.images.items()}
        self._image_ids = {
            index: image_id
            for image_id, index in known.items() if index is not None
        }
        images = FrameIndex(records.images)
        found = [
            e.image_id if e.image_id in known else images.find(e)
            for e in entries
        ]
        unknown = [
            entry.image_id if entry.file_name is None else entry.file_name
            for entry, image_id in zip(entries, found) if image_id is None
        ]
        if unknown:
            raise ValueError(
                f'{self.path}: {len(unknown)} image ids are not in '
                f'{ann_file}: {_first(unknown)}; expected ids such as '
                f'{list(known)[:3]}')
        return [known[image_id] for image_id in found]

    def _by_file_name(self, entries: Sequence[RawBox],
                      frames: VideoSource) -> List[Optional[int]]:
        find = _frame_finder(frames)
        indices = [find(entry.file_name or '') for entry in entries]
        like = '000000.jpg' if frames.paths is None else frames.paths[0]
        self._refuse(
            'file_name',
            [e.file_name for e, i in zip(entries, indices) if i is None],
            f'its frames are like {like}')
        return indices

    def _refuse(self, field: str, unknown: List[Any], expected: str) -> None:
        if unknown:
            raise ValueError(
                f'{self.path}: {len(unknown)} boxes are of frames that the '
                f'video does not have, {field} {_first(unknown)}; {expected}')


def _outside(indices: Iterable[Any],
             num_frames: Optional[int]) -> Tuple[List[Any], str]:
    """Those that are no frame's index, and which there are."""
    limit = np.inf if num_frames is None else num_frames
    last = '...' if num_frames is None else num_frames - 1
    return [i for i in indices
            if not (isinstance(i, int) and 0 <= i < limit)], f'0 to {last}'


def _rows(boxes: Iterable[TrackedBox]) -> np.ndarray:
    return np.array([[*b.bbox, b.score] for b in boxes], float).reshape(-1, 5)


def _frame_finder(frames: VideoSource) -> Callable[[str], Optional[int]]:
    """What finds a frame by its file's name or the end of its path; a video
    file's are ``<its name>/<number>.jpg``."""
    folder: Tuple[str, ...] = (frames.name, )
    by_name: Dict[str, int] = {}
    if frames.paths is not None:
        paths = [Path(path).absolute() for path in frames.paths]
        by_name = {path.name: index for index, path in enumerate(paths)}
        folder = paths[0].resolve().parent.parts

    def find(name: str) -> Optional[int]:
        path = PurePosixPath(name.replace('\\', '/'))
        parents = path.parent.parts
        if parents and folder[-len(parents):] != parents[-len(folder):]:
            return None
        if by_name:
            return by_name.get(path.name)
        number = int(path.stem) if path.stem.isdecimal() else -1
        last = frames.num_frames
        return None if number < 0 or last and number >= last else number

    return find


def _first(values: List[Any]) -> List[Any]:
    """The first three different ones."""
    return list(dict.fromkeys(values))[:3]


def open_boxes(boxes: Boxes,
               source: VideoSource,
               score_thr: Optional[float] = None,
               ann_file: Optional[PathLike] = None) -> BoxSource:
    """Boxes by frame index.

    Args:
        boxes: One of

            - a detection file, see :class:`FileBoxes`;
            - a function of the frame's index and the frame;
            - a sequence with an entry for every frame;
            - a mapping from frame indices, or their texts, to entries; frames
              without one have no persons.

            Entries are arrays x1, y1, x2, y2 and, perhaps, score, (n, 4) or
            (n, 5), in pixels of the frame, or lists of :class:`TrackedBox`.
        source: The video.
        score_thr: The lowest score kept.
        ann_file: Explains the image ids of a file.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If a file or an entry, in its turn, is malformed, or of
            another frame than the video's.
    """
    if isinstance(boxes, (str, Path)):
        return FileBoxes(boxes, source, score_thr, ann_file)
    if callable(boxes):
        # of the frame a copy: what is painted on it must not move poses
        return lambda index, frame: _checked(
            boxes(index, frame.copy()), index, score_thr)
    entries = entries_by_index(boxes)
    num_frames = source.num_frames
    if isinstance(boxes, Mapping):
        outside, known = _outside(entries, num_frames)
        if outside:
            raise ValueError(
                f'boxes are given for the frames {outside[:3]}, which '
                f'{source.input} does not have; expected {known}')
    elif num_frames is not None and len(boxes) != num_frames:
        raise ValueError(
            f'boxes are given for {len(boxes)} frames, but {source.input} has '
            f'{num_frames}; expected an entry for every frame. A mapping by '
            'frame index may leave frames out')

    def find(index: int, frame: np.ndarray) -> FoundBoxes:
        if index not in entries and not isinstance(boxes, Mapping):
            raise ValueError(f'boxes are given for {len(boxes)} frames, but '
                             f'{source.input} has a frame {index}')
        return _checked(entries.get(index, ()), index, score_thr)

    return find


def entries_by_index(boxes: Any) -> Mapping[int, Any]:
    """A sequence's or mapping's entries by the frames' indices."""
    if isinstance(boxes, (Sequence, np.ndarray)):
        return dict(enumerate(boxes))
    if not isinstance(boxes, Mapping):
        raise ValueError(
            'boxes must be a file, a function, or a sequence or mapping of '
            f'the frames\' boxes, got {type(boxes).__name__}')
    entries: Dict[int, Any] = {}
    for key, entry in boxes.items():
        try:
            index = int(key if isinstance(key, str) else key.__index__())
        except (AttributeError, ValueError) as error:
            raise ValueError(
                f'boxes are given for {key!r}; expected the index of a frame, '
                'such as 12 or "12"') from error
        if index in entries:
            raise ValueError(f'boxes are given twice for frame {index}')
        entries[index] = entry
    return entries


def boxes_digest(boxes: Any) -> str:
    """SHA-256 of what a sequence or mapping of boxes contains."""
    digest = hashlib.sha256()
    for index, entry in sorted(entries_by_index(boxes).items()):
        checked = _checked(entry, index)
        if len(checked):
            plain = checked.tolist() if isinstance(
                checked, np.ndarray) else [asdict(box) for box in checked]
            digest.update(json.dumps([index, plain], default=float).encode())
    return digest.hexdigest()


def _checked(found: Any,
             index: int,
             score_thr: Optional[float] = None) -> FoundBoxes:
    lowest = -np.inf if score_thr is None else score_thr
    is_tracked = len(found) and all(
        isinstance(box, TrackedBox) for box in found)
    rows = _rows(found) if is_tracked else np.array(found, float)
    if not len(rows):
        return np.zeros((0, 5))
    if rows.ndim != 2 or rows.shape[1] not in (4, 5):
        raise ValueError(
            f'boxes of frame {index}: expected a list of TrackedBox or an '
            f'array (n, 4) or (n, 5), got the shape {rows.shape}')
    if rows.shape[1] == 4:
        rows = np.pad(rows, ((0, 0), (0, 1)), constant_values=1.)
    is_good = np.isfinite(rows).all(axis=1) & (rows[:, 2:4]
                                               > rows[:, :2]).all(axis=1)
    if not is_good.all():
        raise ValueError(
            f'boxes of frame {index}: expected finite x1 < x2, y1 < y2 and '
            f'a score, got {rows[~is_good][0].tolist()}')
    if is_tracked:
        return [box for box in found if box.score >= lowest]
    return rows[rows[:, 4] >= lowest]


class DetectorError(RuntimeError):
    """A detector fails, or lacks memory for one frame after the other."""


class FrameFailure(RuntimeError):
    """A detector's memory is not enough for a frame."""


def _ask(detect: Callable[[], Any], *indices: int) -> Any:
    """What a detector finds in frames; a lack of memory, which others may not
    share, is a :class:`FrameFailure`, any other error raises a
    :class:`DetectorError`."""
    try:
        return detect()
    except FrameFailure as failure:
        return failure
    except Exception as error:
        text = str(error) or type(error).__name__
        if not (isinstance(error, MemoryError) or 'out of memory' in text
                or "can't allocate memory" in text):
            what = (f'one of the frames {[*indices]}'
                    if indices[1:] else f'frame {indices[0]}')
            raise DetectorError(f'the detector failed on {what}: '
                                f'{type(error).__name__}: {text}') from error
    # out here without the traceback, which holds what fills the memory
    return FrameFailure(text)


class FramesAhead:
    """Frames of which the next ones can be seen before they are given out."""

    def __init__(self, frames: Iterable[TrackedFrame]) -> None:
        self._frames = iter(frames)
        self._waiting: Deque[TrackedFrame] = deque()

    def __iter__(self) -> Iterator[TrackedFrame]:
        while self.peek(0) is not None:
            yield self._waiting.popleft()

    def peek(self, place: int) -> Optional[TrackedFrame]:
        while len(self._waiting) <= place:
            frame = next(self._frames, None)
            if frame is None:
                return None
            self._waiting.append(frame)
        return self._waiting[place]


class DetectionAhead:
    """Asks a detector about frames in batches, some before their turn, for
    which what is found then waits; ``detect(images)`` gives per image its
    boxes, x1, y1, x2, y2, score, (n, 5).

    A batch holds the frame at hand and those that will be detected on after
    it, of the same size and at most :data:`MAX_AHEAD` frames on. If memory is
    not enough, its frames are looked at one by one, so that a failure is that
    of its frame alone; if then none fails, batches are halved. Frames before
    ``first`` are not looked at here.
    """

    def __init__(self,
                 detect: Callable[[Sequence[np.ndarray]], List[np.ndarray]],
                 batch_size: int = 1,
                 first: int = 0) -> None:
        if batch_size < 1:
            raise ValueError(
                f'det_batch_size must be at least 1, got {batch_size}')
        self._detect = detect
        self.batch_size = batch_size
        self.first = first
        self._found: Dict[int, Union[np.ndarray, FrameFailure]] = {}

    def __call__(self, frame: TrackedFrame, following: FramesAhead,
                 interval: int) -> Union[np.ndarray, FrameFailure]:
        # after a failure the frames to be looked at are others
        for index in [i for i in self._found if i < frame.index]:
            del self._found[index]
        if frame.index not in self._found:
            batch = [frame, *self._next(frame, following, interval)]
            with stage('detect'):
                self._detect_on(batch)
        return self._found.pop(frame.index)

    def _next(self, frame: TrackedFrame, following: FramesAhead,
              interval: int) -> Iterator[TrackedFrame]:
        most = min(self.batch_size - 1, MAX_AHEAD // interval)
        for place in range(interval - 1, most * interval, interval):
            # a change of size anywhere before starts another row of frames
            near = [following.peek(i) for i in range(place + 1)]
            if any(other is None or other.image.shape != frame.image.shape
                   for other in near):
                return
            if near[-1].index not in self._found:
                yield near[-1]

    def _detect_on(self, frames: Sequence[TrackedFrame]) -> None:
        indices = [frame.index for frame in frames]
        found = _ask(lambda: self._detect([frame.image for frame in frames]),
                     *indices)
        if not isinstance(found, FrameFailure):
            self._found.update(zip(indices, found))
            return
        if len(frames) == 1:
            self._found[indices[0]] = found
            return
        for frame in frames:
            self._detect_on([frame])
        if not any(isinstance(self._found[i], FrameFailure) for i in indices):
            self.batch_size = max(1, len(frames) // 2)
            print_log(
                f'the detector failed on {len(frames)} frames at once but on '
                f'none alone; from here on batches have {self.batch_size}: '
                f'{found}', 'current', logging.WARNING)


class PersonFinder:
    """Turns decoded frames into frames with tracked persons.

    Where a detector's memory is not enough for a frame, the tracker carries
    the boxes, and the next frame is detected on. :data:`MAX_FAILURES` in a row
    end the video, as does any other failure at once. A frame of another size
    than the one before is always detected on. Boxes that do not overlap the
    frame are left out.

    ``boxes`` is asked every ``det_interval`` frames, or only about those
    before ``ahead``'s first; ``is_detector`` says that it is not the caller's.
    ``select`` gives those of a frame's boxes that are wanted.
    ``num_failures`` counts frames that the detector failed on.
    """

    def __init__(self,
                 boxes: BoxSource,
                 tracker: PersonTracker,
                 det_interval: int = 1,
                 is_detector: bool = False,
                 ahead: Optional[DetectionAhead] = None,
                 select: Callable[[Any], Any] = lambda found: found) -> None:
        if det_interval < 1:
            raise ValueError(
                f'det_interval must be at least 1, got {det_interval}')
        self._boxes = boxes
        self._tracker = tracker
        self._interval = det_interval
        self._is_detector = is_detector
        self._ahead = ahead
        self._select = select
        self.num_failures = 0

    def iterate(self,
                frames: Iterable[TrackedFrame]) -> Iterator[TrackedFrame]:
        self._tracker.reset()
        wait, size, in_a_row = 0, None, 0
        frames = FramesAhead(frames)
        for frame in frames:
            if frame.image.shape != size:
                wait, size = 0, frame.image.shape
            found = None
            if wait == 0:
                found = self._detect(frame, frames, in_a_row)
                in_a_row = in_a_row + 1 if found is None else 0
            # after a failure the very next frame is tried
            wait = 0 if in_a_row else (wait or self._interval) - 1
            # those that are carried on may leave the region
            persons = self._select(_inside(self._track(frame, found), size))
            yield frame.with_persons(persons)

    def _detect(self, frame: TrackedFrame, following: FramesAhead,
                in_a_row: int) -> Any:
        if not self._is_detector:
            with stage('detect'):
                return self._boxes(frame.index, frame.image)
        if self._ahead is not None and frame.index >= self._ahead.first:
            found = self._ahead(frame, following, self._interval)
        else:
            with stage('detect'):
                found = _ask(lambda: self._boxes(frame.index, frame.image),
                             frame.index)
        if not isinstance(found, FrameFailure):
            return found
        self.num_failures += 1
        if in_a_row + 1 >= MAX_FAILURES:
            raise DetectorError(
                f'the detector failed on {MAX_FAILURES} frames in a row, the '
                f'last one frame {frame.index}: {found}') from found
        print_log(
            f'the detector failed on frame {frame.index}, where boxes are '
            f'carried on instead: {found}', 'current', logging.WARNING)
        return None

    def _track(self, frame: TrackedFrame, found: Any) -> List[TrackedBox]:
        if found is not None:
            found = self._select(found)
        if isinstance(found, list):
            return found
        with stage('track'):
            if found is None:
                return self._tracker.carry(frame.index, frame.image)
            persons = self._tracker.update(frame.index, found[:, :4],
                                           found[:, 4], frame.image)
        if self._is_detector:
            return persons
        return [replace(box, source='given') for box in persons]


def select_boxes(found: Any, roi: Optional[Sequence[float]],
                 max_people: Optional[int]) -> Any:
    """Those of a frame's boxes, in any form, whose centre is in a region, and
    the largest of them, in their order."""
    boxes = (_rows(found) if isinstance(found, list) else found)[:, :4]
    kept = np.arange(len(boxes))
    if roi is not None:
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        kept = kept[((centres >= roi[:2]) & (centres <= roi[2:])).all(1)]
    if max_people is not None:
        areas = np.prod(boxes[kept, 2:] - boxes[kept, :2], axis=1)
        kept = np.sort(kept[np.argsort(-areas, kind='stable')[:max_people]])
    return [found[i] for i in kept] if isinstance(found, list) else found[kept]


def _inside(persons: List[TrackedBox], shape: tuple) -> List[TrackedBox]:
    height, width = shape[:2]
    return [
        box for box in persons if box.bbox[0] < width and box.bbox[1] < height
        and box.bbox[2] > 0 and box.bbox[3] > 0
    ]
