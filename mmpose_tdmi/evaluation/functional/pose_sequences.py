"""The poses of one video as flat arrays, annotated and predicted.

The persons of all frames of a video are pooled, so that whatever is done to
them is one array operation: a person is a row, the rows of a frame lie
together, and ``frame_index`` tells which frame a row belongs to.

Shape shorthand: F frames of a video, P persons in all of them, J joints, C
corners of a polygon.
"""
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Dict, List, Optional, Tuple, TypeVar, Union

import numpy as np

#: The ``track_ids`` entry of a person without a track.
NO_TRACK = -1

Sequence_ = TypeVar('Sequence_', bound='PoseSequence')


def _per_frame(*shape: Union[str, int]) -> Any:
    return field(metadata=dict(shape=('F', *shape)))


def _per_person(*shape: Union[str, int]) -> Any:
    return field(metadata=dict(shape=('P', *shape)))


@dataclass
class PoseSequence:
    """Persons in the frames of one video, in pixels of its images.

    Args:
        name (str): The video's name: the stem of its official file.
        frame_names (list[str]): The images' paths as the file gives them, F.
        frame_ids (np.ndarray): The images' ids, (F, ) int64; their positions
            in the file for formats without ids (PoseTrack17).
        frame_index (np.ndarray): The frame of each person, (P, ) int64 in
            ascending order, 0 to F - 1.
        keypoints (np.ndarray): Joints, (P, J, 2), x and y.
        present (np.ndarray): Which of them are annotated or predicted, (P, J)
            bool.
        track_ids (np.ndarray): Whose track a person is, (P, ) int64,
            :data:`NO_TRACK` where the file does not tell.

    Raises:
        ValueError: If the shapes do not agree.
    """
    name: str
    frame_names: List[str] = _per_frame()
    frame_ids: np.ndarray = _per_frame()
    frame_index: np.ndarray = _per_person()
    keypoints: np.ndarray = _per_person('J', 2)
    present: np.ndarray = _per_person('J')
    track_ids: np.ndarray = _per_person()

    def __post_init__(self) -> None:
        sizes: Dict[Any, int] = {}
        for name, shape in self._shapes().items():
            value = getattr(self, name)
            found = ((len(value), )
                     if isinstance(value, list) else np.shape(value))
            # a letter stands for the size it is first found with
            fits = len(found) == len(shape) and all(
                size == (sizes.setdefault(letter, size) if isinstance(
                    letter, str) else letter)
                for letter, size in zip(shape, found))
            if not fits:
                expected = tuple(sizes.get(s, s) for s in shape)
                raise ValueError(f'{self.name}: {name} has shape {found}, '
                                 f'expected {expected}')

    @property
    def num_frames(self) -> int:
        """int: F."""
        return len(self.frame_names)

    @property
    def num_persons(self) -> int:
        """int: P."""
        return len(self.keypoints)

    @classmethod
    @lru_cache(maxsize=None)
    def _shapes(cls) -> Dict[str, Tuple[Union[str, int], ...]]:
        return {f.name: f.metadata['shape'] for f in fields(cls) if f.metadata}

    def select_persons(self: Sequence_, keep: np.ndarray) -> Sequence_:
        """The same frames with some of the persons.

        Args:
            keep (np.ndarray): Which persons, (P, ) bool.
        """
        return self._select(slice(None), keep)

    def select_frames(self: Sequence_, keep: np.ndarray) -> Sequence_:
        """Some of the frames with their persons, renumbered.

        Args:
            keep (np.ndarray): Which frames, (F, ) bool.
        """
        keep = np.asarray(keep, dtype=bool)
        persons = keep[self.frame_index]
        number = np.cumsum(keep) - 1
        return self._select(
            keep, persons, frame_index=number[self.frame_index[persons]])

    def slice_frames(self: Sequence_, start: int, stop: int,
                     name: str) -> Sequence_:
        """A run of frames as a sequence of its own.

        Args:
            start (int): First frame.
            stop (int): One past the last frame.
            name (str): The name of the result.
        """
        rows = slice(*np.searchsorted(self.frame_index, [start, stop]))
        return self._select(
            slice(start, stop),
            rows,
            name=name,
            frame_index=self.frame_index[rows] - start)

    def replace(self: Sequence_, **changes: Any) -> Sequence_:
        """A copy with other values of some fields."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**dict(values, **changes))

    def _select(self: Sequence_, frames: Union[slice, np.ndarray],
                persons: Union[slice,
                               np.ndarray], **changes: Any) -> Sequence_:
        selected = {}
        for name, shape in self._shapes().items():
            value = getattr(self, name)
            index = frames if shape[0] == 'F' else persons
            if isinstance(value, list) and not isinstance(index, slice):
                selected[name] = [value[i] for i in np.flatnonzero(index)]
            else:
                selected[name] = value[index]
        return self.replace(**dict(selected, **changes))


@dataclass
class AnnotatedSequence(PoseSequence):
    """Ground truth of one video.

    Args:
        head_boxes (np.ndarray): x1, y1, x2, y2 of each head, (P, 4); NaN for
            persons of unlabelled frames that have none.
        boxes (np.ndarray): x1, y1, x2, y2 of each person, (P, 4); NaN where
            the file has none.
        visibility (np.ndarray): What the file says of each joint, (P, J): its
            v or ``is_visible``; NaN where it says nothing.
        labelled (np.ndarray): Frames that are labelled (``is_labeled`` absent
            or true), (F, ) bool.
        annotated (np.ndarray): Frames for which the file lists a person, be
            it one without joints, (F, ) bool.
        ignore_regions (list[list[np.ndarray]]): Each frame's polygons, (C, 2)
            each, C >= 3.
    """
    head_boxes: np.ndarray = _per_person(4)
    boxes: np.ndarray = _per_person(4)
    visibility: np.ndarray = _per_person('J')
    labelled: np.ndarray = _per_frame()
    annotated: np.ndarray = _per_frame()
    ignore_regions: List[List[np.ndarray]] = _per_frame()


@dataclass
class PredictedSequence(PoseSequence):
    """Predictions for one video.

    Args:
        scores (np.ndarray): Scores of the joints, any real numbers, (P, J).
        box_source (str, optional): Where the person boxes come from, if that
            is known.
    """
    scores: np.ndarray = _per_person('J')
    box_source: Optional[str] = None


def runs(counts: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Row i repeated ``counts[i]`` times, and the number of each repetition.

    Args:
        counts (np.ndarray): (n, ) non-negative integers.

    Returns:
        tuple[np.ndarray, np.ndarray]: (sum, ) each: the rows, in order, and 0
        to ``counts[i] - 1`` within each.
    """
    rows = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - starts[rows]
