"""Head-normalised distances between people, and who is matched to whom.

The one place where predictions meet the ground truth; AP, MOTA and HOTA are
all computed from its distances. The matching is that of poseval's AP: a
predicted person is matched to the annotated one of which it hits the largest
share of joints, and each annotated person keeps the one prediction that hits
it most. Ties go to the lowest index, scores play no part, and a prediction
that loses is matched to nobody even where another person is free.

Shape shorthand: F frames, N annotated and M predicted persons of a video (N_f
and M_f in frame f), Q = sum of M_f N_f pairs, J joints.
"""
from dataclasses import dataclass
from typing import Tuple

import numpy as np

from .pose_sequences import AnnotatedSequence, PredictedSequence, runs

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
