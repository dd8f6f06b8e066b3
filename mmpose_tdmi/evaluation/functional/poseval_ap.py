"""PoseTrack's average precision, after the official toolkit (poseval).

PoseTrack17 and 18 are scored by the ``poseval`` toolkit; its algorithm and
its corner cases are reproduced here, in numpy. They are facts of the metric,
not choices of this package:

* A predicted person is matched to the ground-truth person of which it hits
  the largest share of joints, and each ground-truth person keeps the one
  prediction that hits it most. Ties go to the lowest index, scores play no
  part, and a prediction that loses is a false positive even where another
  person is free.
* A joint of a matched prediction counts as hit or not by its own distance; a
  matched person that lacks the joint makes it a false positive.
* All frames are pooled. A joint's AP is the area under the monotone envelope
  of its precision over its recall, at all points.
* A joint without any ground truth is NaN if it was predicted anywhere and 0
  otherwise: the NaN is left out of the total, the 0 counts.
* Equal scores are ranked in reversed order of appearance. The original's
  sort is not stable, so that there ties depend on the machine; here the sort
  is, and the order is that of the frames and persons given.

Shape shorthand: N ground-truth persons and M predicted persons of a frame,
J = 15 joints in the order of :data:`POSEVAL_JOINTS`, P corners of a polygon.
"""
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Sequence, Tuple

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

#: A joint is hit within this share of the head size, inclusive.
HIT_THRESHOLD = 0.5
#: Head size over the diagonal of the head box.
HEAD_SIZE_FACTOR = 0.6
#: The score that a predicted joint without a score gets.
MISSING_SCORE = -9999.


@dataclass
class PoseFrame:
    """Ground truth and predictions of one frame, in pixels of its image.

    Args:
        gt_keypoints (np.ndarray): Annotated joints, (N, J, 2), x and y.
        gt_present (np.ndarray): Which of them are annotated, (N, J) bool.
        head_boxes (np.ndarray): Head boxes as x1, y1, x2, y2, (N, 4).
        pred_keypoints (np.ndarray): Predicted joints, (M, J, 2).
        pred_present (np.ndarray): Which of them are predicted, (M, J) bool.
        pred_scores (np.ndarray): Their scores, any real numbers, (M, J).
        ignore_regions (list[np.ndarray]): Polygons, each (P, 2), P >= 3;
            joints strictly inside one are not scored.

    Raises:
        ValueError: If the shapes do not agree.
    """
    gt_keypoints: np.ndarray
    gt_present: np.ndarray
    head_boxes: np.ndarray
    pred_keypoints: np.ndarray
    pred_present: np.ndarray
    pred_scores: np.ndarray
    ignore_regions: List[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        joints = len(POSEVAL_JOINTS)
        persons, predicted = len(self.gt_keypoints), len(self.pred_keypoints)
        expected = dict(
            gt_keypoints=(persons, joints, 2),
            gt_present=(persons, joints),
            head_boxes=(persons, 4),
            pred_keypoints=(predicted, joints, 2),
            pred_present=(predicted, joints),
            pred_scores=(predicted, joints))
        for name, shape in expected.items():
            found = np.shape(getattr(self, name))
            if found != shape:
                raise ValueError(f'{name} has shape {found}, expected {shape}')


@dataclass
class PosevalResult:
    """The AP of each joint and what PoseTrack's tables make of it.

    Args:
        ap (np.ndarray): AP of each joint in percent, (J,); NaN for a joint
            that was predicted but has no ground truth.
        num_gt (np.ndarray): Annotated joints that were scored, (J,).
        num_pred (np.ndarray): Predicted joints that were scored, (J,).
        num_frames (int): Frames that were scored.
    """
    ap: np.ndarray
    num_gt: np.ndarray
    num_pred: np.ndarray
    num_frames: int

    @property
    def mean(self) -> float:
        """float: The total: mean AP of the joints that are not NaN."""
        valid = self.ap[~np.isnan(self.ap)]
        return float(valid.mean()) if len(valid) else float('nan')

    def groups(self) -> Dict[str, float]:
        """AP of the seven groups; NaN where a joint of the group is NaN."""
        index = {name: i for i, name in enumerate(POSEVAL_JOINTS)}
        return {
            group: float(self.ap[[index[name] for name in names]].mean())
            for group, names in POSEVAL_GROUPS.items()
        }


def poseval_ap(frames: Iterable[PoseFrame]) -> PosevalResult:
    """Average precision over all frames given.

    Frames in which no person is annotated must be left out by the caller, as
    poseval leaves them out; frames whose persons have no annotated joint
    stay.

    Args:
        frames (Iterable[PoseFrame]): The frames of all sequences.

    Returns:
        PosevalResult: AP in percent.
    """
    num_joints = len(POSEVAL_JOINTS)
    num_gt = np.zeros(num_joints, dtype=np.int64)
    hits = [np.zeros((0, num_joints), dtype=bool)]
    present = [np.zeros((0, num_joints), dtype=bool)]
    scores = [np.zeros((0, num_joints))]
    num_frames = 0
    for frame in frames:
        frame = drop_ignored(frame)
        num_gt += frame.gt_present.sum(axis=0)
        hits.append(match_frame(frame))
        present.append(frame.pred_present)
        scores.append(frame.pred_scores)
        num_frames += 1
    hits = np.concatenate(hits)
    present = np.concatenate(present)
    scores = np.concatenate(scores)
    ap = np.array([
        average_precision(hits[present[:, j], j], scores[present[:, j], j],
                          int(num_gt[j])) for j in range(num_joints)
    ])
    return PosevalResult(
        ap=100 * ap,
        num_gt=num_gt,
        num_pred=present.sum(axis=0),
        num_frames=num_frames)


def drop_ignored(frame: PoseFrame) -> PoseFrame:
    """Drop joints inside ignore regions, and the persons left without any.

    A person without joints goes only from frames that have regions, on
    either side; in other frames such a person stays (as in poseval).

    Args:
        frame (PoseFrame): A frame.

    Returns:
        PoseFrame: The frame without them (itself if it has no regions).
    """
    if not frame.ignore_regions:
        return frame
    polygons = [shapely.Polygon(region) for region in frame.ignore_regions]
    gt_present, gt_kept = _outside(frame.gt_keypoints, frame.gt_present,
                                   polygons)
    pred_present, pred_kept = _outside(frame.pred_keypoints,
                                       frame.pred_present, polygons)
    return PoseFrame(
        gt_keypoints=frame.gt_keypoints[gt_kept],
        gt_present=gt_present[gt_kept],
        head_boxes=frame.head_boxes[gt_kept],
        pred_keypoints=frame.pred_keypoints[pred_kept],
        pred_present=pred_present[pred_kept],
        pred_scores=frame.pred_scores[pred_kept])


def _outside(
        keypoints: np.ndarray, present: np.ndarray,
        polygons: Sequence[shapely.Polygon]) -> Tuple[np.ndarray, np.ndarray]:
    """Joints (persons, J) outside all polygons, persons that have any."""
    present = present.copy()
    x, y = np.moveaxis(np.asarray(keypoints, dtype=np.float64), -1, 0)
    for polygon in polygons:
        shapely.prepare(polygon)
        # contains: points on the border are not inside
        present &= ~shapely.contains_xy(polygon, x, y)
    return present, present.any(axis=1)


def match_frame(frame: PoseFrame) -> np.ndarray:
    """Match predicted to annotated persons and tell hits from misses.

    Args:
        frame (PoseFrame): A frame, ignore regions already applied.

    Returns:
        np.ndarray: (M, J) bool, True where the prediction is matched to a
        person and this joint is within reach of that person's.
    """
    num_gt, num_pred = len(frame.gt_keypoints), len(frame.pred_keypoints)
    result = np.zeros((num_pred, len(POSEVAL_JOINTS)), dtype=bool)
    if not num_gt or not num_pred:
        return result
    head_boxes = np.asarray(frame.head_boxes, dtype=np.float64)
    head_sizes = HEAD_SIZE_FACTOR * np.linalg.norm(
        head_boxes[:, 2:] - head_boxes[:, :2], axis=-1)
    offsets = (
        np.asarray(frame.pred_keypoints, dtype=np.float64)[:, None] -
        np.asarray(frame.gt_keypoints, dtype=np.float64)[None])
    # a head box without extent makes the distance infinite or NaN: no hit
    with np.errstate(divide='ignore', invalid='ignore'):
        distances = (
            np.linalg.norm(offsets, axis=-1) / head_sizes[None, :, None])
        hit = distances <= HIT_THRESHOLD
    hit &= frame.pred_present[:, None] & frame.gt_present[None]

    # (M, N): share of the person's joints that the prediction hits
    pck = hit.sum(axis=2) / np.maximum(frame.gt_present.sum(axis=1), 1)
    chosen = pck.argmax(axis=1)
    best = np.zeros_like(pck)
    rows = np.arange(num_pred)
    best[rows, chosen] = pck[rows, chosen]
    matched_pred = best.argmax(axis=0)
    matched_gt = np.flatnonzero(best.max(axis=0) > 0)
    matched_pred = matched_pred[matched_gt]
    result[matched_pred] = hit[matched_pred, matched_gt]
    return result


def average_precision(hits: np.ndarray, scores: np.ndarray,
                      num_gt: int) -> float:
    """Area under the monotone envelope of a precision-recall curve.

    Args:
        hits (np.ndarray): Which predictions are hits, (n,) bool.
        scores (np.ndarray): Their scores, (n,).
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
