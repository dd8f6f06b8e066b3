"""How crowded a frame is, after CrowdPose.

"CrowdPose: Efficient Crowded Scenes Pose Estimation and A New Benchmark",
CVPR 2019.

Shape shorthand: N annotated persons of a frame, K joints.

Head-normalised distances between people, and who is matched to whom.

The one place where predictions meet the ground truth; AP, MOTA and HOTA are
all computed from its distances. The matching is that of poseval's AP: a
predicted person is matched to the annotated one of which it hits the largest
share of joints, and each annotated person keeps the one prediction that hits
it most. Ties go to the lowest index, scores play no part, and a prediction
that loses is matched to nobody even where another person is free.

Shape shorthand: F frames, N annotated and M predicted persons of a video (N_f
and M_f in frame f), Q = sum of M_f N_f pairs, J joints.

PoseTrack's average precision, after the official toolkit (poseval).

PoseTrack17 and 18 are scored by the ``poseval`` toolkit; its algorithm and
its corner cases are reproduced here, in numpy. They are facts of the metric,
not choices of this package:

* Persons are matched as :func:`match_persons` says. A joint of a matched
  prediction counts as hit or not by its own distance; a matched person that
  lacks the joint makes it a false positive.
* All frames are pooled, ranked by the score of the joint. A joint's AP is
  the area under the monotone envelope of its precision over its recall, at
  all points.
* A joint without any ground truth is NaN if it was predicted anywhere and 0
  otherwise: the NaN is left out of the total, the 0 counts. PoseTrack21's
  evaluator has 0 in both cases.
* Equal scores are ranked in reversed order of appearance. The original's
  sort is not stable, so that there ties depend on the machine; here the sort
  is, and the order is that of the frames and persons given.

Shape shorthand: M predicted persons of a video, J = 15 joints in the order of
``POSEVAL_JOINTS``, n predictions of one joint.
"""
from dataclasses import dataclass
from typing import Dict, Iterable, Optional, Tuple

import numpy as np

from .sequences import (POSEVAL_JOINTS, AnnotatedSequence, PredictedSequence,
                        group_means, mean_of_known, runs)


def crowd_index(keypoints: np.ndarray, present: np.ndarray,
                boxes: np.ndarray) -> float:
    """Mean ratio of others' joints in a person's box to the person's own.

    Persons without a joint have no ratio and are left out of the mean; those
    without a box (NaN) have nobody's joints in it.

    Args:
        keypoints (np.ndarray): Annotated joints, (N, K, 2), pixels.
        present (np.ndarray): Which are annotated, (N, K) bool.
        boxes (np.ndarray): The persons' boxes, x1, y1, x2, y2, (N, 4).

    Returns:
        float: >= 0; 0 without persons that have joints.
    """
    own = present.sum(axis=1)
    if not own.any():
        return 0.
    # (N, N, K): joints of the second person in the first one's box
    low, high = boxes[:, None, None, :2], boxes[:, None, None, 2:]
    inside = ((keypoints[None] >= low) & (keypoints[None] <= high)).all(axis=3)
    inside = (inside & present[None]).sum(axis=2)
    others = inside.sum(axis=1) - np.diagonal(inside)
    return float(np.mean(others[own > 0] / own[own > 0]))


#: A joint is hit within this share of the head size, inclusive.
HIT_THRESHOLD = 0.5
#: Head size over the diagonal of the head box.
HEAD_SIZE_FACTOR = 0.6


@dataclass
class PersonMatching:
    """Distances and matches of all persons in the frames of a video.

    Args:
        pair_pred (np.ndarray): The predicted person of each pair, (Q, ) rows
            of the predictions.
        pair_gt (np.ndarray): The annotated person, (Q, ) rows of the ground
            truth. Pairs are ordered by frame, prediction, annotated person.
        distances (np.ndarray): Distances over head size, (Q, J); infinite
            where either joint is absent.
        hits (np.ndarray): Joints of predictions that are matched and within
            reach of the person they are matched to, (M, J) bool.
        pred_to_gt (np.ndarray): The annotated person that a prediction is
            matched to, (M, ), -1 for none.
        gt_to_pred (np.ndarray): The inverse, (N, ).
        gt_starts (np.ndarray): First annotated person of each frame, and N,
            (F + 1, ).
        pred_starts (np.ndarray): First predicted person of each frame, and
            M, (F + 1, ).
    """
    pair_pred: np.ndarray
    pair_gt: np.ndarray
    distances: np.ndarray
    hits: np.ndarray
    pred_to_gt: np.ndarray
    gt_to_pred: np.ndarray
    gt_starts: np.ndarray
    pred_starts: np.ndarray

    def frame(self, index: int) -> Tuple[slice, slice, np.ndarray]:
        """One frame's persons and their distances.

        Args:
            index (int): The frame.

        Returns:
            tuple[slice, slice, np.ndarray]: Rows of the predictions, rows of
            the ground truth, distances (M_f, N_f, J).
        """
        pred = slice(*self.pred_starts[index:index + 2].tolist())
        gt = slice(*self.gt_starts[index:index + 2].tolist())
        shape = (pred.stop - pred.start, gt.stop - gt.start)
        start = int(np.searchsorted(self.pair_pred, pred.start))
        distances = self.distances[start:start + shape[0] * shape[1]]
        return pred, gt, distances.reshape(*shape, distances.shape[1])


def head_sizes(head_boxes: np.ndarray) -> np.ndarray:
    """What distances are measured by.

    Args:
        head_boxes (np.ndarray): x1, y1, x2, y2 in pixels, (N, 4).

    Returns:
        np.ndarray: 0.6 times the boxes' diagonals in pixels, (N, ).
    """
    return HEAD_SIZE_FACTOR * np.linalg.norm(
        head_boxes[:, 2:] - head_boxes[:, :2], axis=-1)


def match_persons(annotated: AnnotatedSequence,
                  predicted: PredictedSequence) -> PersonMatching:
    """Match predicted to annotated persons, frame by frame.

    Args:
        annotated (AnnotatedSequence): The scored frames of a video.
        predicted (PredictedSequence): Predictions in the same frames.

    Returns:
        PersonMatching: The distances of all pairs, and the matches.

    Raises:
        ValueError: If the two have not the same number of frames.
    """
    if annotated.num_frames != predicted.num_frames:
        raise ValueError(
            f'{annotated.name}: {annotated.num_frames} annotated but '
            f'{predicted.num_frames} predicted frames; pair them first')
    frames = np.arange(annotated.num_frames + 1)
    gt_starts = np.searchsorted(annotated.frame_index, frames)
    pred_starts = np.searchsorted(predicted.frame_index, frames)
    num_gt = np.diff(gt_starts)[predicted.frame_index]
    pair_pred, number = runs(num_gt)
    pair_gt = gt_starts[predicted.frame_index[pair_pred]] + number
    distances = _distances(annotated, predicted, pair_pred, pair_gt)
    within = distances <= HIT_THRESHOLD
    # persons without joints hit nothing, whatever they are divided by
    share = within.sum(axis=1) / np.maximum(annotated.present.sum(axis=1),
                                            1)[pair_gt]
    best = _first_best(share, num_gt)
    hits = np.zeros(predicted.present.shape, dtype=bool)
    pred_to_gt = np.full(predicted.num_persons, -1)
    gt_to_pred = np.full(annotated.num_persons, -1)
    best = best[share[best] > 0]
    # of the predictions that chose a person the best, then the first, wins
    order = np.lexsort((pair_pred[best], -share[best], pair_gt[best]))
    best = best[order]
    _, winners = np.unique(pair_gt[best], return_index=True)
    best = best[winners]
    pred_to_gt[pair_pred[best]] = pair_gt[best]
    gt_to_pred[pair_gt[best]] = pair_pred[best]
    hits[pair_pred[best]] = within[best]
    return PersonMatching(pair_pred, pair_gt, distances, hits, pred_to_gt,
                          gt_to_pred, gt_starts, pred_starts)


def _distances(annotated: AnnotatedSequence, predicted: PredictedSequence,
               pair_pred: np.ndarray, pair_gt: np.ndarray) -> np.ndarray:
    offsets = annotated.keypoints[pair_gt] - predicted.keypoints[pair_pred]
    sizes = head_sizes(annotated.head_boxes)[pair_gt, None]
    # a head box without extent makes the distance infinite or NaN: no hit
    with np.errstate(divide='ignore', invalid='ignore'):
        distances = np.linalg.norm(offsets, axis=-1) / sizes
    both = annotated.present[pair_gt] & predicted.present[pair_pred]
    return np.where(both & ~np.isnan(distances), distances, np.inf)


def _first_best(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The first largest value of each run.

    Args:
        values (np.ndarray): Runs one after the other, (sum of counts, ).
        counts (np.ndarray): Their lengths, (n, ).

    Returns:
        np.ndarray: Indices into ``values``, one for each run that is not
        empty.
    """
    counts = counts[counts > 0]
    if not len(counts):
        return np.zeros(0, dtype=np.int64)
    run, _ = runs(counts)
    starts = np.cumsum(counts) - counts
    largest = np.flatnonzero(
        values == np.maximum.reduceat(values, starts)[run])
    _, first = np.unique(run[largest], return_index=True)
    return largest[first]


@dataclass
class PosevalResult:
    """The AP of each joint and what PoseTrack's tables make of it.

    Args:
        ap (np.ndarray): AP of each joint in percent, (J, ); NaN for a joint
            that was predicted but has no ground truth.
        precision (np.ndarray): Share of a joint's predictions that are hits,
            in percent, (J, ); 0 without predictions.
        recall (np.ndarray): Share of the annotated joints that are hit, in
            percent, (J, ); as ``ap`` without ground truth.
        num_gt (np.ndarray): Annotated joints that were scored, (J, ).
        num_pred (np.ndarray): Predicted joints that were scored, (J, ).
        num_frames (int): Frames that were scored.
    """
    ap: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    num_gt: np.ndarray
    num_pred: np.ndarray
    num_frames: int

    @property
    def mean(self) -> float:
        """float: The total: mean AP of the joints that are not NaN."""
        return mean_of_known(self.ap)

    def groups(self) -> Dict[str, float]:
        """AP of the seven groups; NaN where a joint of the group is NaN."""
        return group_means(self.ap)

    def by_joint(self) -> Dict[str, float]:
        """AP of each joint by name, and ``total``."""
        return dict(zip(POSEVAL_JOINTS, self.ap.tolist()), total=self.mean)


class PosevalAP:
    """Collects the joints of one video after the other.

    Args:
        presence (str): The presence rule that the frames were selected by,
            see :func:`scored_frames`; it decides what a joint without ground
            truth is worth.
    """

    def __init__(self, presence: str = 'poseval') -> None:
        self._empty = 0. if presence == 'posetrack21' else float('nan')
        num_joints = len(POSEVAL_JOINTS)
        self._num_gt = np.zeros(num_joints, dtype=np.int64)
        self._num_frames = 0
        self._hits = [np.zeros((0, num_joints), dtype=bool)]
        self._present = [np.zeros((0, num_joints), dtype=bool)]
        self._scores = [np.zeros((0, num_joints))]

    def add(self,
            annotated: AnnotatedSequence,
            predicted: PredictedSequence,
            matching: Optional[PersonMatching] = None) -> None:
        """Add a video.

        Args:
            annotated (AnnotatedSequence): Its scored frames.
            predicted (PredictedSequence): Predictions in the same frames.
            matching (PersonMatching, optional): What :func:`match_persons`
                says of the two, if that is known already.
        """
        if matching is None:
            matching = match_persons(annotated, predicted)
        self._num_frames += annotated.num_frames
        self._num_gt += annotated.present.sum(axis=0)
        self._hits.append(matching.hits)
        self._present.append(predicted.present)
        self._scores.append(predicted.scores)

    def result(self) -> PosevalResult:
        """The average precision over all videos added."""
        hits, present, scores = (
            np.concatenate(parts)
            for parts in (self._hits, self._present, self._scores))
        values = [
            self._joint(hits[present[:, j], j], scores[present[:, j], j],
                        int(self._num_gt[j])) for j in range(present.shape[1])
        ]
        ap, precision, recall = 100 * np.array(values).T
        return PosevalResult(
            ap=ap,
            precision=precision,
            recall=recall,
            num_gt=self._num_gt.copy(),
            num_pred=present.sum(axis=0),
            num_frames=self._num_frames)

    def _joint(self, hits: np.ndarray, scores: np.ndarray,
               num_gt: int) -> Tuple[float, float, float]:
        if not len(hits):
            return 0., 0., 0.
        precision = hits.mean()
        if not num_gt:
            return self._empty, precision, self._empty
        return (average_precision(hits, scores,
                                  num_gt), precision, hits.sum() / num_gt)


def poseval_ap(videos: Iterable[Tuple[AnnotatedSequence, PredictedSequence]],
               presence: str = 'poseval') -> PosevalResult:
    """Average precision over videos.

    Args:
        videos (Iterable[tuple]): Of each video the scored frames and the
            predictions in them, as :func:`scored_frames` returns them.
        presence (str): The presence rule given to it.

    Returns:
        PosevalResult: AP in percent.
    """
    ap = PosevalAP(presence)
    for annotated, predicted in videos:
        ap.add(annotated, predicted)
    return ap.result()


def average_precision(hits: np.ndarray, scores: np.ndarray,
                      num_gt: int) -> float:
    """Area under the monotone envelope of a precision-recall curve.

    Args:
        hits (np.ndarray): Which predictions are hits, (n, ) bool.
        scores (np.ndarray): Their scores, (n, ).
        num_gt (int): How many hits there could be.

    Returns:
        float: In [0, 1]; 0 without predictions (even if nothing is
        annotated), NaN with predictions and nothing annotated.
    """
    if len(scores) == 0:
        return 0.
    if num_gt == 0:
        return float('nan')
    order = np.argsort(scores, kind='stable')[::-1]
    found = np.cumsum(hits[order])
    precision = found / np.arange(1, len(found) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall_steps = np.diff(found / num_gt, prepend=0.)
    return float(np.sum(recall_steps * envelope))
