"""Going on where an interrupted run was.

The frames that are stored are decoded again, which is cheap, but not detected
on: their boxes are taken from what is stored, so that the tracker gets where
it was. The model starts some frames before the first one that is missing, so
that its window, and smoothing, have their past.

Shape shorthand: n boxes of a frame.
"""
from typing import Iterator, List, Optional, Union

import numpy as np

from mmpose_tdmi.video.results import VideoResultWriter
from mmpose_tdmi.video.structures import TrackedBox
from .person_boxes import BoxSource

#: Frames that smoothing is given to settle.
SETTLING = 60


class Resumption:
    """How far an interrupted run got.

    Args:
        writer (VideoResultWriter, optional): What has stored it.
        past (int): Frames before a frame that its poses depend on, or -1 if
            that is all of them: then everything is computed again.

    Attributes:
        start (int): The first frame index that goes through the model.
        first (int): The first frame index that is given out.
    """

    def __init__(self, writer: Optional[VideoResultWriter], past: int) -> None:
        self.first = 0 if writer is None else writer.next_index
        self.start = 0 if past < 0 else max(0, self.first - past)
        self._stored: Iterator[dict] = iter(
            writer.stored_frames() if self.start else ())

    def replay(self, detect: BoxSource) -> BoxSource:
        """A detector that is not asked about frames before :attr:`start`."""
        return _Replay(detect, self._stored, self.start)


class _Replay:
    """Takes the boxes of the first frames from what is stored."""

    def __init__(self, detect: BoxSource, stored: Iterator[dict],
                 start: int) -> None:
        self._detect = detect
        self._stored = stored
        self._start = start

    def __call__(self, index: int,
                 frame: np.ndarray) -> Union[List[TrackedBox], np.ndarray]:
        if index >= self._start:
            return self._detect(index, frame)
        for record in self._stored:
            if record['frame'] == index:
                return _boxes(record)
        raise ValueError(
            f'frame {index} is not among the stored ones: the video has '
            'changed since the run that was interrupted')


def _boxes(record: dict) -> np.ndarray:
    """The boxes that were detected, x1, y1, x2, y2, score, (n, 5).

    Raises:
        RuntimeError: If the detector had failed, as it would be now.
    """
    persons = record['persons']
    if any(person['source'] == 'carried' for person in persons):
        raise RuntimeError('it failed in the run that was interrupted')
    rows = np.array([[*p['bbox'], p['bbox_score']] for p in persons], float)
    rows = rows.reshape(-1, 5)
    rows[:, 2:4] += rows[:, :2]
    return rows
