"""PoseTrack's average precision, after the official toolkit (poseval).

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

from .person_matching import PersonMatching, match_persons
from .pose_sequences import AnnotatedSequence, PredictedSequence
from .posetrack_joints import POSEVAL_JOINTS, group_means, mean_of_known


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
