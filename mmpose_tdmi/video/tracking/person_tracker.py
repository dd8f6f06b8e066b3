"""What a tracker of persons is: boxes in, boxes with identities out.

Shape shorthand: N boxes of a frame.
"""
from abc import ABC, abstractmethod
from typing import List, Optional, Tuple

import numpy as np

from mmpose_tdmi.video.structures import FramePoses, TrackedBox


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
