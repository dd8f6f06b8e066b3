"""MOTA and HOTA of each joint: joints are tracked as points.

**MOTA and MOTP, after poseval.** In every frame, points of a joint within
half a head size are paired, keeping earlier pairs that are still in reach and
otherwise with the smallest total distance (CLEAR MOT, Bernardin and
Stiefelhagen, 2008), counts pooled over all videos, totals the means over the
joints that are not NaN. Facts of the toolkit that decide numbers:

* The last scored frame of a video does not count; a video with only one, of
  which the toolkit fails, adds nothing.
* In a frame without predicted or without annotated persons every joint has
  one object, one miss and one false positive, however many persons there are.

MOTP departs from the toolkit, whose sum of distances includes all candidate
pairs: here it is ``100 (1 - mean distance in head sizes)`` of the pairs made.

**HOTA, with DetA, AssA and LocA, after PoseTrack21** (Doering et al., CVPR
2022; HOTA: Luiten et al., IJCV 2021). Points at the distance of d head sizes
are similar by ``max(0, 1 - d / 0.5001)``, are paired in every frame so that
the total similarity is largest, and count as found at each of 19 thresholds
alpha = 0.05 ... 0.95 that they reach. AssA is computed per video and averaged
with the videos' TP as weights. Reported are the means over alpha. The total
sums TP, FN and FP over joints; its AssA (LocA) of a video is the mean of the
joints' AssA (LocA).

In a video that has predictions, the released evaluator adds, for a frame
without any, the *whole video's* annotated joints to the FN (and likewise for
one without annotated persons to the FP). ``as_released=True`` reproduces it,
for numbers that compare; ``False`` counts the frame's own joints.

N annotated and M predicted persons of a video (N_f and M_f in frame f), J
joints, A thresholds, G and T annotated and predicted tracks, E pairs made.
"""
import copy
from dataclasses import dataclass
from typing import Dict, List, Tuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from .ap import HIT_THRESHOLD, PersonMatching, VideoCounter
from .sequences import (NO_TRACK, POSEVAL_JOINTS, AnnotatedSequence,
                        PoseSequence, PredictedSequence, mean_of_known)

#: The distance in head sizes at which two points are no longer similar.
SIMILARITY_REACH = 0.5001
#: The similarities from which two points count as the same.
ALPHAS = np.arange(0.05, 0.99, 0.05)


def contiguous_tracks(sequence: PoseSequence, what: str) -> np.ndarray:
    """The persons' track ids numbered from 0; ``what`` they are is for the
    error if one has none or two of a frame share one."""
    ids = sequence.track_ids
    unique, numbers = np.unique(ids, return_inverse=True)
    slots = sequence.frame_index * max(len(unique), 1) + numbers
    order = np.argsort(slots, kind='stable')
    repeated = order[1:][np.diff(slots[order]) == 0]
    for row in (*np.flatnonzero(ids == NO_TRACK), *repeated):
        name = sequence.frame_names[sequence.frame_index[row]]
        if ids[row] == NO_TRACK:
            raise ValueError(f'{sequence.name}: a person {what} in {name} has '
                             'no track_id, which tracking metrics need')
        raise ValueError(f'{sequence.name}: two persons {what} in {name} have '
                         f'the track_id {ids[row]}')
    return numbers


def _contested(possible: np.ndarray) -> np.ndarray:
    """The joints of possible pairs, (M_f, N_f, J), with somebody in two: for
    the others all are made."""
    return np.flatnonzero((possible.sum(axis=0) > 1).any(axis=0)
                          | (possible.sum(axis=1) > 1).any(axis=0))


@dataclass
class MotResult:
    """Counts of each joint over all videos, and what follows from them."""
    num_objects: np.ndarray  #: Annotated joints, (J, )
    num_detections: np.ndarray  #: Those that were paired, (J, )
    num_misses: np.ndarray  #: Those that were not, (J, )
    num_false_positives: np.ndarray  #: Predicted but not paired, (J, )
    num_switches: np.ndarray  #: Pairs with another track than before, (J, )
    distance_sum: np.ndarray  #: Of the pairs, in head sizes, (J, )
    num_frames: int  #: Frames that counted
    lone_frames: int  #: Those of them without persons on one side
    single_frame_videos: List[str]  #: Videos with one scored frame only

    @property
    def mota(self) -> np.ndarray:
        """np.ndarray: MOTA in percent, (J, ); NaN without objects."""
        errors = self.num_misses + self.num_switches + self.num_false_positives
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
        result = {}
        for name in ('mota', 'motp', 'precision', 'recall'):
            values = getattr(self, name)
            result[name] = dict(
                zip(POSEVAL_JOINTS, values.tolist()),
                total=mean_of_known(values))
        return result


class MotCounter(VideoCounter):
    """MOTA and MOTP."""

    def __init__(self) -> None:
        counts = np.zeros((5, len(POSEVAL_JOINTS)), dtype=np.int64)
        self._total = MotResult(
            *counts,
            distance_sum=np.zeros(len(POSEVAL_JOINTS)),
            num_frames=0,
            lone_frames=0,
            single_frame_videos=[])

    def _add(self, annotated: AnnotatedSequence, predicted: PredictedSequence,
             matching: PersonMatching) -> None:
        total = self._total
        gt_tracks = contiguous_tracks(annotated, 'annotated')
        pred_tracks = contiguous_tracks(predicted, 'predicted')
        num_tracks = int(gt_tracks.max(initial=-1)) + 1
        # the track that each annotated joint was last paired with
        last = np.full((num_tracks, annotated.present.shape[1]), -1)
        for frame in range(annotated.num_frames - 1):
            pred, gt, distances = matching.frame(frame)
            gt_track, pred_track = gt_tracks[gt], pred_tracks[pred]
            objects = hypotheses = 1
            if not distances.shape[0] or not distances.shape[1]:
                total.lone_frames += 1
            else:
                objects = annotated.present[gt].sum(axis=0)
                hypotheses = predicted.present[pred].sum(axis=0)
            total.num_frames += 1
            total.num_objects += objects
            total.num_misses += objects
            total.num_false_positives += hypotheses
            within = distances <= HIT_THRESHOLD
            for j in _contested(within):
                within[..., j] = _clear_mot(distances[..., j], within[..., j],
                                            last[gt_track, j], pred_track)
            pred, gt, joint = np.nonzero(within)
            before, now = last[gt_track[gt], joint], pred_track[pred]
            switched = (before >= 0) & (before != now)
            np.add.at(total.num_detections, joint, 1)
            np.subtract.at(total.num_misses, joint, 1)
            np.subtract.at(total.num_false_positives, joint, 1)
            np.add.at(total.num_switches, joint, switched)
            np.add.at(total.distance_sum, joint, distances[within])
            last[gt_track[gt], joint] = now
        if annotated.num_frames == 1:
            total.single_frame_videos.append(annotated.name)

    def result(self) -> MotResult:
        """The counts over all videos added."""
        return copy.deepcopy(self._total)


def _clear_mot(distances: np.ndarray, within: np.ndarray, last: np.ndarray,
               pred_tracks: np.ndarray) -> np.ndarray:
    """The pairs made of a joint's possible ones, (M_f, N_f) bool; ``last`` is
    each annotated point's track before, -1 for none."""
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


@dataclass
class HotaResult:
    """HOTA and its parts at each alpha; the last column is the total."""
    tp: np.ndarray  #: Pairs, (A, J + 1)
    fn: np.ndarray  #: Annotated joints that are in none, (A, J + 1)
    fp: np.ndarray  #: Predicted joints that are in none, (A, J + 1)
    ass_a: np.ndarray  #: AssA, (A, J + 1), in [0, 1]
    loc_a: np.ndarray  #: The pairs' mean similarity, (A, J + 1); 1 without
    num_frames: int  #: Frames that were scored
    #: Frames without persons on one side, in videos with persons on both.
    lone_frames: int
    as_released: bool  #: How those were counted

    @property
    def det_a(self) -> np.ndarray:
        """np.ndarray: DetA, (A, J + 1), in [0, 1]."""
        return self.tp / np.maximum(1, self.tp + self.fn + self.fp)

    @property
    def hota(self) -> np.ndarray:
        """np.ndarray: HOTA, (A, J + 1), in [0, 1]."""
        return np.sqrt(self.det_a * self.ass_a)

    def by_joint(self) -> Dict[str, Dict[str, float]]:
        """HOTA, DetA, AssA and LocA in percent of each joint and ``total``,
        means over alpha."""
        result, columns = {}, (*POSEVAL_JOINTS, 'total')
        for name in ('hota', 'det_a', 'ass_a', 'loc_a'):
            means = 100 * getattr(self, name).mean(axis=0)
            result[name] = dict(zip(columns, means.tolist()))
        return result


class HotaCounter(VideoCounter):
    """HOTA and its parts; ``as_released``: see the module."""

    def __init__(self, as_released: bool = True) -> None:
        self._as_released = as_released
        # TP, FN and FP, and AssA and LocA times TP
        self._sums = np.zeros((5, len(ALPHAS), len(POSEVAL_JOINTS) + 1))
        self._num_frames = self._lone_frames = 0

    def _add(self, annotated: AnnotatedSequence, predicted: PredictedSequence,
             matching: PersonMatching) -> None:
        gt_tracks = contiguous_tracks(annotated, 'annotated')
        pred_tracks = contiguous_tracks(predicted, 'predicted')
        self._num_frames += annotated.num_frames
        tp, loc_a, ass_a = _association(
            _most_similar_pairs(matching),
            _joints_per_track(annotated.present, gt_tracks),
            _joints_per_track(predicted.present, pred_tracks), gt_tracks,
            pred_tracks)
        fn, fp = self._unpaired(annotated, predicted, matching)
        # what is not paired at all is more than what is not paired at alpha
        counts = np.stack([tp, fn - tp, fp - tp])
        counts = np.append(counts, counts.sum(axis=-1, keepdims=True), axis=-1)
        shares = np.stack([ass_a, loc_a])
        shares = np.append(
            shares, shares.mean(axis=-1, keepdims=True), axis=-1)
        self._sums += [*counts, *shares * counts[0]]

    def result(self) -> HotaResult:
        """HOTA over all videos added."""
        tp, fn, fp, ass_a, loc_a = self._sums.copy()
        return HotaResult(tp, fn, fp, ass_a / np.maximum(1, tp),
                          np.maximum(1e-10, loc_a) / np.maximum(1e-10, tp),
                          self._num_frames, self._lone_frames,
                          self._as_released)

    def _unpaired(self, annotated: AnnotatedSequence,
                  predicted: PredictedSequence,
                  matching: PersonMatching) -> Tuple[np.ndarray, np.ndarray]:
        """Joints of either side as they count when none is paired, (J, )."""
        num_gt = annotated.present.sum(axis=0)
        num_pred = predicted.present.sum(axis=0)
        if not annotated.num_persons or not predicted.num_persons:
            return num_gt, num_pred
        has_gt = np.diff(matching.gt_starts) > 0
        has_pred = np.diff(matching.pred_starts) > 0
        both = has_gt & has_pred
        self._lone_frames += int((~both).sum())
        if not self._as_released:
            return num_gt, num_pred
        # a frame without annotated persons is taken for one of these first
        fn = annotated.present[both[annotated.frame_index]].sum(axis=0)
        fp = predicted.present[both[predicted.frame_index]].sum(axis=0)
        fn += num_gt * int((has_gt & ~has_pred).sum())
        return fn, fp + num_pred * int((~has_gt).sum())


def _most_similar_pairs(matching: PersonMatching) -> Tuple[np.ndarray, ...]:
    """All frames' pairs: predictions, persons, joints, similarities, (E, )."""
    found: List[Tuple[np.ndarray, ...]] = []
    for frame in range(len(matching.gt_starts) - 1):
        pred, gt, distances = matching.frame(frame)
        similarity = np.maximum(0, distances * (-1 / SIMILARITY_REACH) + 1)
        possible = similarity > 0
        if not possible.any():
            continue
        for joint in _contested(possible):
            # annotated persons first: ties go as in the released evaluator
            pairs = linear_sum_assignment(-similarity[..., joint].T)
            made = np.zeros(possible.shape[:2], dtype=bool)
            made.T[pairs] = True
            possible[..., joint] &= made
        rows, columns, joints = np.nonzero(possible)
        found.append((rows + pred.start, columns + gt.start, joints,
                      similarity[rows, columns, joints]))
    if not found:
        return tuple(np.zeros(0, dtype=t) for t in (int, int, int, float))
    return tuple(np.concatenate(parts) for parts in zip(*found))


def _association(
        pairs: Tuple[np.ndarray, ...], gt_counts: np.ndarray,
        pred_counts: np.ndarray, gt_tracks: np.ndarray,
        pred_tracks: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """TP, LocA and AssA of a video, (A, J), of its pairs, the joints of each
    track, (G, J) and (T, J), and the persons' tracks, (N, ) and (M, )."""
    pred, gt, joint, similarity = pairs
    num_joints = gt_counts.shape[1]
    gt_track, pred_track = gt_tracks[gt], pred_tracks[pred]
    # pairs of the same two tracks and joint have the same number
    combination = (gt_track * max(len(pred_counts), 1) +
                   pred_track) * num_joints + joint
    _, first, number = np.unique(
        combination, return_index=True, return_inverse=True)
    joints = joint[first]
    total = gt_counts[gt_track[first], joints]
    total = total + pred_counts[pred_track[first], joints]
    tp, loc_a, ass_a = np.zeros((3, len(ALPHAS), num_joints))
    for a, alpha in enumerate(ALPHAS):
        found = similarity >= alpha - np.finfo(float).eps
        tp[a] = np.bincount(joint[found], minlength=num_joints)
        loc_a[a] = np.bincount(
            joint[found], weights=similarity[found], minlength=num_joints)
        together = np.bincount(number[found], minlength=len(first))
        shares = together**2 / np.maximum(1, total - together)
        ass_a[a] = np.bincount(joints, weights=shares, minlength=num_joints)
    loc_a = np.maximum(1e-10, loc_a) / np.maximum(1e-10, tp)
    return tp, loc_a, ass_a / np.maximum(1, tp)


def _joints_per_track(present: np.ndarray, tracks: np.ndarray) -> np.ndarray:
    """How often each track has each joint, (tracks, J)."""
    counts = np.zeros((int(tracks.max(initial=-1)) + 1, present.shape[1]),
                      dtype=np.int64)
    np.add.at(counts, tracks, present)
    return counts
