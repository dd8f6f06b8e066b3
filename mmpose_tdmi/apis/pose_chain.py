"""The steps from decoded frames to poses, each pulling the one before.

Bounded memory: what is between two steps are the frames that the later one
must see beforehand.

Shape shorthand: none.
"""
from collections import deque
from dataclasses import replace
from typing import Deque, Iterable, Iterator, Tuple

import numpy as np

from mmpose_tdmi.video.decoding import DecodedFrame
from mmpose_tdmi.video.smoothing import PoseSmoother
from mmpose_tdmi.video.streaming import StreamingPoseEstimator
from mmpose_tdmi.video.structures import FramePoses
from mmpose_tdmi.video.tracking import PersonTracker
from .person_finder import PersonFinder


class PoseChain:
    """Takes frames through finding, tracking, estimation and smoothing.

    Args:
        finder (PersonFinder): Finds the persons.
        tracker (PersonTracker): The finder's; gives the final ids.
        estimator (StreamingPoseEstimator): Estimates the poses.
        smoother (PoseSmoother): Smooths them.
        frame_step (int): Difference of the numbers of consecutive frames.
            Defaults to 1.
        start (int): The first frame index that goes through the model.
            Defaults to 0.
    """

    def __init__(self,
                 finder: PersonFinder,
                 tracker: PersonTracker,
                 estimator: StreamingPoseEstimator,
                 smoother: PoseSmoother,
                 frame_step: int = 1,
                 start: int = 0) -> None:
        self._finder = finder
        self._tracker = tracker
        self._estimator = estimator
        self._smoother = smoother
        self._frame_step = frame_step
        self._start = start
        # frames under way, without their images
        self._decoded: Deque[DecodedFrame] = deque()

    def iterate(
        self, frames: Iterable[DecodedFrame]
    ) -> Iterator[Tuple[DecodedFrame, FramePoses, np.ndarray]]:
        """Estimate the poses of all frames.

        Args:
            frames (Iterable[DecodedFrame]): The frames in order.

        Yields:
            tuple[DecodedFrame, FramePoses, np.ndarray]: Each frame from
            ``start`` on, without its image; its poses; its image.
        """
        tracked = (
            frame for frame in self._finder.iterate(self._noted(frames))
            if frame.index >= self._start)
        estimated = self._estimator.iterate_poses(tracked, self._frame_step)
        identified = ((self._tracker.observe(poses), image)
                      for poses, image in estimated)
        for poses, image in self._smoother.iterate(identified):
            yield self._decoded.popleft(), poses, image

    def _noted(self, frames: Iterable[DecodedFrame]) -> Iterator[DecodedFrame]:
        for frame in frames:
            if frame.index >= self._start:
                self._decoded.append(replace(frame, image=None))
            yield frame
