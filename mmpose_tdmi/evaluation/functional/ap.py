"""PoseTrack's average precision, after the official toolkit (poseval).

First who is matched to whom, from which AP, MOTA and HOTA are all computed,
then the AP. Algorithm and corner cases are the toolkit's:

* A prediction is matched to the annotated person of which it hits the largest
  share of joints, and each person keeps the prediction that hits it most. Ties
  go to the lowest index, scores play no part, and a prediction that loses is
  matched to nobody even where another person is free.
* A joint of a matched prediction is a hit or not by its own distance; where
  the person lacks the joint it is a false positive.
* All frames are pooled and ranked by the joint's score. The AP is the area
  under the monotone envelope of precision over recall, at all points.
* A joint without ground truth is NaN, left out of the total, if it was
  predicted anywhere and 0, which counts, otherwise; PoseTrack21 has 0 in both.
* Equal scores are ranked in reversed order of appearance; the original's sort
  is not stable.

F frames, N annotated and M predicted persons of a video (N_f and M_f in frame
f), Q = sum of M_f N_f pairs, J = 15 joints in the order of ``POSEVAL_JOINTS``.
"""
from dataclasses import dataclass
from typing import Dict, Iterable, Optional, Tuple

import numpy as np

from .sequences import (POSEVAL_JOINTS, AnnotatedSequence, PredictedSequence,
                        group_means, mean_of_known, runs)

#: A joint is hit within this share of the head size, inclusive.
HIT_THRESHOLD = 0.5
#: Head size over the diagonal of the head box.
HEAD_SIZE_FACTOR = 0.6


@dataclass
class PersonMatching:
    """Distances and matches of all persons in the frames of a video."""
    #: The predicted person of each pair, (Q, ); pairs are ordered by frame,
    #: prediction, annotated person.
    pair_pred: np.ndarray
    pair_gt: np.ndarray  #: The annotated person of each pair, (Q, )
    #: Distances over head size, (Q, J); infinite where either joint is absent.
    distances: np.ndarray
    #: Predicted joints in reach of the matched person's, (M, J) bool.
    hits: np.ndarray
    pred_to_gt: np.ndarray  #: Each prediction's match, (M, ), -1 for none
    gt_to_pred: np.ndarray  #: The inverse, (N, )
    gt_starts: np.ndarray  #: Each frame's first person, and N, (F + 1, )
    pred_starts: np.ndarray  #: Likewise of predictions, and M, (F + 1, )

    def frame(self, index: int) -> Tuple[slice, slice, np.ndarray]:
        """One frame's predictions, persons and distances, (M_f, N_f, J)."""
        pred = slice(*self.pred_starts[index:index + 2].tolist())
        gt = slice(*self.gt_starts[index:index + 2].tolist())
        shape = (pred.stop - pred.start, gt.stop - gt.start)
        start = int(np.searchsorted(self.pair_pred, pred.start))
        distances = self.distances[start:start + shape[0] * shape[1]]
        return pred, gt, distances.reshape(*shape, distances.shape[1])


def head_sizes(head_boxes: np.ndarray) -> np.ndarray:
    """0.6 times the diagonals, (N, ), of boxes (N, 4), x1, y1, x2, y2."""
    return HEAD_SIZE_FACTOR * np.linalg.norm(
        head_boxes[:, 2:] - head_boxes[:, :2], axis=-1)


def match_persons(annotated: AnnotatedSequence,
                  predicted: PredictedSequence) -> PersonMatching:
    """Match predicted to annotated persons of the same scored frames."""
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

    offsets = annotated.keypoints[pair_gt] - predicted.keypoints[pair_pred]
    sizes = head_sizes(annotated.head_boxes)[pair_gt, None]
    # a head box without extent makes the distance infinite or NaN: no hit
    with np.errstate(divide='ignore', invalid='ignore'):
        distances = np.linalg.norm(offsets, axis=-1) / sizes
    both = annotated.present[pair_gt] & predicted.present[pair_pred]
    distances = np.where(both & ~np.isnan(distances), distances, np.inf)

    within = distances <= HIT_THRESHOLD
    # persons without joints hit nothing, whatever they are divided by
    share = within.sum(axis=1) / np.maximum(annotated.present.sum(axis=1),
                                            1)[pair_gt]
    # each prediction chooses a person, then each person a prediction
    best = _first_best(share, pair_pred, np.flatnonzero(share > 0))
    best = _first_best(share, pair_gt, best)
    hits = np.zeros(predicted.present.shape, dtype=bool)
    pred_to_gt = np.full(predicted.num_persons, -1)
    gt_to_pred = np.full(annotated.num_persons, -1)
    pred_to_gt[pair_pred[best]] = pair_gt[best]
    gt_to_pred[pair_gt[best]] = pair_pred[best]
    hits[pair_pred[best]] = within[best]
    return PersonMatching(pair_pred, pair_gt, distances, hits, pred_to_gt,
                          gt_to_pred, gt_starts, pred_starts)


def _first_best(share: np.ndarray, groups: np.ndarray,
                rows: np.ndarray) -> np.ndarray:
    """Of some rows, the first with the largest share in each group."""
    rows = rows[np.lexsort((-share[rows], groups[rows]))]
    return rows[np.unique(groups[rows], return_index=True)[1]]


@dataclass
class PosevalResult:
    """The AP of each joint and what PoseTrack's tables make of it."""
    #: In percent, (J, ); NaN if predicted but without ground truth.
    ap: np.ndarray
    #: Hits of the predictions in percent, (J, ); 0 without any.
    precision: np.ndarray
    #: Hits of the annotated joints in percent, (J, ); NaN as ``ap``.
    recall: np.ndarray
    num_gt: np.ndarray  #: Annotated joints that were scored, (J, )
    num_pred: np.ndarray  #: Predicted joints that were scored, (J, )
    num_frames: int  #: Frames that were scored

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


class VideoCounter:
    """A metric that takes one video after the other."""

    def add(self,
            annotated: AnnotatedSequence,
            predicted: PredictedSequence,
            matching: Optional[PersonMatching] = None) -> None:
        """Add a video: its scored frames, in time, predictions in the same
        frames and, if known already, what :func:`match_persons` says."""
        self._add(annotated, predicted, matching
                  or match_persons(annotated, predicted))

    def _add(self, annotated: AnnotatedSequence, predicted: PredictedSequence,
             matching: PersonMatching) -> None:
        raise NotImplementedError


class PosevalAP(VideoCounter):
    """Average precision; ``presence``, the rule by which frames were selected
    (:func:`scored_frames`), decides on joints without ground truth."""

    def __init__(self, presence: str = 'poseval') -> None:
        self._empty = 0. if presence == 'posetrack21' else float('nan')
        num_joints = len(POSEVAL_JOINTS)
        self._num_gt = np.zeros(num_joints, dtype=np.int64)
        self._num_frames = 0
        nobody = np.zeros((0, num_joints), dtype=bool)
        # hits, presence and scores of a video's predictions
        self._parts = [(nobody, nobody, nobody.astype(float))]

    def _add(self, annotated: AnnotatedSequence, predicted: PredictedSequence,
             matching: PersonMatching) -> None:
        self._num_frames += annotated.num_frames
        self._num_gt += annotated.present.sum(axis=0)
        self._parts.append(
            (matching.hits, predicted.present, predicted.scores))

    def result(self) -> PosevalResult:
        """The average precision over all videos added."""
        all_hits, present, all_scores = map(np.concatenate, zip(*self._parts))
        num_pred = present.sum(axis=0)
        # without predictions all three are 0
        ap, precision, recall = np.zeros((3, len(num_pred)))
        for j in np.flatnonzero(num_pred):
            hits = all_hits[present[:, j], j]
            precision[j] = hits.mean()
            ap[j] = recall[j] = self._empty
            if self._num_gt[j]:
                recall[j] = hits.sum() / self._num_gt[j]
                ap[j] = average_precision(hits, all_scores[present[:, j], j],
                                          int(self._num_gt[j]))
        return PosevalResult(100 * ap, 100 * precision, 100 * recall,
                             self._num_gt.copy(), num_pred, self._num_frames)


def poseval_ap(videos: Iterable[Tuple[AnnotatedSequence, PredictedSequence]],
               presence: str = 'poseval') -> PosevalResult:
    """Average precision over videos, each as :func:`scored_frames` returns
    it under the same presence rule."""
    ap = PosevalAP(presence)
    for annotated, predicted in videos:
        ap.add(annotated, predicted)
    return ap.result()


def average_precision(hits: np.ndarray, scores: np.ndarray,
                      num_gt: int) -> float:
    """Area under the monotone envelope of a precision-recall curve, in [0, 1].

    Of n predictions, which are hits, (n, ) bool, and their scores, (n, ); 0
    if there are none, NaN if there are but ``num_gt`` is 0.
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
