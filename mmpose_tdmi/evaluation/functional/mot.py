"""MOTA and MOTP of each joint, after the official toolkit (poseval).

Joints are tracked as points: in every frame and for every joint, annotated
and predicted points within half a head size are paired, keeping the pairs of
earlier frames where they are still in reach and otherwise with the smallest
total distance (CLEAR MOT, Bernardin and Stiefelhagen, 2008).
``MOTA = 1 - (misses + false positives + switches) / objects``, counts pooled
over all videos. Facts of the toolkit that decide numbers, reproduced:

* The last scored frame of each video does not count. A video with only one
  makes the toolkit fail; here it adds nothing.
* In a frame in which nobody is predicted (or left after ignore regions), or
  nobody annotated, every joint has one object, one miss and one false
  positive, however many persons there are.
* Totals are means over the joints that are not NaN.

MOTP departs from the toolkit on purpose. poseval's MOTP is
``1 - sum of distances / detections`` and is meant to run over the pairs made,
but its sum also includes the distances of all candidate pairs, so that pairs
count at least twice and the figure comes out too low. Here it is the
mean over the pairs made: ``100 (1 - mean distance in head sizes)``, 50 to
100, 0 if there are none.

Shape shorthand: N annotated and M predicted persons of a video (N_f and M_f
in frame f), J joints.
"""
from dataclasses import dataclass
from typing import Dict, List, Optional

import numpy as np
from scipy.optimize import linear_sum_assignment

from .ap import HIT_THRESHOLD, PersonMatching, match_persons
from .sequences import (NO_TRACK, POSEVAL_JOINTS, AnnotatedSequence,
                        PoseSequence, PredictedSequence, mean_of_known)


@dataclass
class MotResult:
    """Counts of each joint over all videos, and what follows from them.

    Args:
        num_objects (np.ndarray): Annotated joints, (J, ).
        num_detections (np.ndarray): Those that were paired, (J, ).
        num_misses (np.ndarray): Those that were not, (J, ).
        num_false_positives (np.ndarray): Predicted joints that were not
            paired, (J, ).
        num_switches (np.ndarray): Pairs whose annotated person was paired
            with another track before, (J, ).
        distance_sum (np.ndarray): Head-normalised distances of the pairs,
            added up, (J, ).
        num_frames (int): Frames that counted.
        lone_frames (int): Those of them without persons on one side.
        single_frame_videos (list[str]): Videos with one scored frame only,
            which adds nothing.
    """
    num_objects: np.ndarray
    num_detections: np.ndarray
    num_misses: np.ndarray
    num_false_positives: np.ndarray
    num_switches: np.ndarray
    distance_sum: np.ndarray
    num_frames: int
    lone_frames: int
    single_frame_videos: List[str]

    @property
    def mota(self) -> np.ndarray:
        """np.ndarray: MOTA in percent, (J, ); NaN without objects."""
        errors = (
            self.num_misses + self.num_switches + self.num_false_positives)
        return 100 * (1 - _ratio(errors, self.num_objects))

    @property
    def motp(self) -> np.ndarray:
        """np.ndarray: MOTP in percent, (J, ); 0 without pairs."""
        distance = _ratio(self.distance_sum, self.num_detections)
        return np.where(self.num_detections > 0, 100 * (1 - distance), 0.)

    @property
    def precision(self) -> np.ndarray:
        """np.ndarray: Paired predicted joints in percent, (J, )."""
        return 100 * _ratio(self.num_detections,
                            self.num_detections + self.num_false_positives)

    @property
    def recall(self) -> np.ndarray:
        """np.ndarray: Paired annotated joints in percent, (J, )."""
        return 100 * _ratio(self.num_detections, self.num_objects)

    def by_joint(self) -> Dict[str, Dict[str, float]]:
        """MOTA, MOTP, precision and recall of each joint, and ``total``."""
        return {
            name:
            dict(
                zip(POSEVAL_JOINTS, values.tolist()),
                total=mean_of_known(values))
            for name, values in (('mota', self.mota), ('motp', self.motp),
                                 ('precision', self.precision), ('recall',
                                                                 self.recall))
        }


class MotCounter:
    """Tracks the joints of one video after the other."""

    def __init__(self) -> None:
        num_joints = len(POSEVAL_JOINTS)
        self._objects = np.zeros(num_joints, dtype=np.int64)
        self._hypotheses = np.zeros(num_joints, dtype=np.int64)
        self._pairs = np.zeros(num_joints, dtype=np.int64)
        self._switches = np.zeros(num_joints, dtype=np.int64)
        self._distance = np.zeros(num_joints)
        self._num_frames = 0
        self._lone_frames = 0
        self._single_frame_videos: List[str] = []

    def add(self,
            annotated: AnnotatedSequence,
            predicted: PredictedSequence,
            matching: Optional[PersonMatching] = None) -> None:
        """Add a video.

        Args:
            annotated (AnnotatedSequence): Its scored frames, in time.
            predicted (PredictedSequence): Predictions in the same frames.
            matching (PersonMatching, optional): What :func:`match_persons`
                says of the two, if that is known already.

        Raises:
            ValueError: If a person has no track id or two of a frame share
                one.
        """
        if matching is None:
            matching = match_persons(annotated, predicted)
        gt_tracks = contiguous_tracks(annotated, 'annotated')
        pred_tracks = contiguous_tracks(predicted, 'predicted')
        num_tracks = int(gt_tracks.max(initial=-1)) + 1
        # the track that each annotated joint was last paired with
        last = np.full((num_tracks, annotated.present.shape[1]), -1)
        for frame in range(annotated.num_frames - 1):
            pred, gt, distances = matching.frame(frame)
            self._num_frames += 1
            if not distances.shape[0] or not distances.shape[1]:
                self._lone_frames += 1
                self._objects += 1
                self._hypotheses += 1
                continue
            self._objects += annotated.present[gt].sum(axis=0)
            self._hypotheses += predicted.present[pred].sum(axis=0)
            self._pair(distances, gt_tracks[gt], pred_tracks[pred], last)
        if annotated.num_frames == 1:
            self._single_frame_videos.append(annotated.name)

    def result(self) -> MotResult:
        """The counts over all videos added."""
        return MotResult(
            num_objects=self._objects.copy(),
            num_detections=self._pairs.copy(),
            num_misses=self._objects - self._pairs,
            num_false_positives=self._hypotheses - self._pairs,
            num_switches=self._switches.copy(),
            distance_sum=self._distance.copy(),
            num_frames=self._num_frames,
            lone_frames=self._lone_frames,
            single_frame_videos=list(self._single_frame_videos))

    def _pair(self, distances: np.ndarray, gt_tracks: np.ndarray,
              pred_tracks: np.ndarray, last: np.ndarray) -> None:
        """Pair the joints of a frame (M_f, N_f, J) and update ``last``."""
        within = distances <= HIT_THRESHOLD
        for joint in np.flatnonzero(contested(within)):
            within[...,
                   joint] = _clear_mot(distances[..., joint], within[...,
                                                                     joint],
                                       last[gt_tracks, joint], pred_tracks)
        pred, gt, joint = np.nonzero(within)
        before = last[gt_tracks[gt], joint]
        now = pred_tracks[pred]
        np.add.at(self._pairs, joint, 1)
        np.add.at(self._switches, joint, (before >= 0) & (before != now))
        np.add.at(self._distance, joint, distances[pred, gt, joint])
        last[gt_tracks[gt], joint] = now


def contested(within: np.ndarray) -> np.ndarray:
    """Joints for which it is open who is paired with whom.

    Args:
        within (np.ndarray): Which pairs are possible, (M_f, N_f, J) bool.

    Returns:
        np.ndarray: (J, ) bool, False where nobody is in two possible pairs,
        so that all of them are made.
    """
    return (within.sum(axis=0) > 1).any(axis=0) | (within.sum(axis=1)
                                                   > 1).any(axis=0)


def contiguous_tracks(sequence: PoseSequence, what: str) -> np.ndarray:
    """Track ids numbered from 0.

    Args:
        sequence (PoseSequence): A video.
        what (str): What its persons are, for the error.

    Returns:
        np.ndarray: One number per person, (P, ).

    Raises:
        ValueError: If a person has no track id or two of a frame share one.
    """

    def name(row: int) -> str:
        return sequence.frame_names[sequence.frame_index[row]]

    ids = sequence.track_ids
    if (ids == NO_TRACK).any():
        row = int(np.argmax(ids == NO_TRACK))
        raise ValueError(f'{sequence.name}: a person {what} in {name(row)} '
                         'has no track_id, which tracking metrics need')
    unique, numbers = np.unique(ids, return_inverse=True)
    slots = sequence.frame_index * max(len(unique), 1) + numbers
    order = np.argsort(slots, kind='stable')
    repeated = np.flatnonzero(np.diff(slots[order]) == 0)
    if len(repeated):
        row = int(order[repeated[0]])
        raise ValueError(f'{sequence.name}: two persons {what} in {name(row)}'
                         f' have the track_id {ids[row]}')
    return numbers


def _clear_mot(distances: np.ndarray, within: np.ndarray, last: np.ndarray,
               pred_tracks: np.ndarray) -> np.ndarray:
    """Pair the points of one joint in one frame.

    Args:
        distances (np.ndarray): (M_f, N_f).
        within (np.ndarray): Which pairs are possible, (M_f, N_f) bool.
        last (np.ndarray): The track last paired with each annotated point,
            (N_f, ), -1 for none.
        pred_tracks (np.ndarray): The track of each prediction, (M_f, ).

    Returns:
        np.ndarray: The pairs made, (M_f, N_f) bool.
    """
    made = np.zeros_like(within)
    free = within.copy()
    for gt in np.flatnonzero(last >= 0):
        for pred in np.flatnonzero(free[:, gt] & (pred_tracks == last[gt])):
            made[pred, gt] = True
            free[pred], free[:, gt] = False, False
    if free.any():
        # dearer than any set of possible pairs: as many pairs as possible
        dear = 2. * min(free.shape) * (1 + distances[free].max()) + 1
        pairs = linear_sum_assignment(np.where(free, distances, dear))
        made[pairs] |= free[pairs]
    return made


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(whole > 0, part / whole, np.nan)
