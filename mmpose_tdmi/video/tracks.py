"""What trackers are made of: likeness, expected boxes, remembered persons.

Shapes: A persons known, B persons of the frame, K keypoints, C channels,
h x w cells of a crop's maps, D numbers of a descriptor.
"""
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

import cv2
import numpy as np
import torch
from mmpose.evaluation.functional.nms import oks_iou
from mmpose.structures.bbox import bbox_cs2xyxy, bbox_xyxy2cs
from scipy.optimize import linear_sum_assignment
from torch.nn.functional import adaptive_avg_pool2d, cosine_similarity
from torchvision.ops import box_iou as torch_box_iou


def assign(similarity: np.ndarray,
           allowed: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the one-to-one pairs with the largest total
    similarity, (A, B), not negative, of those that are allowed, (A, B)."""
    rows, columns = linear_sum_assignment(
        np.where(allowed, similarity, 0.), maximize=True)
    made = allowed[rows, columns]
    return rows[made], columns[made]


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union, (A, B), of x1, y1, x2, y2, (A, 4), (B, 4)."""
    return torch_box_iou(
        *(torch.from_numpy(np.reshape(boxes, (-1, 4)).astype(np.float64))
          for boxes in (first, second))).numpy()


def pose_oks(first: np.ndarray,
             first_areas: np.ndarray,
             second: np.ndarray,
             second_areas: np.ndarray,
             sigmas: Optional[np.ndarray] = None,
             score_thr: float = 0.) -> np.ndarray:
    """Object keypoint similarity of predicted poses, (A, B), in [0, 1].

    Poses are x, y and score, (A, K, 3) and (B, K, 3), areas those of the
    boxes, (A, ) and (B, ), sigmas, (K, ), by default COCO's. Keypoints count
    whose scores are above ``score_thr`` in both; without one, it is 0.
    """
    flat = second.reshape(len(second), -1)
    rows = [
        oks_iou(pose.ravel(), flat, area, second_areas, sigmas, score_thr)
        for pose, area in zip(first, first_areas)
    ]
    return np.reshape(rows, (len(first), len(second))).astype(np.float64)


def motion_descriptor(motion: np.ndarray) -> np.ndarray:
    """Means of a motion feature (C, h, w) over 4 x 3 cells, (D, ), float32."""
    feature = torch.from_numpy(np.ascontiguousarray(motion, np.float32))
    return adaptive_avg_pool2d(feature, (4, 3)).flatten().numpy()


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine similarity of (A, D) and (B, D), (A, B), from 0 (opposite) to 1
    (same direction); 0.5 where a descriptor is zero, which says nothing."""
    alike = cosine_similarity(
        torch.from_numpy(first)[:, None], torch.from_numpy(second), dim=2)
    return (1 + alike.numpy()) / 2


class BoxMotion:
    """Where a person's box is expected next.

    A Kalman filter (OpenCV's) of the box's centre, which moves at constant
    velocity, and of its width and height, which stay: extrapolated sizes run
    away. Uncertainties are proportional to the box's height, as in DeepSORT
    (Wojke et al., ICIP 2017). Boxes are x1, y1, x2, y2 in pixels, (4, ).
    """

    def __init__(self, bbox: np.ndarray) -> None:
        self._filter = cv2.KalmanFilter(6, 4, 0, cv2.CV_64F)
        self._filter.transitionMatrix = np.eye(6) + np.eye(6, k=4)
        self._filter.measurementMatrix = np.eye(4, 6)
        state = _to_state(bbox)
        self._filter.statePost = np.concatenate([state, np.zeros((2, 1))])
        # of a velocity nothing is known
        self._filter.errorCovPost = np.diag(self._noise(2 / 20, 10 / 160))

    @property
    def bbox(self) -> np.ndarray:
        """The box in the current frame, at least one pixel wide and high."""
        center, size = self._filter.statePost[:4, 0].reshape(2, 2)
        return bbox_cs2xyxy(center, np.maximum(size, 1))

    def predict(self, num_frames: int = 1) -> None:
        for _ in range(num_frames):
            self._filter.processNoiseCov = np.diag(self._noise())
            # OpenCV takes the prediction for the state until it is corrected
            self._filter.predict()

    def correct(self, bbox: np.ndarray) -> None:
        """Take in where the box was seen in the current frame."""
        self._filter.measurementNoiseCov = np.diag(self._noise()[:4])
        self._filter.correct(_to_state(bbox))

    def _noise(self,
               position: float = 1 / 20,
               velocity: float = 1 / 160) -> np.ndarray:
        """Variances of the six numbers."""
        height = max(float(self._filter.statePost[3, 0]), 1.)
        return (height * np.array([position] * 4 + [velocity] * 2))**2


def _to_state(bbox: np.ndarray) -> np.ndarray:
    return np.concatenate(bbox_xyxy2cs(np.asarray(bbox)))[:, None]


@dataclass(eq=False)
class Track:
    """A person who is remembered."""
    track_id: int
    last_index: int  # the frame in which the person was last seen
    last_seen: np.ndarray  # the box in it, (4, )
    motion: BoxMotion  # where the box is expected
    score: float = 0.
    pose: Optional[np.ndarray] = None  # x, y and score, (K, 3)
    descriptor: Optional[np.ndarray] = None  # of the motion, (D, )


#: ``similarity(tracks)`` -> how much alike these and the frame's persons are,
#: (A, B), and which pairs may be made, (A, B) bool.
Similarity = Callable[[List[Track]], Tuple[np.ndarray, np.ndarray]]


class TrackTable:
    """Tracks in the order of their ids, forgotten after ``max_age`` frames;
    ``last_index`` is the last frame that persons were looked for in."""

    def __init__(self, max_age: int) -> None:
        if max_age < 1:
            raise ValueError(f'max_age must be at least 1, got {max_age}')
        self.max_age = max_age
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self.tracks: List[Track] = []
        self.last_index: Optional[int] = None
        self._next_id = 0

    @property
    def seen(self) -> List[Track]:
        """Those of the last frame."""
        return [t for t in self.tracks if t.last_index == self.last_index]

    def predict(self, num_frames: int) -> None:
        for track in self.tracks:
            # who has not been seen for longer is about to be forgotten
            track.motion.predict(min(num_frames, self.max_age))

    def update(self, frame_index: int, boxes: np.ndarray,
               similarity: Similarity) -> List[Track]:
        """The tracks of a frame's persons, (B, 4), old or new ones."""
        seen = self.seen
        oldest = frame_index - self.max_age
        self.tracks = [t for t in self.tracks if t.last_index >= oldest]
        self.last_index = frame_index
        owners: List[Optional[Track]] = [None] * len(boxes)
        for tracks in ([t for t in self.tracks if t in seen],
                       [t for t in self.tracks if t not in seen]):
            if not tracks or None not in owners:
                continue
            values, allowed = similarity(tracks)
            free = np.array([owner is None for owner in owners])
            for row, column in zip(*assign(values, allowed & free)):
                owners[column] = tracks[row]
        found = []
        for track, box in zip(owners, boxes):
            if track is None:
                track = Track(self._next_id, frame_index, box, BoxMotion(box))
                self._next_id += 1
                self.tracks.append(track)
            else:
                track.motion.correct(box)
                track.last_index, track.last_seen = frame_index, box
            found.append(track)
        return found
