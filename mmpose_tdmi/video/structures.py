"""The frame that goes along a video, and the persons in it.

One :class:`Frame` goes all the way: decoded, then with the boxes and ids of
its persons, then with their poses. Steps make new frames and leave those that
they were given as they are.

Shapes: K keypoints, C channels, H x W pixels of a frame, h x w cells of a
crop's maps.
"""
import inspect
from dataclasses import dataclass, field
from typing import (Any, Callable, Dict, Generic, List, Mapping, NamedTuple,
                    Optional, Tuple, TypeVar, Union)

import numpy as np

__all__ = [
    'Crop', 'Frame', 'FramePoses', 'PersonPose', 'TrackedBox', 'TrackedFrame'
]


@dataclass(frozen=True)
class TrackedBox:
    """A person's box in a frame.

    Args:
        track_id: Who it is, in all frames; unique within a frame.
        bbox: x1, y1, x2, y2 in pixels of the frame.
        score: The box's score.
        source: Where it comes from, e.g. ``'detected'`` or ``'carried'``.
    """
    track_id: int
    bbox: Tuple[float, float, float, float]
    score: float
    source: str = 'given'

    @property
    def id(self) -> int:
        """int: The track id, under the name that other boxes have it."""
        return self.track_id


class Crop(NamedTuple):
    """The part of a frame that a model looks at: x, y, and width and height
    in the ratio of the model's input, in pixels of the frame."""
    center: Tuple[float, float]
    scale: Tuple[float, float]


@dataclass
class PersonPose:
    """A person's pose in a frame, in pixels of the frame.

    Args:
        box: The person's box in this frame.
        keypoints: x, y, (K, 2).
        scores: The keypoints' scores, (K, ).
        crop: What the model looked at.
        heatmaps: Over the crop, (K, h, w), float32, where asked for.
        motion: The neck's motion feature, likewise, (C, h, w).
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
        index: The frame's place in its source, 0-based, ascending; a frame
            that was left out leaves a hole.
        timestamp: Seconds since the video's first frame.
        image: (H, W, 3), uint8, BGR, upright; must not be written to.
        persons: Boxes, and poses once they are estimated, in the same order.
        number: By which neighbours are found: ``000005.jpg`` has 5. Defaults
            to the index.
        file_name: An image file's, relative to the images' common folder.
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


def named_choice(what: str, given: Union[str, dict, None],
                 classes: Mapping[str, Callable]) -> Tuple[str, Dict]:
    """A name among ``classes`` and the options of a name, or a dict of such a
    ``type`` and options; None is ``'none'``."""
    options: Dict[str, Any] = dict(given) if isinstance(given, dict) else {
        'type': 'none' if given is None else given
    }
    name = options.pop('type', None)
    if name not in classes:
        raise ValueError(f'unknown {what} {name!r}, expected one of '
                         f'{", ".join(classes)}')
    known = inspect.signature(classes[name]).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f'{what} {name!r} has no option '
                         f'{", ".join(unknown)}, expected some of '
                         f'{", ".join(known) or "none"}')
    return name, options
