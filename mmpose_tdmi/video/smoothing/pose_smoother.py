"""What smoothing of poses along tracks is.

Smoothing moves keypoints and nothing else. It runs along one track at a time;
where a track pauses, be it for one frame, it starts again.

Shape shorthand: K keypoints, H x W pixels of a frame.
"""
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Iterable, Iterator, List, Tuple

import numpy as np

from mmpose_tdmi.video.structures import FramePoses

#: A frame's poses and the frame, (H, W, 3).
PosedFrame = Tuple[FramePoses, np.ndarray]


class PoseSmoother(ABC):
    """Smooths the keypoints of a video's poses.

    Attributes:
        lookahead (int): Frames that are held back: a frame comes out when
            that many more have come in, or there are no more.
    """

    lookahead: int = 0

    @abstractmethod
    def iterate(self, frames: Iterable[PosedFrame]) -> Iterator[PosedFrame]:
        """Smooth a video.

        All that is remembered belongs to this call, so that a smoother serves
        many videos.

        Args:
            frames (Iterable[tuple[FramePoses, np.ndarray]]): Poses and
                images in order of time, :attr:`FramePoses.index` ascending by
                one where no frame was left out.

        Returns:
            Iterator[tuple[FramePoses, np.ndarray]]: The same frames in the
            same order, the persons with smoothed keypoints; what was put in
            is left as it is.

        Raises:
            ValueError: While iterating, if frames do not ascend.
        """


class NoSmoother(PoseSmoother):
    """Passes frames through."""

    def iterate(self, frames: Iterable[PosedFrame]) -> Iterator[PosedFrame]:
        """The frames as they are."""
        return iter(frames)


def reliability(scores: np.ndarray, score_thr: float) -> np.ndarray:
    """How far keypoints are to be believed.

    Args:
        scores (np.ndarray): Any shape.
        score_thr (float): From here a keypoint is fully believed; 0: always.

    Returns:
        np.ndarray: ``scores / score_thr`` in [0, 1], of that shape.
    """
    if score_thr <= 0:
        return np.ones(np.shape(scores))
    return np.clip(np.asarray(scores, float) / score_thr, 0, 1)


def with_keypoints(poses: FramePoses,
                   keypoints: List[np.ndarray]) -> FramePoses:
    """The same persons with other keypoints.

    Args:
        poses (FramePoses): A frame's poses.
        keypoints (list[np.ndarray]): Those of each person, (K, 2).
    """
    persons = [
        replace(person, keypoints=values.astype(person.keypoints.dtype))
        for person, values in zip(poses.persons, keypoints)
    ]
    return replace(poses, persons=persons)


def follows(before: PosedFrame, after: PosedFrame) -> bool:
    """bool: Whether tracks go on from a frame to the next.

    Raises:
        ValueError: If the indices do not ascend.
    """
    first, second = before[0].index, after[0].index
    if second <= first:
        raise ValueError(
            f'frames must ascend, got frame {second} after {first}')
    return second == first + 1 and before[1].shape == after[1].shape
