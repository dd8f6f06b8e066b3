"""What goes into and comes out of pose estimation along a video.

Frames come with the boxes of the persons in them and with ids that hold from
frame to frame; poses go out in the same order.

Shape shorthand: K keypoints, C channels, H x W pixels of a frame, h x w cells
of a crop's maps.
"""
from dataclasses import dataclass, field
from typing import List, NamedTuple, Optional, Tuple

import numpy as np


@dataclass(frozen=True)
class TrackedBox:
    """A person's box in a frame.

    Args:
        track_id (int): Who it is; the same number in another frame is the
            same person. Unique within a frame.
        bbox (tuple[float]): x1, y1, x2, y2 in pixels of the frame.
        score (float): The box's score.
        source (str): Where the box comes from, e.g. ``'detected'`` or
            ``'carried'`` by a tracker; passed through. Defaults to
            ``'given'``.
    """
    track_id: int
    bbox: Tuple[float, float, float, float]
    score: float
    source: str = 'given'

    @property
    def id(self) -> int:
        """int: The track id, by the name that :class:`PersonBox` has."""
        return self.track_id


@dataclass
class TrackedFrame:
    """A frame and the persons in it.

    Args:
        index (int): The frame's index in its source, 0-based. Ascending
            along a video; a frame that was left out leaves a hole.
        timestamp (float, optional): Seconds; passed through.
        image (np.ndarray): (H, W, 3), uint8, BGR. It is kept for a while and
            must not be written to.
        persons (list[TrackedBox]): Its persons, possibly none.
        number (int, optional): The frame's number in the video's own
            numbering, by which neighbours are found. Defaults to ``None``,
            the index.
    """
    index: int
    timestamp: Optional[float]
    image: np.ndarray
    persons: List[TrackedBox] = field(default_factory=list)
    number: Optional[int] = None


class Crop(NamedTuple):
    """The part of a frame that a model looks at.

    Attributes:
        center (tuple[float, float]): x, y in pixels of the frame.
        scale (tuple[float, float]): Width and height in pixels of the frame,
            in the ratio of the model's input.
    """
    center: Tuple[float, float]
    scale: Tuple[float, float]


@dataclass
class PersonPose:
    """A person's pose in a frame, in pixels of the frame.

    Args:
        box (TrackedBox): The person's box in this frame.
        keypoints (np.ndarray): x, y, (K, 2).
        scores (np.ndarray): The keypoints' scores, (K, ).
        crop (Crop): What the model looked at; it may be shared by several
            frames.
        heatmaps (np.ndarray, optional): Over the crop, (K, h, w), float32,
            where asked for.
        motion (np.ndarray, optional): The neck's motion feature over the
            crop, (C, h, w), float32, where asked for.
    """
    box: TrackedBox
    keypoints: np.ndarray
    scores: np.ndarray
    crop: Crop
    heatmaps: Optional[np.ndarray] = None
    motion: Optional[np.ndarray] = None


@dataclass
class FramePoses:
    """All poses of a frame.

    Args:
        index (int): The frame's index in its source, 0-based.
        persons (list[PersonPose]): In the order of the frame's boxes.
        timestamp (float, optional): The frame's.
    """
    index: int
    persons: List[PersonPose] = field(default_factory=list)
    timestamp: Optional[float] = None
