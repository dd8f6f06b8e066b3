"""The poses of one video as flat arrays, annotated and predicted.

F frames of a video, P persons in all of them, J = 15 scored joints, K
keypoints of some layout, C corners of a polygon.
"""
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple, TypeVar

import numpy as np
import shapely

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

#: The ``track_ids`` entry of a person without a track.
NO_TRACK = -1


def joint_columns(keypoint_names: Sequence[str], source: str) -> List[int]:
    """Where the J scored joints are in a layout of K keypoints."""
    names = ['neck' if n == 'head_bottom' else n for n in keypoint_names]
    missing = [name for name in POSEVAL_JOINTS if name not in names]
    if missing:
        raise ValueError(
            f'{source}: the keypoint layout {list(keypoint_names)} lacks '
            f'{missing}, which PoseTrack\'s metrics score ("neck" is named '
            '"head_bottom" in PoseTrack18)')
    return [names.index(name) for name in POSEVAL_JOINTS]


def group_means(values: np.ndarray) -> Dict[str, float]:
    """The means of numbers of joints, (J, ), over the seven groups of
    PoseTrack's tables; NaN where a joint of the group is NaN."""
    of = dict(zip(POSEVAL_JOINTS, values))
    return {
        group: float(np.mean([of[name] for name in names]))
        for group, names in POSEVAL_GROUPS.items()
    }


def mean_of_known(values: np.ndarray) -> float:
    """The mean of the numbers that are not NaN; NaN if there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float('nan')


Sequence_ = TypeVar('Sequence_', bound='PoseSequence')

#: Fields with an entry for every frame, and for the whole video; all others
#: have a row for every person.
_OF_FRAMES = ('frame_names', 'frame_ids', 'labelled', 'annotated',
              'ignore_regions')
_OF_VIDEO = ('name', 'box_source')


@dataclass
class PoseSequence:
    """Persons in the frames of one video, in pixels of its images.

    The persons of all frames are pooled, so that whatever is done to them is
    one array operation: a person is a row, the rows of a frame lie together.
    """
    name: str  #: The video's name: the stem of its official file
    frame_names: List[str]  #: The images' paths as the file gives them, F
    #: The images' ids, (F, ) int64; positions where there are none.
    frame_ids: np.ndarray
    frame_index: np.ndarray  #: The persons' frames, (P, ) int64, ascending
    keypoints: np.ndarray  #: Joints, (P, J, 2), x and y
    present: np.ndarray  #: Which are annotated or predicted, (P, J) bool
    track_ids: np.ndarray  #: (P, ) int64, :data:`NO_TRACK` if not told

    @property
    def num_frames(self) -> int:
        """int: F."""
        return len(self.frame_names)

    @property
    def num_persons(self) -> int:
        """int: P."""
        return len(self.keypoints)

    def select_persons(self: Sequence_, keep: np.ndarray) -> Sequence_:
        """The same frames with some of the persons, (P, ) bool or places."""
        return self._select(slice(None), keep)

    def select_frames(self: Sequence_, keep: np.ndarray) -> Sequence_:
        """Some of the frames, (F, ) bool, with their persons, renumbered."""
        persons = keep[self.frame_index]
        number = np.cumsum(keep) - 1
        return self._select(
            keep, persons, frame_index=number[self.frame_index[persons]])

    def slice_frames(self: Sequence_, start: int, stop: int,
                     name: str) -> Sequence_:
        """The frames ``start`` to ``stop - 1`` as a sequence of its own."""
        rows = slice(*np.searchsorted(self.frame_index, [start, stop]))
        index = self.frame_index[rows] - start
        return self._select(
            slice(start, stop), rows, name=name, frame_index=index)

    def replace(self: Sequence_, **changes: Any) -> Sequence_:
        """A copy with other values of some fields."""
        return replace(self, **changes)

    def _select(self: Sequence_, frames: Any, persons: Any,
                **changes: Any) -> Sequence_:
        selected = {}
        for name, value in vars(self).items():
            index = frames if name in _OF_FRAMES else persons
            if isinstance(value, list) and not isinstance(index, slice):
                selected[name] = [value[i] for i in np.flatnonzero(index)]
            elif name not in _OF_VIDEO:
                selected[name] = value[index]
        return self.replace(**dict(selected, **changes))


@dataclass
class AnnotatedSequence(PoseSequence):
    """Ground truth of one video."""
    #: x1, y1, x2, y2 of each head, (P, 4); in unlabelled frames maybe NaN.
    head_boxes: np.ndarray
    boxes: np.ndarray  #: Those of each person, (P, 4); NaN without
    #: The joints' v or ``is_visible``, (P, J); NaN without.
    visibility: np.ndarray
    labelled: np.ndarray  #: ``is_labeled`` absent or true, (F, ) bool
    #: Frames that list a person, be it one without joints, (F, ) bool.
    annotated: np.ndarray
    #: Each frame's polygons, (C, 2) each, C >= 3.
    ignore_regions: List[List[np.ndarray]]


@dataclass
class PredictedSequence(PoseSequence):
    """Predictions for one video."""
    scores: np.ndarray  #: Scores of the joints, any real numbers, (P, J)
    box_source: Optional[str] = None  #: Where the person boxes come from


def runs(counts: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Row i repeated ``counts[i]`` times, and the number of each repetition,
    0 to ``counts[i] - 1``; (sum of counts, ) each."""
    rows = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - starts[rows]


def drop_ignored(
    annotated: AnnotatedSequence, predicted: PredictedSequence
) -> Tuple[AnnotatedSequence, PredictedSequence]:
    """Drop joints inside ignore regions and, from frames that have some, on
    either side, the persons without joints (as in poseval)."""
    counts = np.array([len(r) for r in annotated.ignore_regions], dtype=int)
    if not counts.any():
        return annotated, predicted
    corners = [c for regions in annotated.ignore_regions for c in regions]
    ring, _ = runs(np.array([len(c) for c in corners]))
    polygons = shapely.polygons(
        shapely.linearrings(np.concatenate(corners), indices=ring))
    shapely.prepare(polygons)
    annotated = _outside(annotated, polygons, counts)
    return annotated, _outside(predicted, polygons, counts)


def _outside(sequence: Sequence_, polygons: np.ndarray,
             counts: np.ndarray) -> Sequence_:
    """Drop what lies strictly inside the polygons of its frame."""
    starts = np.cumsum(counts) - counts
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
