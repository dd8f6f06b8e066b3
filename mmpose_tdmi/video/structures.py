"""The frame that goes along a video, and the persons in it.

One :class:`Frame` goes all the way: decoded, then with the boxes and ids of
its persons, then with their poses. Steps make new frames and leave those that
they were given as they are.

Shape shorthand: K keypoints, C channels, H x W pixels of a frame, h x w cells
of a crop's maps.
"""
from dataclasses import dataclass, field
from typing import Generic, List, NamedTuple, Optional, Tuple, TypeVar

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


Person = TypeVar('Person', TrackedBox, PersonPose)
Other = TypeVar('Other', TrackedBox, PersonPose)


@dataclass
class Frame(Generic[Person]):
    """A frame of a video and the persons in it.

    Args:
        index (int): The frame's place in its source, 0-based. Ascending
            along a video; a frame that was left out leaves a hole.
        timestamp (float, optional): Seconds since the video's first frame.
        image (np.ndarray, optional): (H, W, 3), uint8, BGR, upright. It is
            kept for a while and must not be written to.
        persons (list[TrackedBox] | list[PersonPose]): Its persons, possibly
            none: boxes, and poses once they are estimated, in the same order.
        number (int, optional): The frame's number in the video's own
            numbering, by which neighbours are found: ``000005.jpg`` has 5.
            Defaults to ``None``, the index.
        file_name (str, optional): An image file's name, relative to the
            folder that the video's images have in common.
    """
    index: int
    timestamp: Optional[float] = None
    image: Optional[np.ndarray] = None
    persons: List[Person] = field(default_factory=list)
    number: int = None
    file_name: Optional[str] = None

    def __post_init__(self) -> None:
        if self.number is None:
            self.number = self.index

    def with_persons(self, persons: List[Other]) -> 'Frame[Other]':
        """The same frame with other persons."""
        return Frame(self.index, self.timestamp, self.image, persons,
                     self.number, self.file_name)


#: Frames on their way into the model, and out of it.
TrackedFrame = Frame[TrackedBox]
FramePoses = Frame[PersonPose]
