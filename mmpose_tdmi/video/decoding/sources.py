"""What every kind of video is to the rest: a source of numbered frames.

A frame that cannot be decoded is left out. Its index is not given to another
frame, so that indices, numbers and time stamps of all others stay right: it
leaves a hole. The first such frames are logged, all are counted.

Shape shorthand: H x W pixels of an upright frame.

Frames that are arrays already: a list, one big array or a generator.

Shape shorthand: N frames of H x W pixels.

A camera, through OpenCV.

Shape shorthand: H x W pixels of a frame.

Decoding in a thread of its own, a bounded number of frames ahead.
"""
import dataclasses
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from threading import Condition, Thread
from typing import (Deque, Generator, Iterable, Iterator, List, Optional,
                    Tuple, Union)

import cv2
import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.utils.stages import stage
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


class ArrayFrames(VideoSource):
    """Arrays as a video.

    Args:
        frames (Iterable[np.ndarray]): Frames (H, W, 3), uint8, BGR, upright;
            a generator is read as it is needed, once. ``None`` in place of a
            frame is one that could not be had.
        fps (float): Frames per second. Defaults to 25.
        name (str): What outputs are called. Defaults to ``'frames'``.
        on_corrupt (str): ``'skip'`` or ``'raise'``. Defaults to ``'skip'``.
    """

    def __init__(self,
                 frames: Iterable[np.ndarray],
                 fps: Union[Fraction, float] = DEFAULT_FPS,
                 name: str = 'frames',
                 on_corrupt: str = 'skip') -> None:
        self._arrays = frames
        self._length: Optional[int] = None
        text = '<generator>'
        if isinstance(frames, (list, tuple, np.ndarray)):
            self._length = len(frames)
            text = f'<{self._length} arrays>'
        super().__init__(name, text, fps, on_corrupt)

    @property
    def num_frames(self) -> Optional[int]:
        """int: The number of arrays; None of a generator."""
        return self._length

    def _frames(self) -> Iterator[DecodedFrame]:
        arrays = iter(self._arrays)
        index = -1
        while True:
            with stage('decode'):
                try:
                    image = next(arrays)
                except StopIteration:
                    return
            index += 1
            if image is None:
                self._skip(f'{self.input}: frame {index} is None')
                continue
            if not (isinstance(image, np.ndarray) and image.dtype == np.uint8
                    and image.ndim == 3 and image.shape[2] == 3):
                what = (f'{image.dtype} {image.shape}' if isinstance(
                    image, np.ndarray) else type(image).__name__)
                raise ValueError(
                    f'{self.input}: frame {index} must be an array (H, W, 3) '
                    f'of uint8 in BGR, got {what}')
            yield DecodedFrame(index, float(index / self.fps), image, index)


class Webcam(VideoSource):
    """The frames of a camera, until it is closed or gives no more.

    A camera does not wait. :func:`read_ahead` keeps its newest frame only,
    so that a slow model sees fewer frames, but none that is old. Frames are
    numbered as they are given out; time stamps are seconds of the clock.

    Args:
        device (int): The camera's index. Defaults to 0.
        on_corrupt (str): ``'skip'`` or ``'raise'``. Defaults to ``'skip'``.

    Raises:
        VideoReadError: If there is no such camera.
    """

    is_live = True

    def __init__(self, device: int = 0, on_corrupt: str = 'skip') -> None:
        self._camera = cv2.VideoCapture(device)
        if not self._camera.isOpened():
            raise VideoReadError(f'the camera {device} cannot be opened')
        # cameras that do not tell say 0
        fps = self._camera.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS
        super().__init__(f'webcam{device}', f'webcam:{device}', fps,
                         on_corrupt)

    def _frames(self) -> Iterator[DecodedFrame]:
        index, start = 0, time.monotonic()
        while self._camera.isOpened():
            with stage('decode'):
                found, image = self._camera.read()
            if not found:
                return
            yield DecodedFrame(index, time.monotonic() - start, image, index)
            index += 1

    def close(self) -> None:
        """Let the camera go."""
        super().close()
        self._camera.release()


#: How long a closed reader waits for the frame under way, in seconds.
_PATIENCE = 10.


class ReadAhead:
    """Iterates over a source that a background thread decodes.

    The thread waits where ``max_frames`` frames have not been asked for. Of a
    live source it keeps the newest frame only, and frames are numbered anew.
    What goes wrong in the thread is raised where the frame is asked for.

    Args:
        source (VideoSource): The frames.
        max_frames (int): How many decoded frames may wait. Defaults to 8.

    Raises:
        ValueError: If ``max_frames`` is not positive.
    """

    def __init__(self, source: VideoSource, max_frames: int = 8) -> None:
        if max_frames < 1:
            raise ValueError(
                f'max_frames must be at least 1, got {max_frames}')
        self._source = source
        self._max_frames = max_frames
        self._waiting: Deque[DecodedFrame] = deque()
        self._change = Condition()
        self._is_closed = False
        self._has_ended = False
        self._error: Optional[Exception] = None
        self._thread = Thread(
            target=self._work, name=f'decoding {source.name}', daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[DecodedFrame]:
        """The frames, in order, until the source ends or this is closed."""
        num_given = 0
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._has_ended
                                      or self._is_closed)
                if self._is_closed:
                    return
                if not self._waiting:
                    break
                frame = self._waiting.popleft()
                self._change.notify_all()
            if self._source.is_live:
                frame = dataclasses.replace(
                    frame, index=num_given, number=num_given)
            num_given += 1
            yield frame
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Stop decoding; waits for the thread, but not for ever."""
        with self._change:
            self._is_closed = True
            self._waiting.clear()
            self._change.notify_all()
        self._thread.join(_PATIENCE)

    def __enter__(self) -> 'ReadAhead':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _work(self) -> None:
        frames = iter(self._source)
        try:
            for frame in frames:
                if not self._put(frame):
                    break
        except Exception as error:  # raised where the frame is asked for
            self._error = error
        finally:
            # what the source has open is closed in the thread that uses it
            if isinstance(frames, Generator):
                frames.close()
            with self._change:
                self._has_ended = True
                self._change.notify_all()

    def _put(self, frame: DecodedFrame) -> bool:
        """Let a frame wait; False if there is nobody to take it."""
        with self._change:
            if self._source.is_live:
                self._waiting.clear()
            self._change.wait_for(lambda: self._is_closed or len(self._waiting)
                                  < self._max_frames)
            if self._is_closed:
                return False
            self._waiting.append(frame)
            self._change.notify_all()
            return True


def read_ahead(source: VideoSource, max_frames: int = 8) -> ReadAhead:
    """Decode a source in the background; see :class:`ReadAhead`."""
    return ReadAhead(source, max_frames)
