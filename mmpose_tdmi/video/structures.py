"""The frame that goes along a video, the persons in it, and what it is from.

One :class:`Frame` goes all the way: decoded, then with the boxes and ids of
its persons, then with their poses. Steps make new frames and leave those that
they were given as they are.

Shapes: K keypoints, C channels, H x W pixels of a frame, h x w cells of a
crop's maps.
"""
import inspect
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import (Any, Callable, Dict, Generator, Generic, Iterator, List,
                    Mapping, NamedTuple, Optional, Tuple, TypeVar, Union)

import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.utils.stages import stage
from mmpose_tdmi.utils.video import VideoReadError, rational_rate

__all__ = [
    'Crop', 'Frame', 'FramePoses', 'PersonPose', 'TrackedBox', 'TrackedFrame'
]

#: What is done about a frame that does not decode.
ON_CORRUPT = ('skip', 'raise')


@dataclass(frozen=True)
class TrackedBox:
    """A person's box in a frame."""
    track_id: int  #: Who it is, in all frames; unique within a frame.
    bbox: Tuple[float, float, float, float]  #: x1, y1, x2, y2 in pixels.
    score: float
    source: str = 'given'  #: Where it is from: ``'detected'``, ``'carried'``.

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
    """A person's pose in a frame, in pixels of the frame."""
    box: TrackedBox  #: The person's box in this frame.
    keypoints: np.ndarray  #: x, y, (K, 2).
    scores: np.ndarray  #: The keypoints', (K, ).
    crop: Crop  #: What the model looked at.
    #: Over the crop, (K, h, w), float32, where asked for.
    heatmaps: Optional[np.ndarray] = None
    #: The neck's motion feature, likewise, (C, h, w).
    motion: Optional[np.ndarray] = None


Person = TypeVar('Person', TrackedBox, PersonPose)
Other = TypeVar('Other', TrackedBox, PersonPose)


@dataclass
class Frame(Generic[Person]):
    """A frame of a video and the persons in it."""
    index: int  #: Its place in the source, 0-based; one left out is a hole.
    timestamp: Optional[float] = None  #: Seconds since the first frame.
    #: (H, W, 3), uint8, BGR, upright; must not be written to.
    image: Optional[np.ndarray] = None
    #: Boxes, and poses once they are estimated, in the same order.
    persons: List[Person] = field(default_factory=list)
    #: By which neighbours are found: ``000005.jpg`` has 5; else the index.
    number: int = None
    #: An image file's, relative to the images' common folder.
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


class VideoSource(ABC):
    """The frames of a video in the order of time.

    Iterate over it once, or again where the kind of video allows it. A frame
    that cannot be decoded is left out. Its index is not given to another, so
    that indices, numbers and time stamps of all others stay right: it leaves a
    hole. The first such frames are logged, all are counted.

    Args:
        name: What outputs are called.
        input: What was opened, as text, for messages and results.
        fps: Frames per second; the average where they vary.
        on_corrupt: What is done about a frame that does not decode:
            ``'skip'``, leave it out, which ``num_skipped`` counts, or
            ``'raise'``.
    """

    #: Difference of the numbers of consecutive frames.
    frame_step: int = 1
    #: The files of a video of image files.
    paths: Optional[List[str]] = None
    #: Whether frames come at their own time, so that a slow reader misses some
    is_live: bool = False
    _length: Optional[int] = None

    def __init__(self,
                 name: str,
                 input: str,
                 fps: Union[Fraction, float],
                 on_corrupt: str = 'skip') -> None:
        if on_corrupt not in ON_CORRUPT:
            raise ValueError(
                f'on_corrupt must be one of {ON_CORRUPT}, got {on_corrupt!r}')
        if not fps > 0:
            raise ValueError(f'{input}: fps must be positive, got {fps}')
        self.name = name
        self.input = input
        self.fps = rational_rate(fps)
        self.on_corrupt = on_corrupt
        self.num_skipped = 0
        self._begun: Optional[Iterator[TrackedFrame]] = None
        self._size: Optional[Tuple[int, int]] = None

    @property
    def num_frames(self) -> Optional[int]:
        """int: The number of frames, as far as it is known beforehand."""
        return self._length

    @property
    def size(self) -> Tuple[int, int]:
        """tuple[int, int]: Width and height of the first frame in pixels."""
        if self._size is None:
            frames = iter(self)
            first = next(frames, None)
            if first is None:
                raise VideoReadError(
                    f'{self.input} has no frame that can be read')
            # the frame is not decoded a second time
            self._begun = chain([first], frames)
        return self._size

    def __iter__(self) -> Generator[TrackedFrame, None, None]:
        """Decode all frames; indices ascend."""
        begun, self._begun = self._begun, None
        if begun is not None:
            yield from begun
            return
        self.num_skipped = 0
        frames = self._frames()
        while True:
            with stage('decode'):
                frame = next(frames, None)
            if frame is None:
                return
            if self._size is None:
                height, width = frame.image.shape[:2]
                self._size = width, height
            yield frame

    @property
    def pixel_aspect(self) -> Fraction:
        """Fraction: Width of a pixel of the first frame by its height."""
        return Fraction(1)

    def close(self) -> None:
        """Let go of what is open."""
        self._begun = None

    def __enter__(self) -> 'VideoSource':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @abstractmethod
    def _frames(self) -> Iterator[TrackedFrame]:
        """A new pass over the frames."""

    def _skip(self, what: str, num_frames: int = 1) -> None:
        """Note that frames are left out, or refuse to."""
        if self.on_corrupt == 'raise':
            raise VideoReadError(what)
        self.num_skipped += num_frames
        if self.num_skipped - num_frames < 5:  # more say nothing new
            print_log(f'{what}: left out', 'current', logging.WARNING)


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
