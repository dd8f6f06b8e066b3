"""What a tracker of persons is: boxes in, boxes with identities out.

Shape shorthand: N boxes of a frame.

No tracking: each box is somebody else.

Shape shorthand: N boxes of a frame.

How much alike persons of two frames are, and who is whom.

Shape shorthand: A persons known, B persons of the frame, K keypoints, C
channels, h x w cells of a crop's maps, D numbers of a descriptor.

Where a person's box is expected next.

A Kalman filter (OpenCV's) of the box's centre, which moves at constant
velocity, and of its width and height, which stay as they are: sizes that are
extrapolated over several frames run away. Uncertainties are proportional to
the box's height, with the factors of DeepSORT (Wojke et al., ICIP 2017): a
twentieth of it for positions, a 160th per frame for velocities.

The persons that a tracker remembers, and who of them gets what.

Shape shorthand: A tracks, N persons of a frame.
"""
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Callable, Generic, List, Optional, Tuple, TypeVar

import cv2
import numpy as np
import torch
from mmpose.evaluation.functional.nms import oks_iou
from scipy.optimize import linear_sum_assignment
from torch.nn.functional import adaptive_avg_pool2d
from torchvision.ops import box_iou as torch_box_iou

from ..structures import FramePoses, TrackedBox


class PersonTracker(ABC):
    """Gives boxes the identities of persons, frame after frame.

    A frame goes either into :meth:`update`, with the boxes that were found in
    it, or into :meth:`carry`. Both look at boxes only, and at once: who is
    whom has to be known before poses are estimated along a person's crops.
    Trackers that associate poses do so afterwards, in :meth:`observe`, which
    may run in another thread and any number of frames behind.

    Attributes:
        needs_motion (bool): Whether :meth:`observe` looks at
            :attr:`PersonPose.motion`.
    """

    needs_motion: bool = False

    def __init__(self) -> None:
        self._last_index: Optional[int] = None

    @abstractmethod
    def update(self,
               frame_index: int,
               boxes: np.ndarray,
               scores: np.ndarray,
               image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """Take in a frame whose persons have been detected.

        Args:
            frame_index (int): The frame's index in its source, larger than
                that of the frame before; what lies between counts as time.
            boxes (np.ndarray): x1, y1, x2, y2 in pixels of the frame, (N, 4).
            scores (np.ndarray): The boxes' scores, (N, ).
            image (np.ndarray, optional): The frame, (H, W, 3), uint8, BGR.

        Returns:
            list[TrackedBox]: The boxes with identities, ``source`` being
            ``'detected'``, in the order given; trackers that leave boxes out
            say so.

        Raises:
            ValueError: If the index does not ascend, or boxes and scores are
                not of these shapes, not finite, or without area.
        """

    @abstractmethod
    def carry(self,
              frame_index: int,
              image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """Take in a frame in which nobody was looked for.

        Args:
            frame_index (int): As in :meth:`update`.
            image (np.ndarray, optional): The frame, (H, W, 3), uint8, BGR.

        Returns:
            list[TrackedBox]: Where the persons of the last frame with
            detections are expected, ``source`` being ``'carried'``.

        Raises:
            ValueError: If the index does not ascend.
        """

    def observe(self, frame_poses: FramePoses) -> FramePoses:
        """Take in the poses of a frame, and give them their identities.

        Args:
            frame_poses (FramePoses): The frames' poses in order of time.

        Returns:
            FramePoses: The same persons in the same order with the final
            track ids; the same object where poses play no part.
        """
        return frame_poses

    def reset(self) -> None:
        """Forget everything: what comes next is another video."""
        self._last_index = None

    def _advance(self, frame_index: int) -> int:
        """Frames that passed since the last one; 1 for the first."""
        last = self._last_index
        if last is not None and frame_index <= last:
            raise ValueError(f'frames must ascend, got frame {frame_index} '
                             f'after {last}; reset() starts another video')
        self._last_index = frame_index
        return 1 if last is None else frame_index - last


def check_boxes(boxes: np.ndarray, scores: np.ndarray,
                frame_index: int) -> Tuple[np.ndarray, np.ndarray]:
    """Boxes and scores as float64, or an error that names what is wrong.

    Args:
        boxes (np.ndarray): (N, 4); for N = 0 any empty array.
        scores (np.ndarray): (N, ).
        frame_index (int): For the error.

    Raises:
        ValueError: If they are not of these shapes, not finite, or a box has
            no area.
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    scores = np.asarray(scores, dtype=np.float64)
    if not boxes.size:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[
            1] != 4 or scores.shape != boxes.shape[:1]:
        raise ValueError(
            f'frame {frame_index}: expected boxes (N, 4) and scores (N, ), '
            f'got {boxes.shape} and {scores.shape}')
    wrong = ~(
        np.isfinite(boxes).all(axis=1) & np.isfinite(scores) &
        (boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f'frame {frame_index}: box {boxes[row].tolist()} with score '
            f'{scores[row]}, expected finite x1 < x2 and y1 < y2')
    return boxes, scores


def make_box(track_id: int, bbox: np.ndarray, score: float,
             source: str) -> TrackedBox:
    """A :class:`TrackedBox` of plain numbers."""
    x1, y1, x2, y2 = bbox.tolist()
    return TrackedBox(int(track_id), (x1, y1, x2, y2), float(score), source)


class Untracked(PersonTracker):
    """Gives every box an identity of its own.

    Frames without detections get the last boxes, unmoved.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next_id = 0
        self._boxes = np.zeros((0, 4))
        self._scores = np.zeros(0)

    def update(self,
               frame_index: int,
               boxes: np.ndarray,
               scores: np.ndarray,
               image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.update`; all boxes are given out."""
        self._boxes, self._scores = check_boxes(boxes, scores, frame_index)
        self._advance(frame_index)
        return self._number('detected')

    def carry(self,
              frame_index: int,
              image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.carry`."""
        self._advance(frame_index)
        return self._number('carried')

    def reset(self) -> None:
        """As :meth:`PersonTracker.reset`."""
        super().reset()
        self._next_id = 0
        self._boxes, self._scores = np.zeros((0, 4)), np.zeros(0)

    def _number(self, source: str) -> List[TrackedBox]:
        first = self._next_id
        self._next_id += len(self._boxes)
        return [
            make_box(first + i, box, score, source)
            for i, (box, score) in enumerate(zip(self._boxes, self._scores))
        ]


#: Cells that a motion feature is averaged over, rows and columns.
MOTION_CELLS = (4, 3)


def assign(similarity: np.ndarray,
           allowed: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The one-to-one pairs with the largest total similarity.

    Args:
        similarity (np.ndarray): (A, B), not negative.
        allowed (np.ndarray): Which pairs may be made, (A, B) bool.

    Returns:
        tuple[np.ndarray, np.ndarray]: Rows and columns of the pairs.
    """
    rows, columns = linear_sum_assignment(
        np.where(allowed, similarity, 0.), maximize=True)
    made = allowed[rows, columns]
    return rows[made], columns[made]


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union.

    Args:
        first (np.ndarray): x1, y1, x2, y2, (A, 4).
        second (np.ndarray): The same, (B, 4).

    Returns:
        np.ndarray: (A, B), in [0, 1].
    """
    return torch_box_iou(
        torch.from_numpy(np.reshape(first, (-1, 4)).astype(np.float64)),
        torch.from_numpy(np.reshape(second,
                                    (-1, 4)).astype(np.float64))).numpy()


def pose_oks(first: np.ndarray,
             first_areas: np.ndarray,
             second: np.ndarray,
             second_areas: np.ndarray,
             sigmas: Optional[np.ndarray] = None,
             score_thr: float = 0.) -> np.ndarray:
    """Object keypoint similarity of predicted poses.

    Args:
        first (np.ndarray): x, y and score, (A, K, 3).
        first_areas (np.ndarray): Areas of the persons' boxes in square
            pixels, (A, ).
        second (np.ndarray): (B, K, 3).
        second_areas (np.ndarray): (B, ).
        sigmas (np.ndarray, optional): The keypoints' tolerances, (K, ).
            Defaults to ``None``, COCO's, for K = 17.
        score_thr (float): Keypoints count whose scores are above it in both.
            Defaults to 0.

    Returns:
        np.ndarray: (A, B), in [0, 1]; 0 where no keypoint counts.
    """
    flat = second.reshape(len(second), -1)
    rows = [
        oks_iou(pose.ravel(), flat, area, second_areas, sigmas, score_thr)
        for pose, area in zip(first, first_areas)
    ]
    return np.reshape(rows, (len(first), len(second))).astype(np.float64)


def motion_descriptor(motion: np.ndarray) -> np.ndarray:
    """A motion feature as a few numbers that say where what moves.

    Args:
        motion (np.ndarray): The neck's motion feature over a crop, (C, h, w).

    Returns:
        np.ndarray: Its means over :data:`MOTION_CELLS`, flattened, (D, ),
        float32.
    """
    feature = torch.from_numpy(np.ascontiguousarray(motion, np.float32))
    return adaptive_avg_pool2d(feature, MOTION_CELLS).flatten().numpy()


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine similarity, as a share of its range.

    Args:
        first (np.ndarray): (A, D).
        second (np.ndarray): (B, D).

    Returns:
        np.ndarray: (A, B), 0 (opposite) to 1 (same direction); 0.5 where a
        descriptor is zero, which says nothing.
    """

    def normalised(x: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(x, axis=1, keepdims=True)
        return x / np.where(length > 0, length, 1)

    return (1 + normalised(first) @ normalised(second).T) / 2


POSITION_NOISE = 1 / 20
VELOCITY_NOISE = 1 / 160
#: A new track's velocity is unknown to within this many times its noise.
UNKNOWN_VELOCITY = 10
_TRANSITION = np.eye(6)
_TRANSITION[0, 4] = _TRANSITION[1, 5] = 1


class BoxMotion:
    """A box that moves.

    Args:
        bbox (np.ndarray): x1, y1, x2, y2 in pixels, where it was first seen.
    """

    def __init__(self, bbox: np.ndarray) -> None:
        self._filter = cv2.KalmanFilter(6, 4, 0, cv2.CV_64F)
        self._filter.transitionMatrix = _TRANSITION.copy()
        self._filter.measurementMatrix = np.eye(4, 6)
        state = _to_state(bbox)
        self._filter.statePost = np.concatenate([state, np.zeros((2, 1))])
        self._filter.errorCovPost = np.diag(
            self._noise(2 * POSITION_NOISE, UNKNOWN_VELOCITY * VELOCITY_NOISE))

    @property
    def bbox(self) -> np.ndarray:
        """np.ndarray: x1, y1, x2, y2 in pixels at the current frame, (4, ),
        at least one pixel wide and high."""
        x, y, width, height = self._filter.statePost[:4, 0]
        half = np.maximum([width, height], 1) / 2
        return np.concatenate([[x, y] - half, [x, y] + half])

    @property
    def velocity(self) -> Tuple[float, float]:
        """tuple[float, float]: The centre's, in pixels per frame."""
        return tuple(self._filter.statePost[4:, 0].tolist())

    def predict(self, num_frames: int = 1) -> None:
        """Let time pass.

        Args:
            num_frames (int): How many frames. Defaults to 1.
        """
        for _ in range(num_frames):
            self._filter.processNoiseCov = np.diag(
                self._noise(POSITION_NOISE, VELOCITY_NOISE))
            # OpenCV takes the prediction for the state until it is corrected
            self._filter.predict()

    def correct(self, bbox: np.ndarray) -> None:
        """Take in where the box was seen.

        Args:
            bbox (np.ndarray): x1, y1, x2, y2 in pixels of the current frame.
        """
        self._filter.measurementNoiseCov = np.diag(
            self._noise(POSITION_NOISE, VELOCITY_NOISE)[:4])
        self._filter.correct(_to_state(bbox))

    def _noise(self, position: float, velocity: float) -> np.ndarray:
        """Variances of the six numbers."""
        height = max(float(self._filter.statePost[3, 0]), 1.)
        return (height * np.array([position] * 4 + [velocity] * 2))**2


def _to_state(bbox: np.ndarray) -> np.ndarray:
    """Centre, width and height as a column."""
    low, high = np.asarray(bbox[:2]), np.asarray(bbox[2:])
    return np.concatenate([(low + high) / 2, high - low])[:, None]


@dataclass(eq=False)
class Track:
    """A person who is remembered.

    Args:
        track_id (int): Who it is.
        last_index (int): The frame in which the person was last seen.
    """
    track_id: int
    last_index: int


AnyTrack = TypeVar('AnyTrack', bound=Track)
#: ``similarity(tracks)`` -> how much alike these and the frame's persons are,
#: (A, N), and which pairs may be made, (A, N) bool.
Similarity = Callable[[List[AnyTrack]], Tuple[np.ndarray, np.ndarray]]


class TrackTable(Generic[AnyTrack]):
    """Tracks in the order of their ids.

    Args:
        max_age (int): Frames for which a person who is not seen is
            remembered.

    Attributes:
        tracks (list[Track]): The tracks.
        next_id (int): The id that the next person gets.
        last_index (int, optional): The last frame that persons were looked
            for in.

    Raises:
        ValueError: If ``max_age`` is below 1.
    """

    def __init__(self, max_age: int) -> None:
        if max_age < 1:
            raise ValueError(f'max_age must be at least 1, got {max_age}')
        self.max_age = max_age
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self.tracks: List[AnyTrack] = []
        self.next_id = 0
        self.last_index: Optional[int] = None

    @property
    def seen(self) -> List[AnyTrack]:
        """list[Track]: Those of the last frame."""
        return [t for t in self.tracks if t.last_index == self.last_index]

    def add(self, track: AnyTrack) -> AnyTrack:
        """Remember somebody who has :attr:`next_id`."""
        self.tracks.append(track)
        self.next_id += 1
        return track

    def owners(self, frame_index: int, num_persons: int,
               similarity: Similarity) -> List[Optional[AnyTrack]]:
        """Whose track each person of a frame continues.

        Those who were seen in the last frame choose first, then those who
        were lost before.

        Args:
            frame_index (int): The frame.
            num_persons (int): N.
            similarity (Callable): How much alike they are.

        Returns:
            list[Track | None]: N tracks, None for who is new.
        """
        seen = self.seen
        self.tracks = [
            t for t in self.tracks
            if frame_index - t.last_index <= self.max_age
        ]
        self.last_index = frame_index
        owners: List[Optional[AnyTrack]] = [None] * num_persons
        for tracks in ([t for t in self.tracks if t in seen],
                       [t for t in self.tracks if t not in seen]):
            if not tracks or None not in owners:
                continue
            values, allowed = similarity(tracks)
            free = np.array([owner is None for owner in owners])
            for row, column in zip(*assign(values, allowed & free)):
                owners[column] = tracks[row]
        return owners
