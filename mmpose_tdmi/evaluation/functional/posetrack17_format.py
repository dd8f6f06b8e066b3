"""PoseTrack17's annolist json as pose sequences.

One file per video: a list of frames, each with its persons
(``annorect``), their points and the head box, every number in a list of its
own. A joint is absent if no point has its id. A person without a list of
points is left out, as in poseval, but makes its frame one with annotations.

Shape shorthand: F frames, P persons, Q points of all of them, J = 15 joints.
"""
import warnings
from functools import partial
from itertools import chain
from typing import Any, List, Optional, Tuple

import numpy as np

from .ignore_regions import regions_as_polygons
from .json_fields import get_records, number_table, shorten
from .pose_sequences import NO_TRACK, AnnotatedSequence, PredictedSequence
from .posetrack18_format import MISSING_SCORE, track_table
from .posetrack_joints import POSEVAL_JOINTS

_J = len(POSEVAL_JOINTS)


def parse_posetrack17_annotations(content: Any,
                                  where: str) -> AnnotatedSequence:
    """Ground truth of a video.

    Args:
        content: The content of an annolist file.
        where (str): The file, for errors.

    Returns:
        AnnotatedSequence: The video, without a name.

    Raises:
        ValueError: If a field is missing or malformed.
    """
    frames = _Frames(content, where)
    points = _Points(frames)
    head_boxes = np.full((len(frames.persons), 4), np.nan)
    # persons of unlabelled frames may lack one
    rows = [
        i for i, person in enumerate(frames.persons)
        if frames.labelled[frames.frame_index[i]] or 'x1' in person
    ]
    for column, key in enumerate(('x1', 'y1', 'x2', 'y2')):
        head_boxes[rows, column] = number_table(
            [frames.persons[i].get(key) for i in rows], 1,
            lambda i: frames.describe_person(rows[i]), key)[:, 0]
    return AnnotatedSequence(
        name='',
        frame_names=frames.names,
        frame_ids=np.arange(len(frames.names)),
        frame_index=frames.frame_index,
        keypoints=points.keypoints,
        present=points.present,
        track_ids=frames.track_ids(),
        head_boxes=head_boxes,
        boxes=np.full((len(frames.persons), 4), np.nan),
        visibility=points.column('is_visible', np.nan),
        labelled=frames.labelled,
        annotated=frames.annotated,
        ignore_regions=regions_as_polygons(
            [_ignore_regions(frames, i) for i in range(len(frames.names))],
            frames.describe))


def parse_posetrack17_predictions(content: Any,
                                  where: str) -> PredictedSequence:
    """Predictions for a video.

    Args:
        content: The content of an annolist file whose points have a
            ``score``; those without get ``MISSING_SCORE``.
        where (str): The file, for errors.

    Returns:
        PredictedSequence: The video, without a name.

    Raises:
        ValueError: If a field is missing or malformed.
    """
    frames = _Frames(content, where)
    points = _Points(frames)
    return PredictedSequence(
        name='',
        frame_names=frames.names,
        frame_ids=np.arange(len(frames.names)),
        frame_index=frames.frame_index,
        keypoints=points.keypoints,
        present=points.present,
        track_ids=frames.track_ids(),
        scores=points.column('score', MISSING_SCORE))


class _Frames:
    """The frames of a file and those of its persons that have points.

    Args:
        content: The content of the file.
        where (str): The file, for errors.
    """

    def __init__(self, content: Any, where: str) -> None:
        self.where = where
        self.records = get_records(content, 'annolist', where)
        self.names = [self._name(i) for i in range(len(self.records))]
        self.labelled = np.array(
            [self._is_labelled(i) for i in range(len(self.records))],
            dtype=bool)
        self.persons: List[dict] = []
        self.points: List[List[dict]] = []
        counts, annotated = [], []
        for i, record in enumerate(self.records):
            rects = get_records(record, 'annorect', self.describe(i))
            annotated.append(len(rects) > 0)
            before = len(self.persons)
            for rect in rects:
                points = self._points(rect, i)
                if points is not None:
                    self.persons.append(rect)
                    self.points.append(points)
            counts.append(len(self.persons) - before)
        self.annotated = np.array(annotated, dtype=bool)
        self.frame_index = np.repeat(
            np.arange(len(counts)), np.array(counts, dtype=np.int64))

    def describe(self, index: int) -> str:
        """str: Names a frame."""
        name = self.names[index] if index < len(self.names) else ''
        return f'{self.where}: annolist[{index}] ({name})'

    def describe_person(self, index: int) -> str:
        """str: Names a person's record."""
        frame = int(self.frame_index[index])
        return (f'{self.describe(frame)}: person '
                f'{index - int(np.searchsorted(self.frame_index, frame))} of '
                'those with points')

    def track_ids(self) -> np.ndarray:
        """np.ndarray: (P, ) int64."""
        values = [p.get('track_id') or [NO_TRACK] for p in self.persons]
        table = number_table(values, 1, self.describe_person, 'track_id')
        return track_table(table[:, 0], self.describe_person)

    def _name(self, index: int) -> str:
        where = f'{self.where}: annolist[{index}]'
        image = get_records(self.records[index], 'image', where)
        if len(image) != 1 or not isinstance(image[0].get('name'), str):
            raise ValueError(f'{where}: "image" is {shorten(image)}, expected '
                             'one object with the "name" of the file')
        return image[0]['name']

    def _is_labelled(self, index: int) -> bool:
        value = self.records[index].get('is_labeled', [1])
        value = value[0] if isinstance(value, list) and len(value) == 1 \
            else value
        if not isinstance(value, (bool, int)):
            raise ValueError(f'{self.describe(index)}: "is_labeled" is '
                             f'{shorten(value)}, expected [0] or [1]')
        return bool(value)

    def _points(self, rect: dict, index: int) -> Optional[List[dict]]:
        annopoints = rect.get('annopoints')
        if isinstance(annopoints, list) and annopoints:
            annopoints = annopoints[0]
        if not annopoints:
            return None
        if not isinstance(annopoints, dict):
            raise ValueError(
                f'{self.describe(index)}: "annopoints" is '
                f'{shorten(annopoints)}, expected a list of one object')
        if 'point' not in annopoints:
            return None
        return get_records(annopoints, 'point', self.describe(index))


class _Points:
    """The points of all persons, put where they belong.

    Args:
        frames (_Frames): The frames with their persons.

    Raises:
        ValueError: If an id is no joint's.
    """

    def __init__(self, frames: _Frames) -> None:
        self._frames = frames
        self._points = list(chain.from_iterable(frames.points))
        counts = np.array([len(p) for p in frames.points], dtype=np.int64)
        self._person = np.repeat(np.arange(len(counts)), counts)
        ids = self._numbers(self._points, 'id')
        wrong = ~np.isin(ids, np.arange(_J))
        if wrong.any():
            index = int(np.argmax(wrong))
            raise ValueError(f'{self._describe(self._points, index)}: "id" is '
                             f'{ids[index]:g}, expected 0 to {_J - 1}')
        slots = self._person * _J + ids.astype(np.int64)
        # of points that share an id the first counts, as in poseval
        self._slots, self._first = np.unique(slots, return_index=True)
        if len(self._first) < len(slots):
            warnings.warn(
                f'{frames.where}: {len(slots) - len(self._first)} points '
                'repeat the id of another one of their person; the first '
                'counts')
        self.present = np.zeros((len(counts), _J), dtype=bool)
        self.present.flat[self._slots] = True
        self.keypoints = np.stack(
            [self.column(key, 0., required=True) for key in 'xy'], axis=-1)

    def column(self,
               key: str,
               default: float,
               required: bool = False) -> np.ndarray:
        """A number of each joint, (P, J).

        Args:
            key (str): The field of the points.
            default (float): Its value for joints without it.
            required (bool): Whether every point must have it.
        """
        points = [self._points[i] for i in self._first]
        slots = self._slots
        if not required:
            has = [bool(point.get(key)) for point in points]
            points = [p for p, known in zip(points, has) if known]
            slots = slots[np.array(has, dtype=bool)]
        table = np.full(self.present.shape, default)
        table.flat[slots] = self._numbers(points, key)
        return table

    def _numbers(self, points: List[dict], key: str) -> np.ndarray:
        return number_table([point.get(key) for point in points], 1,
                            partial(self._describe, points), key)[:, 0]

    def _describe(self, points: List[dict], index: int) -> str:
        place = next(i for i, point in enumerate(self._points)
                     if point is points[index])
        return self._frames.describe_person(int(self._person[place]))


def _ignore_regions(frames: _Frames,
                    index: int) -> List[Tuple[List[float], List[float]]]:
    """The x and the y of each region's corners."""
    regions = frames.records[index].get('ignore_regions')
    if not regions:
        return []
    if isinstance(regions, dict):
        regions = [regions]  # a single region may stand without its list
    where = f'{frames.describe(index)}: an ignore region'
    corners = []
    for region in get_records(
            dict(ignore_regions=regions), 'ignore_regions',
            frames.describe(index)):
        points = get_records(region, 'point', where)
        x, y = (
            number_table([p.get(key) for p in points], 1, lambda i: where,
                         key)[:, 0].tolist() for key in 'xy')
        corners.append((x, y))
    return corners
