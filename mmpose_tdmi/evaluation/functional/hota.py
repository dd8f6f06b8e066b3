"""PoseTrack21's keypoint HOTA, with DetA, AssA and LocA, of each joint.

HOTA (Luiten et al., IJCV 2021) weighs how well points are found against how
well they are kept together over time. PoseTrack21 (Doering et al., CVPR 2022)
computes it per joint: two points are similar by ``max(0, 1 - d / 0.5001)``
with the head-normalised distance d, are paired in every frame so that the
total similarity is largest, and count as found at each of 19 thresholds alpha
= 0.05 ... 0.95 if they are at least that similar. Per alpha
``DetA = TP / (TP + FN + FP)``; AssA is the mean over the TP of
``TPA / (TPA + FNA + FPA)`` of the two tracks concerned, computed per video
and averaged with the videos' TP as weights; ``HOTA = sqrt(DetA AssA)``.
Reported are the means over alpha.

The total is not the mean of the joints: its TP, FN and FP are summed over
joints, its AssA (LocA) of a video is the mean of the joints' AssA (LocA).

A fact of the released evaluator decides numbers: in a video that has
predictions, a frame without any adds the *whole video's* annotated joints to
the FN, not its own (and likewise a frame without annotated persons to the
FP). ``as_released=True``, the default, reproduces it, for numbers that compare
with published ones; ``False`` counts the frame's own joints. The result tells
how many frames are concerned.

Shape shorthand: A = 19 thresholds, N annotated and M predicted persons of a
video (N_f and M_f in frame f), G and T annotated and predicted tracks, J
joints, E pairs made in a video.
"""
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from .ap import PersonMatching, match_persons
from .mot import contested, contiguous_tracks
from .sequences import POSEVAL_JOINTS, AnnotatedSequence, PredictedSequence

#: The distance in head sizes at which two points are no longer similar.
SIMILARITY_REACH = 0.5001
#: The similarities from which two points count as the same.
ALPHAS = np.arange(0.05, 0.99, 0.05)


@dataclass
class HotaResult:
    """HOTA and its parts at each alpha; the last column is the total.

    Args:
        tp (np.ndarray): Pairs, (A, J + 1).
        fn (np.ndarray): Annotated joints that are in none, (A, J + 1).
        fp (np.ndarray): Predicted joints that are in none, (A, J + 1).
        ass_a (np.ndarray): AssA, (A, J + 1), in [0, 1].
        loc_a (np.ndarray): LocA, the mean similarity of the pairs,
            (A, J + 1), in [0, 1]; 1 without pairs.
        num_frames (int): Frames that were scored.
        lone_frames (int): Frames without persons on one side, in videos with
            persons on both; see the module's remark.
        as_released (bool): How those were counted.
    """
    tp: np.ndarray
    fn: np.ndarray
    fp: np.ndarray
    ass_a: np.ndarray
    loc_a: np.ndarray
    num_frames: int
    lone_frames: int
    as_released: bool

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
        names = (*POSEVAL_JOINTS, 'total')
        return {
            name: dict(zip(names, (100 * values.mean(axis=0)).tolist()))
            for name, values in (('hota', self.hota), ('det_a', self.det_a),
                                 ('ass_a', self.ass_a), ('loc_a', self.loc_a))
        }


class HotaCounter:
    """Pairs the joints of one video after the other.

    Args:
        as_released (bool): Whether frames without persons on one side are
            counted as PoseTrack21's released evaluator counts them.
    """

    def __init__(self, as_released: bool = True) -> None:
        self._as_released = as_released
        shape = (len(ALPHAS), len(POSEVAL_JOINTS) + 1)
        self._tp = np.zeros(shape)
        self._fn = np.zeros(shape)
        self._fp = np.zeros(shape)
        self._ass_a = np.zeros(shape)
        self._loc_a = np.zeros(shape)
        self._num_frames = 0
        self._lone_frames = 0

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
        self._num_frames += annotated.num_frames
        pairs = _pairs(matching)
        tp, loc_a, ass_a = _association(
            pairs, _joints_per_track(annotated.present, gt_tracks),
            _joints_per_track(predicted.present, pred_tracks), gt_tracks,
            pred_tracks)
        fn, fp = self._unpaired(annotated, predicted, matching)
        # what is not paired at all is more than what is not paired at alpha
        counts = [
            np.append(values, values.sum(axis=1, keepdims=True), axis=1)
            for values in (tp, fn - tp, fp - tp)
        ]
        parts = [
            np.append(values, values.mean(axis=1, keepdims=True), axis=1)
            for values in (ass_a, loc_a)
        ]
        self._tp += counts[0]
        self._fn += counts[1]
        self._fp += counts[2]
        self._ass_a += parts[0] * counts[0]
        self._loc_a += parts[1] * counts[0]

    def result(self) -> HotaResult:
        """HOTA over all videos added."""
        loc_a = np.maximum(1e-10, self._loc_a) / np.maximum(1e-10, self._tp)
        return HotaResult(
            tp=self._tp.copy(),
            fn=self._fn.copy(),
            fp=self._fp.copy(),
            ass_a=self._ass_a / np.maximum(1, self._tp),
            loc_a=loc_a,
            num_frames=self._num_frames,
            lone_frames=self._lone_frames,
            as_released=self._as_released)

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
        self._lone_frames += int((~(has_gt & has_pred)).sum())
        if not self._as_released:
            return num_gt, num_pred
        # a frame without annotated persons is taken for one of these first
        both = has_gt & has_pred
        fn = annotated.present[both[annotated.frame_index]].sum(axis=0)
        fp = predicted.present[both[predicted.frame_index]].sum(axis=0)
        return (fn + num_gt * int(
            (has_gt & ~has_pred).sum()), fp + num_pred * int((~has_gt).sum()))


def _pairs(matching: PersonMatching) -> Tuple[np.ndarray, ...]:
    """The pairs of all frames.

    Returns:
        tuple[np.ndarray, ...]: Rows of the predictions, rows of the ground
        truth, joints, similarities, (E, ) each.
    """
    found: List[Tuple[np.ndarray, ...]] = []
    for frame in range(len(matching.gt_starts) - 1):
        pred, gt, distances = matching.frame(frame)
        similarity = np.maximum(0, distances * (-1 / SIMILARITY_REACH) + 1)
        possible = similarity > 0
        if not possible.any():
            continue
        for joint in np.flatnonzero(contested(possible)):
            # annotated persons first: ties go as in the released evaluator
            gt_rows, pred_rows = linear_sum_assignment(-similarity[...,
                                                                   joint].T)
            made = np.zeros(possible.shape[:2], dtype=bool)
            made[pred_rows, gt_rows] = True
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
    """TP, LocA and AssA of a video, (A, J) each.

    Args:
        pairs (tuple[np.ndarray]): What :func:`_pairs` returns.
        gt_counts (np.ndarray): Joints of each annotated track, (G, J).
        pred_counts (np.ndarray): Joints of each predicted track, (T, J).
        gt_tracks (np.ndarray): The track of each annotated person, (N, ).
        pred_tracks (np.ndarray): The track of each prediction, (M, ).
    """
    pred, gt, joint, similarity = pairs
    num_joints = gt_counts.shape[1]
    gt_track, pred_track = gt_tracks[gt], pred_tracks[pred]
    # pairs of the same two tracks and joint have the same number
    combination = (gt_track * max(len(pred_counts), 1) +
                   pred_track) * num_joints + joint
    _, first, number = np.unique(
        combination, return_index=True, return_inverse=True)
    joints = joint[first]
    total = (
        gt_counts[gt_track[first], joints] +
        pred_counts[pred_track[first], joints])
    shape = (len(ALPHAS), num_joints)
    tp, loc_a, ass_a = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for a, alpha in enumerate(ALPHAS):
        found = similarity >= alpha - np.finfo(float).eps
        tp[a] = np.bincount(joint[found], minlength=num_joints)
        loc_a[a] = np.bincount(
            joint[found], weights=similarity[found], minlength=num_joints)
        together = np.bincount(number[found], minlength=len(first))
        ass_a[a] = np.bincount(
            joints,
            weights=together**2 / np.maximum(1, total - together),
            minlength=num_joints)
    loc_a = np.maximum(1e-10, loc_a) / np.maximum(1e-10, tp)
    return tp, loc_a, ass_a / np.maximum(1, tp)


def _joints_per_track(present: np.ndarray, tracks: np.ndarray) -> np.ndarray:
    """How often each track has each joint, (tracks, J)."""
    counts = np.zeros((int(tracks.max(initial=-1)) + 1, present.shape[1]),
                      dtype=np.int64)
    np.add.at(counts, tracks, present)
    return counts
