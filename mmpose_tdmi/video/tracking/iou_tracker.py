"""Tracking by the overlap of boxes with where they are expected.

Shape shorthand: N boxes of a frame.
"""
from dataclasses import dataclass
from typing import List, Optional

import numpy as np

from mmpose_tdmi.video.structures import TrackedBox
from .association import box_iou
from .box_motion import BoxMotion
from .person_tracker import PersonTracker, check_boxes, make_box
from .track_table import Track, TrackTable


@dataclass(eq=False)
class _BoxTrack(Track):
    """With where the box is expected and was last seen, and its score."""
    motion: BoxMotion
    last_seen: np.ndarray
    score: float


class IoUTracker(PersonTracker):
    """Pairs boxes with tracks by intersection over union.

    A track's box is predicted for every frame (:class:`BoxMotion`). Tracks
    that were seen in the last frame with detections choose first, then those
    that were lost. A track that was not seen in the frame before is looked
    for where it is predicted and where it was last seen: one who stops behind
    something reappears there.
    Boxes without a track start one at once, and a track ends when it has not
    been seen for ``max_age`` frames. All boxes are given out.

    Args:
        iou_thr (float): The smallest overlap of a pair, in (0, 1]. Defaults
            to 0.3.
        max_age (int): Frames for which a person who is not seen is
            remembered. Defaults to 30.
        predict (bool): Whether boxes are predicted; otherwise they are
            expected, and carried, where they were last seen. Defaults to
            ``True``.
        min_inside (float): Carried boxes of which a smaller share is inside
            the image are left out, where the image is given: the person has
            left. Defaults to 0.25.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 iou_thr: float = 0.3,
                 max_age: int = 30,
                 predict: bool = True,
                 min_inside: float = 0.25) -> None:
        super().__init__()
        for name, value, low in (('iou_thr', iou_thr, 1e-9), ('min_inside',
                                                              min_inside, 0)):
            if not low <= value <= 1:
                raise ValueError(
                    f'{name} must be in [{low:g}, 1], got {value}')
        self.iou_thr = iou_thr
        self.predict = predict
        self.min_inside = min_inside
        self._table: TrackTable[_BoxTrack] = TrackTable(max_age)

    def update(self,
               frame_index: int,
               boxes: np.ndarray,
               scores: np.ndarray,
               image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.update`; all boxes are given out."""
        boxes, scores = check_boxes(boxes, scores, frame_index)
        self._predict(frame_index)

        def similarity(tracks: List[_BoxTrack]):
            overlap = box_iou(
                np.array([self._expected(t) for t in tracks]), boxes)
            if frame_index - tracks[0].last_index > 1:
                last = box_iou(np.array([t.last_seen for t in tracks]), boxes)
                overlap = np.maximum(overlap, last)
            return overlap, overlap >= self.iou_thr

        owners = self._table.owners(frame_index, len(boxes), similarity)
        found = []
        for owner, box, score in zip(owners, boxes, scores):
            if owner is None:
                owner = self._table.add(
                    _BoxTrack(self._table.next_id, frame_index, BoxMotion(box),
                              box, score))
            else:
                owner.motion.correct(box)
                owner.last_seen, owner.score = box, score
                owner.last_index = frame_index
            found.append(make_box(owner.track_id, box, score, 'detected'))
        return found

    def carry(self,
              frame_index: int,
              image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.carry`."""
        self._predict(frame_index)
        found = []
        for track in self._table.seen:
            bbox = self._expected(track)
            if image is None or share_inside(bbox, image) >= self.min_inside:
                found.append(
                    make_box(track.track_id, bbox, track.score, 'carried'))
        return found

    def reset(self) -> None:
        """As :meth:`PersonTracker.reset`."""
        super().reset()
        self._table.reset()

    def _expected(self, track: _BoxTrack) -> np.ndarray:
        return track.motion.bbox if self.predict else track.last_seen

    def _predict(self, frame_index: int) -> None:
        passed = self._advance(frame_index)
        for track in self._table.tracks:
            # who has not been seen for longer is about to be forgotten
            track.motion.predict(min(passed, self._table.max_age))


def share_inside(bbox: np.ndarray, image: np.ndarray) -> float:
    """float: The share of a box's area that is inside an image (H, W, ...)."""
    height, width = image.shape[:2]
    clipped = np.clip(bbox, 0, [width, height, width, height])
    return float(
        np.prod(clipped[2:] - clipped[:2]) / np.prod(bbox[2:] - bbox[:2]))
