"""No tracking: each box is somebody else.

Shape shorthand: N boxes of a frame.
"""
from typing import List, Optional

import numpy as np

from mmpose_tdmi.video.structures import TrackedBox
from .person_tracker import PersonTracker, check_boxes, make_box


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
