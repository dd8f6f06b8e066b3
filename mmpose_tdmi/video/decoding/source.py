"""What every kind of video is to the rest: a source of numbered frames.

A frame that cannot be decoded is left out. Its index is not given to another
frame, so that indices, numbers and time stamps of all others stay right: it
leaves a hole. The first such frames are logged, all are counted.

Shape shorthand: H x W pixels of an upright frame.
"""
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Iterator, List, Optional, Tuple, Union

import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.utils.video import VideoReadError

#: Frames per second of images and arrays, which tell none.
DEFAULT_FPS = 25
#: What is done about a frame that does not decode.
ON_CORRUPT = ('skip', 'raise')
#: How many of the frames left out are logged.
_MAX_LOGGED = 5


@dataclass
class DecodedFrame:
    """A frame of a video.

    Args:
        index (int): Its place in the video, 0-based.
        timestamp (float, optional): Seconds since the video's first frame.
        image (np.ndarray): (H, W, 3), uint8, BGR, upright.
        number (int): Its number in the video's own numbering, by which
            neighbours in time are found: ``000005.jpg`` has 5.
        file_name (str, optional): An image file's name, relative to the
            folder that the video's images have in common.
    """
    index: int
    timestamp: Optional[float]
    image: np.ndarray
    number: int
    file_name: Optional[str] = None


class VideoSource(ABC):
    """The frames of a video in the order of time.

    Iterate over it once, or again where the kind of video allows it.

    Args:
        name (str): What outputs are called.
        input (str): What was opened, as text, for messages and results.
        fps (Fraction): Frames per second; the average where they vary.
        on_corrupt (str): What is done about a frame that does not decode:
            ``'skip'``, leave it out, or ``'raise'``. Defaults to ``'skip'``.

    Attributes:
        frame_step (int): Difference of the numbers of consecutive frames.
        paths (list[str], optional): The files of a video of image files.
        is_live (bool): Whether frames come at their own time, so that a slow
            reader must miss some.
        num_skipped (int): Frames left out since the iteration began.

    Raises:
        ValueError: If ``on_corrupt`` or ``fps`` is none.
    """

    frame_step: int = 1
    paths: Optional[List[str]] = None
    is_live: bool = False

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
        self.fps = Fraction(fps).limit_denominator(1001)
        self.on_corrupt = on_corrupt
        self.num_skipped = 0
        self._begun: Optional[Iterator[DecodedFrame]] = None
        self._size: Optional[Tuple[int, int]] = None

    @property
    def num_frames(self) -> Optional[int]:
        """int: The number of frames, as far as it is known beforehand."""
        return None

    @property
    def size(self) -> Tuple[int, int]:
        """tuple[int, int]: Width and height of the first frame in pixels.

        Raises:
            VideoReadError: If no frame decodes.
        """
        if self._size is None:
            frames = self._frames()
            first = next(frames, None)
            if first is None:
                raise VideoReadError(
                    f'{self.input} has no frame that can be read')
            self._note_size(first)
            # the frame is not decoded a second time
            self._begun = chain([first], frames)
        return self._size

    def __iter__(self) -> Iterator[DecodedFrame]:
        """Decode all frames.

        Yields:
            DecodedFrame: The frames, indices strictly ascending.

        Raises:
            VideoReadError: With ``on_corrupt='raise'``, at the first frame
                that does not decode.
        """
        frames, self._begun = self._begun, None
        if frames is None:
            self.num_skipped = 0
            frames = self._frames()
        for frame in frames:
            if self._size is None:
                self._note_size(frame)
            yield frame

    def close(self) -> None:
        """Let go of what is open."""
        self._begun = None

    def __enter__(self) -> 'VideoSource':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @abstractmethod
    def _frames(self) -> Iterator[DecodedFrame]:
        """A new pass over the frames."""

    def _note_size(self, first: DecodedFrame) -> None:
        height, width = first.image.shape[:2]
        self._size = width, height

    def _skip(self, what: str, num_frames: int = 1) -> None:
        """Note that frames are left out, or refuse to."""
        if self.on_corrupt == 'raise':
            raise VideoReadError(what)
        self.num_skipped += num_frames
        if self.num_skipped - num_frames < _MAX_LOGGED:
            print_log(f'{what}: left out', 'current', logging.WARNING)
