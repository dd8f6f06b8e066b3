"""Who is where in each frame: the step between decoding and poses.

Boxes come from a detector, on every N-th frame, or from the caller; a tracker
gives them ids and carries them over the frames between. Boxes that come with
ids keep them.

Shape shorthand: n boxes of a frame, H x W pixels of a frame.
"""
import logging
from dataclasses import replace
from typing import Any, Iterable, Iterator, List, Optional, Sequence

from mmengine.logging import print_log

from mmpose_tdmi.video.decoding import DecodedFrame
from mmpose_tdmi.video.streaming.stages import stage
from mmpose_tdmi.video.structures import TrackedBox, TrackedFrame
from mmpose_tdmi.video.tracking import PersonTracker
from .detection_ahead import FAILURES, DetectionAhead, FramesAhead
from .person_boxes import BoxSource

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
