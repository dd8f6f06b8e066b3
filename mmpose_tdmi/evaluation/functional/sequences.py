"""Reading numbers and records out of json, each flaw a named error.

Files are read by the thousand numbers, so that the usual, correct case costs
one pass in C; only if that fails is the culprit looked for.

Shape shorthand: n values of w numbers each.

The joints that PoseTrack's metrics score, their order and their groups.

Shape shorthand: J = 15 scored joints, K keypoints of some layout.

The poses of one video as flat arrays, annotated and predicted.

The persons of all frames of a video are pooled, so that whatever is done to
them is one array operation: a person is a row, the rows of a frame lie
together, and ``frame_index`` tells which frame a row belongs to.

Shape shorthand: F frames of a video, P persons in all of them, J joints, C
corners of a polygon.

Ignore regions: polygons in which nothing is scored.

Shape shorthand: N annotated and M predicted persons of a video, J joints, C
corners of a polygon.
"""
import json
import struct
import sys
import warnings
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import (Any, Callable, Dict, List, Optional, Sequence, Tuple, Type,
                    TypeVar, Union)

import numpy as np
import shapely

from mmpose_tdmi.utils.files import check_json_size


def read_json(path: Union[str, Path]) -> Any:
    """The content of a json file.

    Args:
        path (str | Path): The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not json, or too large.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'annotation file {path} does not exist')
    check_json_size(path)
    try:
        return json.loads(path.read_text(encoding='utf-8-sig'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: not a json file: {error}') from error


def field_column(records: Sequence[dict], key: str, types: Tuple[Type, ...],
                 describe: Callable[[int], str], *default: Any) -> List[Any]:
    """A field of every record.

    Args:
        records (Sequence[dict]): The records.
        key (str): The field's name.
        types (tuple[type]): What it may be, exactly: True is no int.
        describe (Callable[[int], str]): Names the file and a record.
        *default: Stands for the field where it is missing. Without, it must
            be there.

    Raises:
        ValueError: If it is missing or of another type.
    """
    values = [record.get(key, *default) for record in records]
    if set(map(type, values)) <= set(types):
        return values
    for index, value in enumerate(values):
        if type(value) not in types:
            if key not in records[index]:
                raise ValueError(f'{describe(index)} has no "{key}"')
            raise ValueError(f'{describe(index)}: "{key}" is '
                             f'{shorten(value)}, expected '
                             f'{" or ".join(t.__name__ for t in types)}')
    return values


def get_records(content: Any, key: str, where: str) -> List[dict]:
    """A list of records in a json object.

    Args:
        content: The object.
        key (str): The name of the list.
        where (str): The file, for the error.

    Raises:
        ValueError: If it is missing or not a list of objects.
    """
    if not isinstance(content, dict) or key not in content:
        found = list(content)[:5] if isinstance(content,
                                                dict) else shorten(content)
        raise ValueError(f'{where}: has no "{key}", found {found}')
    records = content[key]
    if not isinstance(records, list):
        raise ValueError(f'{where}: "{key}" is {shorten(records)}, expected '
                         'a list of objects')
    if not all(isinstance(record, dict) for record in records):
        index = [isinstance(record, dict) for record in records].index(False)
        raise ValueError(f'{where}: {key}[{index}] is '
                         f'{shorten(records[index])}, expected an object')
    return records


def number_table(values: Sequence[Any], width: int,
                 describe: Callable[[int], str], key: str) -> np.ndarray:
    """Rows of numbers as one array.

    Args:
        values (Sequence): n rows, each meant to be a list of w numbers.
        width (int): w.
        describe (Callable[[int], str]): Names the file and record of a row.
        key (str): The field that the rows come from.

    Returns:
        np.ndarray: (n, w) float64.

    Raises:
        ValueError: If a row is anything but w finite numbers.
    """
    try:
        fits = set(map(len, values)) <= {width}
        # stricter than numpy, which takes strings for numbers, and faster
        packed = struct.pack(f'{len(values) * width}d',
                             *chain.from_iterable(values)) if fits else b''
    except (TypeError, OverflowError, struct.error):
        fits = False
    if fits:
        table = np.frombuffer(packed).reshape(len(values), width).copy()
        if np.isfinite(table).all():
            return table
    for index, value in enumerate(values):
        if not _is_row(value, width):
            raise ValueError(f'{describe(index)}: "{key}" is '
                             f'{shorten(value)}, expected a list of {width} '
                             f'finite number{"s" if width != 1 else ""}')
    raise AssertionError(f'"{key}": no row is wrong, but the table is')


def shorten(value: Any, length: int = 60) -> str:
    """str: ``repr(value)``, cut to ``length`` characters."""
    text = repr(value)
    return text if len(text) <= length else f'{text[:length - 3]}...'


def _is_row(value: Any, width: int) -> bool:
    return isinstance(value, list) and len(value) == width and all(
        isinstance(number, (int, float)) and abs(number) <= sys.float_info.max
        for number in value)


#: The 15 joints that are scored, in poseval's order. ``neck`` is what
#: PoseTrack18 files name ``head_bottom``; the ears are not scored.
POSEVAL_JOINTS = ('right_ankle', 'right_knee', 'right_hip', 'left_hip',
                  'left_knee', 'left_ankle', 'right_wrist', 'right_elbow',
                  'right_shoulder', 'left_shoulder', 'left_elbow',
                  'left_wrist', 'neck', 'nose', 'head_top')

#: The seven columns of PoseTrack's tables and the joints each averages.
POSEVAL_GROUPS = {
    'Head': ('head_top', 'neck', 'nose'),
    'Shoulder': ('right_shoulder', 'left_shoulder'),
    'Elbow': ('right_elbow', 'left_elbow'),
    'Wrist': ('right_wrist', 'left_wrist'),
    'Hip': ('right_hip', 'left_hip'),
    'Knee': ('right_knee', 'left_knee'),
    'Ankle': ('right_ankle', 'left_ankle'),
}

#: PoseTrack18's name of a joint that poseval names otherwise.
_JOINT_ALIASES = {'head_bottom': 'neck'}


def joint_columns(keypoint_names: Sequence[str], source: str) -> List[int]:
    """Where the scored joints are in a keypoint layout.

    Args:
        keypoint_names (Sequence[str]): The K names of the layout.
        source (str): Where the names come from, for the error.

    Returns:
        list[int]: J indices into the layout.

    Raises:
        ValueError: If the layout lacks a scored joint.
    """
    names = [_JOINT_ALIASES.get(name, name) for name in keypoint_names]
    missing = [name for name in POSEVAL_JOINTS if name not in names]
    if missing:
        raise ValueError(
            f'{source}: the keypoint layout {list(keypoint_names)} lacks '
            f'{missing}, which PoseTrack\'s metrics score ("neck" is named '
            '"head_bottom" in PoseTrack18)')
    return [names.index(name) for name in POSEVAL_JOINTS]


def group_means(values: np.ndarray) -> dict:
    """The seven groups of PoseTrack's tables.

    Args:
        values (np.ndarray): One number per joint, (J, ).

    Returns:
        dict[str, float]: The mean of each group's joints; NaN where one of
        them is NaN.
    """
    return {
        group:
        float(np.mean([values[POSEVAL_JOINTS.index(name)] for name in names]))
        for group, names in POSEVAL_GROUPS.items()
    }


def mean_of_known(values: np.ndarray) -> float:
    """float: The mean of the joints that are not NaN; NaN if there are none.

    Args:
        values (np.ndarray): One number per joint, (J, ).
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float('nan')


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


def regions_as_polygons(
        regions: Sequence[Sequence[Tuple[Any, Any]]],
        describe: Callable[[int], str]) -> List[List[np.ndarray]]:
    """Ignore regions as polygons.

    poseval fails on regions of one or two points; here they are no region,
    with a warning.

    Args:
        regions (Sequence): Each frame's regions: a list with the x of its
            corners and one with the y.
        describe (Callable[[int], str]): Names the file and a frame.

    Returns:
        list[list[np.ndarray]]: Each frame's polygons of at least three
        corners, (C, 2) each.

    Raises:
        ValueError: If x and y are not lists of equally many numbers.
    """
    for i, frame in enumerate(regions):
        for x, y in frame:
            if not (isinstance(x, list) and isinstance(y, list)
                    and len(x) == len(y)):
                raise ValueError(
                    f'{describe(i)}: an ignore region has x = {shorten(x)} '
                    f'but y = {shorten(y)}; expected two lists of equal '
                    'length')
    corners = _corners(regions, describe)
    result: List[List[np.ndarray]] = []
    start = 0
    for i, frame in enumerate(regions):
        kept = []
        for x, _ in frame:
            region = corners[start:start + len(x)]
            start += len(x)
            if len(x) > 3 or (len(x) == 3 and (region[0] != region[2]).any()):
                kept.append(region)
            else:
                warnings.warn(f'{describe(i)}: an ignore region of {len(x)} '
                              'point(s) is no polygon; it is left out')
        result.append(kept)
    return result


def _corners(regions: Sequence[Sequence[Tuple[list, list]]],
             describe: Callable[[int], str]) -> np.ndarray:
    """The corners of all regions, one after the other, (sum of C, 2)."""
    pairs = list(chain.from_iterable(regions))
    columns = [
        list(chain.from_iterable(pair[axis] for pair in pairs))
        for axis in (0, 1)
    ]
    try:
        return number_table(columns, len(columns[0]), lambda i: '', '').T
    except ValueError:
        for i, frame in enumerate(regions):
            for pair in frame:
                number_table(pair, len(pair[0]), lambda _: describe(i),
                             'ignore region')
        raise


def drop_ignored(
    annotated: AnnotatedSequence, predicted: PredictedSequence
) -> Tuple[AnnotatedSequence, PredictedSequence]:
    """Drop joints inside ignore regions, and the persons left without any.

    A person without joints goes only from frames that have regions, on
    either side; in other frames such a person stays (as in poseval).

    Args:
        annotated (AnnotatedSequence): A video.
        predicted (PredictedSequence): Predictions in the same frames.

    Returns:
        tuple[AnnotatedSequence, PredictedSequence]: Both without them.
    """
    counts = [len(regions) for regions in annotated.ignore_regions]
    if not any(counts):
        return annotated, predicted
    corners = [c for regions in annotated.ignore_regions for c in regions]
    polygons = shapely.polygons(
        shapely.linearrings(
            np.concatenate(corners),
            indices=np.repeat(
                np.arange(len(corners)), [len(c) for c in corners])))
    shapely.prepare(polygons)
    return (_outside(annotated, polygons, np.array(counts)),
            _outside(predicted, polygons, np.array(counts)))


def _outside(sequence: Sequence_, polygons: np.ndarray,
             counts: np.ndarray) -> Sequence_:
    """Drop what lies strictly inside the polygons of its frame."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    num_polygons = counts[sequence.frame_index]
    # every pair of a person and a polygon of the person's frame
    person, number = runs(num_polygons)
    polygon = starts[sequence.frame_index[person]] + number
    low_x, low_y, high_x, high_y = shapely.bounds(polygons).T[:, polygon, None]
    x, y = np.moveaxis(sequence.keypoints[person], -1, 0)
    near = (x > low_x) & (x < high_x) & (y > low_y) & (y < high_y)
    near &= sequence.present[person]
    pair, joint = np.nonzero(near)
    # contains: points on the border are not inside
    inside = shapely.contains_xy(polygons[polygon[pair]], x[pair, joint],
                                 y[pair, joint])
    present = sequence.present.copy()
    present[person[pair[inside]], joint[inside]] = False
    keep = present.any(axis=1) | (num_polygons == 0)
    return sequence.replace(present=present).select_persons(keep)
