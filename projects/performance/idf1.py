"""IDF1 of each joint: how long people keep the identity they are best given.

MOTA counts the moments at which an identity changes; IDF1 (Ristani et al.,
ECCV workshops 2016) asks how much of the time it is the right one. Over a
whole video every annotated track is given at most one predicted track and the
other way round, so that as many points as possible agree (IDTP); the rest of
the annotated points are IDFN, the rest of the predicted ones IDFP::

    IDF1 = 2 IDTP / (2 IDTP + IDFN + IDFP)

As in MOTA and HOTA here, joints are tracked as points, each by itself: two
points agree within half a head size. Counts are pooled over videos; all
frames count, as PoseTrack's evaluators do not know this measure.

Shape shorthand: N annotated and M predicted persons of a video (N_f and M_f
in frame f), G and T annotated and predicted tracks, J joints.
"""
from dataclasses import dataclass
from typing import Dict, Optional

import numpy as np
from scipy.optimize import linear_sum_assignment

from mmpose_tdmi.evaluation.functional import (HIT_THRESHOLD, POSEVAL_JOINTS,
                                               AnnotatedSequence,
                                               PersonMatching,
                                               PredictedSequence,
                                               match_persons, mean_of_known)
from mmpose_tdmi.evaluation.functional.tracking import contiguous_tracks


@dataclass
class Idf1Result:
    """Counts of each joint over all videos, and what follows from them.

    Args:
        num_objects (np.ndarray): Annotated joints, (J, ).
        num_predictions (np.ndarray): Predicted joints, (J, ).
        num_agreeing (np.ndarray): IDTP, (J, ).
    """
    num_objects: np.ndarray
    num_predictions: np.ndarray
    num_agreeing: np.ndarray

    @property
    def idf1(self) -> np.ndarray:
        """np.ndarray: IDF1 in percent, (J, ); NaN without any joints."""
        return _percent(2 * self.num_agreeing,
                        self.num_objects + self.num_predictions)

    @property
    def precision(self) -> np.ndarray:
        """np.ndarray: IDTP among the predicted joints in percent, (J, )."""
        return _percent(self.num_agreeing, self.num_predictions)

    @property
    def recall(self) -> np.ndarray:
        """np.ndarray: IDTP among the annotated joints in percent, (J, )."""
        return _percent(self.num_agreeing, self.num_objects)

    def by_joint(self) -> Dict[str, Dict[str, float]]:
        """IDF1, precision and recall of each joint, and ``total``, the mean
        of the joints that are known."""
        return {
            name:
            dict(
                zip(POSEVAL_JOINTS, values.tolist()),
                total=mean_of_known(values))
            for name, values in (('idf1', self.idf1),
                                 ('precision', self.precision), ('recall',
                                                                 self.recall))
        }


class Idf1Counter:
    """Compares the tracks of one video after the other."""

    def __init__(self) -> None:
        num_joints = len(POSEVAL_JOINTS)
        self._objects = np.zeros(num_joints, dtype=np.int64)
        self._predictions = np.zeros(num_joints, dtype=np.int64)
        self._agreeing = np.zeros(num_joints, dtype=np.int64)

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
        self._objects += annotated.present.sum(axis=0)
        self._predictions += predicted.present.sum(axis=0)
        # frames in which two tracks agree, (G, T, J)
        together = np.zeros(
            (int(gt_tracks.max(initial=-1)) + 1,
             int(pred_tracks.max(initial=-1)) + 1, len(POSEVAL_JOINTS)),
            dtype=np.int64)
        np.add.at(
            together,
            (gt_tracks[matching.pair_gt], pred_tracks[matching.pair_pred]),
            matching.distances <= HIT_THRESHOLD)
        for joint in range(together.shape[-1]):
            rows, columns = linear_sum_assignment(
                together[..., joint], maximize=True)
            self._agreeing[joint] += together[rows, columns, joint].sum()

    def result(self) -> Idf1Result:
        """The counts over all videos added."""
        return Idf1Result(self._objects.copy(), self._predictions.copy(),
                          self._agreeing.copy())


def _percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(whole > 0, 100 * part / whole, np.nan)
