"""Detection on several frames at once, some of them before their turn.

A detector that gets one image at a time leaves most of a GPU idle. Finished
videos can be looked at ahead; what is found waits for its frame's turn, so
that all that follows, the tracker first, sees the same as frame by frame.

Shape shorthand: n boxes of a frame.

Who is where in each frame: the step between decoding and poses.

Boxes come from a detector, on every N-th frame, or from the caller; a tracker
gives them ids and carries them over the frames between. Boxes that come with
ids keep them.

Shape shorthand: n boxes of a frame, H x W pixels of a frame.
"""
import logging
from collections import deque
from dataclasses import replace
from typing import (Any, Callable, Deque, Dict, Iterable, Iterator, List,
                    Optional, Sequence, Union)

import cv2
import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.utils.stages import stage
from mmpose_tdmi.video.decoding import DecodedFrame
from mmpose_tdmi.video.structures import TrackedBox, TrackedFrame
from mmpose_tdmi.video.tracking import PersonTracker
from .boxes import BoxSource

#: ``detect(images)`` -> per image its boxes (n, 5), x1, y1, x2, y2, score.
DetectBatch = Callable[[Sequence[np.ndarray]], List[np.ndarray]]
#: What detectors raise about a frame: torch, shapes and values, OpenCV.
FAILURES = (RuntimeError, ValueError, cv2.error)
#: How many frames beyond the present one may be looked at.
MAX_AHEAD = 16


class FramesAhead:
    """Frames of which the next ones can be seen before they are given out.

    Args:
        frames (Iterable[DecodedFrame]): The frames in order; read as they
            are asked for.
    """

    def __init__(self, frames: Iterable[DecodedFrame]) -> None:
        self._frames = iter(frames)
        self._waiting: Deque[DecodedFrame] = deque()

    def __iter__(self) -> Iterator[DecodedFrame]:
        while self.peek(0) is not None:
            yield self._waiting.popleft()

    def peek(self, place: int) -> Optional[DecodedFrame]:
        """A frame that has not been given out.

        Args:
            place (int): 0 is the next one, 1 the one after it.

        Returns:
            DecodedFrame | None: None if there are not so many.
        """
        while len(self._waiting) <= place:
            frame = next(self._frames, None)
            if frame is None:
                return None
            self._waiting.append(frame)
        return self._waiting[place]


class DetectionAhead:
    """Asks a detector about frames in batches.

    A batch holds the frame at hand and those that will be detected on after
    it, of the same size and at most :data:`MAX_AHEAD` frames on. If a batch
    fails, its frames are looked at one by one, so that a failure is that of
    its frame alone; if then none fails, batches were too large for the
    memory, and are halved.

    Args:
        detect (Callable): The detector, which takes several images.
        batch_size (int): Images of a batch. Defaults to 1.
        first (int): Frames before this index are not looked at, see
            :meth:`covers`. Defaults to 0.

    Raises:
        ValueError: If ``batch_size`` is not positive.
    """

    def __init__(self,
                 detect: DetectBatch,
                 batch_size: int = 1,
                 first: int = 0) -> None:
        if batch_size < 1:
            raise ValueError(
                f'det_batch_size must be at least 1, got {batch_size}')
        self._detect = detect
        self.batch_size = batch_size
        self._first = first
        self._found: Dict[int, Union[np.ndarray, Exception]] = {}

    def covers(self, index: int) -> bool:
        """Whether a frame is one to be looked at here."""
        return index >= self._first

    def look(self, frame: DecodedFrame, following: FramesAhead,
             interval: int) -> None:
        """Detect on the frame at hand, unless that has been done.

        Args:
            frame (DecodedFrame): The frame.
            following (FramesAhead): The frames after it.
            interval (int): Every how many frames the detector is to look.

        Raises:
            Exception: What reading ahead raises; the detector's failures are
                raised by :meth:`take`.
        """
        # after a failure the frames to be looked at are others
        for index in [i for i in self._found if i < frame.index]:
            del self._found[index]
        if frame.index not in self._found:
            batch = [frame, *self._next(frame, following, interval)]
            with stage('detect'):
                self._detect_on(batch)

    def take(self, index: int) -> np.ndarray:
        """What was found in a frame; once.

        Args:
            index (int): The frame's index.

        Returns:
            np.ndarray: x1, y1, x2, y2, score, (n, 5).

        Raises:
            Exception: What the detector raised about this frame.
        """
        found = self._found.pop(index)
        if isinstance(found, Exception):
            raise found
        return found

    def _next(self, frame: DecodedFrame, following: FramesAhead,
              interval: int) -> Iterator[DecodedFrame]:
        """The frames that share a batch with the one at hand."""
        most = min(self.batch_size - 1, MAX_AHEAD // interval)
        for place in range(interval - 1, most * interval, interval):
            # a change of size anywhere before starts another row of frames
            near = [following.peek(i) for i in range(place + 1)]
            if any(other is None or other.image.shape != frame.image.shape
                   for other in near):
                return
            if near[-1].index not in self._found:
                yield near[-1]

    def _detect_on(self, frames: Sequence[DecodedFrame]) -> None:
        """Detect on frames and keep what comes of it."""
        images = [frame.image for frame in frames]
        if len(frames) > 1:
            try:
                found = self._detect(images)
                self._found.update(zip((f.index for f in frames), found))
                return
            except FAILURES as error:
                told = f'{type(error).__name__}: {error}'
        num_failed = 0
        for frame in frames:
            try:
                self._found[frame.index] = self._detect([frame.image])[0]
            except FAILURES as error:
                # without the traceback, which holds what fills the memory
                self._found[frame.index] = error.with_traceback(None)
                num_failed += 1
        if len(frames) > 1 and not num_failed:
            self.batch_size = max(1, len(frames) // 2)
            print_log(
                f'the detector failed on {len(frames)} frames at once but on '
                f'none alone; from here on batches have {self.batch_size}: '
                f'{told}', 'current', logging.WARNING)


#: How many frames in a row a detector may fail on.
MAX_FAILURES = 10


class DetectorError(RuntimeError):
    """A detector that fails on one frame after the other."""


class PersonFinder:
    """Turns decoded frames into frames with tracked persons.

    A detector's failure on a frame does not end a video: the frame is taken
    as one without detection, the tracker carries the boxes, and the next
    frame is detected on. After :data:`MAX_FAILURES` in a row it does.

    A frame of another size than the one before is always detected on. Boxes
    that do not overlap the frame are left out.

    Args:
        boxes (Callable): ``boxes(index, frame)`` gives a list of
            :class:`TrackedBox` or an array (n, 5).
        tracker (PersonTracker): What gives ids to boxes without.
        det_interval (int): Every how many frames ``boxes`` is asked.
            Defaults to 1.
        is_detector (bool): Whether ``boxes`` is a detector, whose failures
            are borne, rather than the caller's own. Defaults to ``False``.
        ahead (DetectionAhead, optional): The detector, where it is to look at
            several frames at once; ``boxes`` is then asked about the frames
            only that it does not cover. Defaults to ``None``.

    Attributes:
        num_failures (int): Frames that the detector failed on.

    Raises:
        ValueError: If ``det_interval`` is not positive.
    """

    def __init__(self,
                 boxes: BoxSource,
                 tracker: PersonTracker,
                 det_interval: int = 1,
                 is_detector: bool = False,
                 ahead: Optional[DetectionAhead] = None) -> None:
        if det_interval < 1:
            raise ValueError(
                f'det_interval must be at least 1, got {det_interval}')
        self._boxes = boxes
        self._tracker = tracker
        self._interval = det_interval
        self._is_detector = is_detector
        self._ahead = ahead
        self.num_failures = 0

    def iterate(self,
                frames: Iterable[DecodedFrame]) -> Iterator[TrackedFrame]:
        """Find the persons of all frames, one frame after the other.

        Args:
            frames (Iterable[DecodedFrame]): The frames in order; read one by
                one, or as far ahead as a batch of detections reaches.

        Yields:
            TrackedFrame: The frames with their persons.

        Raises:
            DetectorError: If the detector fails on too many frames in a row.
        """
        self._tracker.reset()
        wait, size, in_a_row = 0, None, 0
        frames = FramesAhead(frames)
        for frame in frames:
            if frame.image.shape != size:
                wait, size = 0, frame.image.shape
            found = None
            if wait == 0:
                found = self._detect(frame, frames, in_a_row)
                in_a_row = in_a_row + 1 if found is None else 0
            # after a failure the very next frame is tried
            wait = 0 if in_a_row else (wait or self._interval) - 1
            yield TrackedFrame(frame.index, frame.timestamp, frame.image,
                               _inside(self._track(frame, found), size),
                               frame.number)

    def _detect(self, frame: DecodedFrame, following: FramesAhead,
                in_a_row: int) -> Any:
        """A frame's boxes; None if the detector failed."""
        ahead = self._ahead
        if ahead is not None and not ahead.covers(frame.index):
            ahead = None
        if ahead is not None:
            # not below: what reading ahead raises is no detector's failure
            ahead.look(frame, following, self._interval)
        try:
            if ahead is not None:
                return ahead.take(frame.index)
            with stage('detect'):
                return self._boxes(frame.index, frame.image)
        except FAILURES as error:
            if not self._is_detector:
                raise
            self.num_failures += 1
            if in_a_row + 1 >= MAX_FAILURES:
                raise DetectorError(
                    f'the detector failed on {MAX_FAILURES} frames in a row, '
                    f'the last one frame {frame.index}: {error}') from error
            print_log(
                f'the detector failed on frame {frame.index}, where boxes '
                f'are carried on instead: {type(error).__name__}: {error}',
                'current', logging.WARNING)
            return None

    def _track(self, frame: DecodedFrame, found: Any) -> List[TrackedBox]:
        """The boxes with ids."""
        if isinstance(found, list):
            return found
        with stage('track'):
            if found is None:
                return self._tracker.carry(frame.index, frame.image)
            persons = self._tracker.update(frame.index, found[:, :4],
                                           found[:, 4], frame.image)
        if self._is_detector:
            return persons
        return [replace(box, source='given') for box in persons]


def _inside(persons: List[TrackedBox],
            shape: Sequence[int]) -> List[TrackedBox]:
    """The boxes that overlap a frame of shape (H, W, 3)."""
    height, width = shape[:2]
    return [
        box for box in persons if box.bbox[0] < width and box.bbox[1] < height
        and box.bbox[2] > 0 and box.bbox[3] > 0
    ]
