"""An average precision for HiEve's labelled videos, not the official one.

HiEve (Human-in-Events, "HiEve: A Large-Scale Benchmark for Human-centric Video
Analysis in Complex Events", arXiv 2005.04490) scores poses on a server whose
labels and code are not public. Its paper gives this much: AP at the distance
thresholds 0.5, 0.75 and 0.9 of a PCKh, and their mean; a pose is assigned to
the person with which it has the highest PCKh, unassigned ones are false
positives; in the weighted AP (w-AP) a frame counts w = c1 exp(CI) + c2 N, CI
the crowd index, N the number of categories of anomalous actions in the frame.

What it leaves open, and what is done here. A number from here is comparable
with another one from here with the same options, and with nothing else.

* **Head size.** PCKh needs one, HiEve has neither head boxes nor the top of
  the head. There is no default: see :class:`HiEveHeadSize`.
* **PCKh.** The joints of a person that a prediction hits within alpha times
  the head size, over the annotated joints of the person. The assignment of
  AP@alpha is by the PCKh of the same alpha.
* **Assignment.** ``'greedy'``: pairs by falling PCKh, each person and each
  prediction once. ``'argmax'``: as in PoseTrack's toolkit, whose description
  has the same words: a prediction that is not its best person's best is
  unassigned even where another person is free. Ties go to the earlier
  prediction, then to the earlier person.
* **From poses to AP.** As in PoseTrack's: each joint is ranked by its own
  score over all frames, all-point area under the monotone envelope, mean over
  the joints. A joint that nobody has is left out of the mean.
* **Frames without a person** are left out, as there, or kept with all their
  predictions false (``score_empty_frames``).
* **Weights.** A frame's joints and predictions count w times in precision and
  recall. c1 and c2 are 2 and 1 in a later version of the paper's text; whether
  the server uses these was not verified, so they have no default. "Anomalous"
  actions are fighting, fall-over and crouching-bowing "e.g.": the list is an
  option. CI is CrowdPose's: over the persons of a frame the mean ratio of
  other persons' joints in the person's box to the person's own joints.
  Persons without a joint are left out of that mean.

Shape shorthand: N annotated and M predicted persons of a frame, K joints, A
thresholds alpha.
"""
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np

from .hieve_head_size import HiEveHeadSize, is_positive
from .hieve_weights import HiEveFrameWeights

#: The thresholds of HiEve's tables.
HIEVE_ALPHAS = (0.5, 0.75, 0.9)
HIEVE_ASSIGNMENTS = ('greedy', 'argmax')


@dataclass
class HiEveFrame:
    """Ground truth and predictions of a frame, in pixels of its image.

    Args:
        keypoints (np.ndarray): Annotated joints, (N, K, 2).
        present (np.ndarray): Which of them are annotated, (N, K) bool.
        boxes (np.ndarray): The persons' boxes, x1, y1, x2, y2, (N, 4).
        pred_keypoints (np.ndarray): Predicted joints, (M, K, 2).
        pred_scores (np.ndarray): Their scores, (M, K).
        actions (Sequence[str]): What the persons do. Defaults to none.
    """
    keypoints: np.ndarray
    present: np.ndarray
    boxes: np.ndarray
    pred_keypoints: np.ndarray
    pred_scores: np.ndarray
    actions: Sequence[str] = ()


@dataclass
class HiEveResult:
    """Unofficial APs in percent.

    Args:
        alphas (tuple[float]): The A thresholds.
        ap (np.ndarray): By threshold and joint, (A, K); NaN for joints that
            are annotated nowhere.
        weighted_ap (np.ndarray, optional): The same with frame weights.
        num_gt (np.ndarray): Annotated joints, (K,).
        num_frames (int): Frames scored.
    """
    alphas: Tuple[float, ...]
    ap: np.ndarray
    weighted_ap: Optional[np.ndarray]
    num_gt: np.ndarray
    num_frames: int

    def summary(self) -> Dict[str, float]:
        """Means over the joints.

        Returns:
            dict[str, float]: ``AP@<alpha>``, their mean ``AP@avg`` and, where
            there are weights, ``wAP@<alpha>`` and ``wAP@avg``.
        """
        values = {}
        for name, ap in (('AP', self.ap), ('wAP', self.weighted_ap)):
            if ap is None:
                continue
            means = [
                float(row[~np.isnan(row)].mean())
                if not np.isnan(row).all() else float('nan') for row in ap
            ]
            for alpha, mean in zip(self.alphas, means):
                values[f'{name}@{alpha:g}'] = mean
            values[f'{name}@avg'] = sum(means) / len(means)
        return values


def hieve_ap(frames: Iterable[HiEveFrame],
             names: Sequence[str],
             head_size: HiEveHeadSize,
             alphas: Sequence[float] = HIEVE_ALPHAS,
             assignment: str = 'greedy',
             frame_weights: Optional[HiEveFrameWeights] = None,
             score_empty_frames: bool = False) -> HiEveResult:
    """Unofficial average precision, see the module's description.

    Args:
        frames (Iterable[HiEveFrame]): The frames of all videos.
        names (Sequence[str]): The K joints' names.
        head_size (HiEveHeadSize): The rule.
        alphas (Sequence[float]): The A thresholds, in head sizes.
        assignment (str): ``'greedy'`` or ``'argmax'``.
        frame_weights (HiEveFrameWeights, optional): Give w-AP, too.
        score_empty_frames (bool): Whether predictions in frames without a
            person are false positives. Defaults to False, they are left out.

    Returns:
        HiEveResult: The figures.

    Raises:
        ValueError: If there is no threshold or one is not positive, or the
            assignment is unknown.
    """
    alphas = tuple(alphas)
    if not alphas or not all(is_positive(alpha) for alpha in alphas):
        raise ValueError(f'alphas must be positive numbers, got {alphas}')
    if assignment not in HIEVE_ASSIGNMENTS:
        raise ValueError(f'assignment must be one of {HIEVE_ASSIGNMENTS}, got '
                         f'{assignment!r}')
    num_joints, num_frames = len(names), 0
    num_gt = np.zeros(num_joints, dtype=np.int64)
    weight_gt = np.zeros(num_joints)
    hits: List[np.ndarray] = [np.zeros((0, len(alphas), num_joints), bool)]
    scores: List[np.ndarray] = [np.zeros((0, num_joints))]
    weights: List[np.ndarray] = [np.zeros(0)]
    for frame in frames:
        if len(frame.keypoints) == 0 and not score_empty_frames:
            continue
        num_frames += 1
        weight = 1.
        if frame_weights is not None:
            weight = frame_weights(frame.keypoints, frame.present, frame.boxes,
                                   frame.actions)
        present = frame.present.sum(axis=0)
        num_gt += present
        weight_gt += weight * present
        hits.append(_frame_hits(frame, names, head_size, alphas, assignment))
        scores.append(frame.pred_scores)
        weights.append(np.full(len(frame.pred_scores), weight))
    pooled, ranks = np.concatenate(hits), np.concatenate(scores)
    pooled_weights = np.concatenate(weights)

    def ap(of: np.ndarray, total: np.ndarray) -> np.ndarray:
        return 100 * np.array([[
            weighted_average_precision(pooled[:, a, k], ranks[:, k], of,
                                       float(total[k]))
            for k in range(num_joints)
        ] for a in range(len(alphas))])

    return HiEveResult(
        alphas=alphas,
        ap=ap(np.ones(len(ranks)), num_gt),
        weighted_ap=None if frame_weights is None else ap(
            pooled_weights, weight_gt),
        num_gt=num_gt,
        num_frames=num_frames)


def assign_persons(pckh: np.ndarray, assignment: str) -> List[Tuple[int, int]]:
    """Pairs of predicted and annotated persons.

    Args:
        pckh (np.ndarray): Shares of joints hit, (M, N).
        assignment (str): ``'greedy'`` or ``'argmax'``.

    Returns:
        list[tuple[int, int]]: Prediction and person, each at most once, all
        of a share above 0.
    """
    rows, columns = np.nonzero(pckh > 0)
    if assignment == 'argmax':
        best = pckh.argmax(axis=1)[rows] == columns
        rows, columns = rows[best], columns[best]
    # stable: ties stay in the order of predictions, then of persons
    order = np.argsort(-pckh[rows, columns], kind='stable')
    pairs, used_rows, used_columns = [], set(), set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist()):
        if row not in used_rows and column not in used_columns:
            pairs.append((row, column))
            used_rows.add(row)
            used_columns.add(column)
    return pairs


def weighted_average_precision(hits: np.ndarray, scores: np.ndarray,
                               weights: np.ndarray, total: float) -> float:
    """Area under the monotone envelope of a weighted precision-recall curve.

    Args:
        hits (np.ndarray): Which predictions are hits, (n,) bool.
        scores (np.ndarray): Their scores, (n,).
        weights (np.ndarray): How much each counts, (n,), >= 0.
        total (float): The weight of all that could be hit.

    Returns:
        float: In [0, 1]; NaN if there is nothing to be hit.
    """
    if total == 0:
        return float('nan')
    counts = weights > 0
    hits, scores, weights = hits[counts], scores[counts], weights[counts]
    # as poseval_ap: of equal scores the last one given comes first
    order = np.argsort(scores, kind='stable')[::-1]
    found = np.cumsum(weights[order] * hits[order])
    precision = found / np.cumsum(weights[order])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(found / total, prepend=0.) * envelope))


def _frame_hits(frame: HiEveFrame, names: Sequence[str],
                head_size: HiEveHeadSize, alphas: Sequence[float],
                assignment: str) -> np.ndarray:
    """Which joints of predictions are hits, (M, A, K) bool."""
    num_pred = len(frame.pred_keypoints)
    result = np.zeros((num_pred, len(alphas), len(names)), dtype=bool)
    if not num_pred or not len(frame.keypoints):
        return result
    sizes = head_size(frame.keypoints, frame.present, frame.boxes, names)
    offsets = frame.pred_keypoints[:, None] - frame.keypoints[None]
    # a head without extent makes the distance infinite or NaN: no hit
    with np.errstate(divide='ignore', invalid='ignore'):
        distances = np.linalg.norm(offsets, axis=-1) / sizes[None, :, None]
    joints = np.maximum(frame.present.sum(axis=1), 1)
    for place, alpha in enumerate(alphas):
        hit = (distances <= alpha) & frame.present[None]
        pckh = hit.sum(axis=2) / joints
        for row, column in assign_persons(pckh, assignment):
            result[row, place] = hit[row, column]
    return result
