"""Frames of any kind of video, each decoded once, in order, in the background.

:func:`open_video` takes whatever a user has: a video file, image files,
arrays, a camera, an address. :func:`read_ahead` decodes it in a thread of its
own with bounded memory.

Shapes: N frames of H x W pixels, upright, uint8, BGR.
"""
import glob
import hashlib
import logging
import mmap
import os
import re
import time
from collections import deque
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path
from threading import Condition, Thread
from typing import (Any, Deque, Iterable, Iterator, List, Optional, Sequence,
                    Union)
from urllib.parse import urlsplit

import cv2
import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.datasets.transforms.loading import has_several_pictures
from mmpose_tdmi.utils.video import (VideoReadError, is_address, open_decoder,
                                     shown)
from .images import (DEFAULT_FPS, DecodedFrame, FrameRate, FramesByIndex,
                     ImageFiles, ImageSequence, ImageStack, PathLike,
                     number_images, relative_names)
from .structures import ON_CORRUPT, VideoSource

__all__ = [
    'DEFAULT_FPS', 'IMAGE_SUFFIXES', 'ON_CORRUPT', 'ArrayFrames',
    'DecodedFrame', 'ImageFiles', 'ImageSequence', 'ReadAhead', 'VideoFile',
    'VideoSource', 'Webcam', 'find_images', 'is_one_video', 'number_images',
    'open_video', 'read_ahead', 'relative_names'
]

#: Suffixes of files that are taken as images.
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


class ArrayFrames(VideoSource):
    """Arrays (H, W, 3), uint8, BGR, upright, as a video.

    A generator is read as it is needed, once, and may fill one array again
    and again: frames are copies. ``None`` in place of a frame is one that
    could not be had.
    """

    def __init__(self,
                 frames: Iterable[np.ndarray],
                 fps: FrameRate = DEFAULT_FPS,
                 name: str = 'frames',
                 on_corrupt: str = 'skip') -> None:
        self._arrays = frames
        text = '<generator>'
        if isinstance(frames, (list, tuple, np.ndarray)):
            self._length = len(frames)
            text = f'<{self._length} arrays>'
        super().__init__(name, text, fps, on_corrupt)

    def _frames(self) -> Iterator[DecodedFrame]:
        for index, image in enumerate(self._arrays):
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
            yield DecodedFrame(index, float(index / self.fps), image.copy())


class Webcam(VideoSource):
    """The frames of a camera, until it is closed or gives no more.

    A camera does not wait. :func:`read_ahead` keeps its newest frame only,
    so that a slow model sees fewer frames, but none that is old. Frames are
    numbered as they arrive, those that nobody sees included; time stamps are
    seconds of the clock.
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
            found, image = self._camera.read()
            if not found:
                return
            yield DecodedFrame(index, time.monotonic() - start, image)
            index += 1

    def close(self) -> None:
        super().close()
        self._camera.release()


class VideoFile(VideoSource):
    """A video file, read once and to its end whatever is wrong inside, or a
    live stream from an address, which waits for nobody, as a camera.

    Indices count the frames in the order of display; what is a frame is told
    in :mod:`mmpose_tdmi.utils.video`. Time stamps are those of the file, so
    that they are right where the frame rate varies; one that does not ascend
    is put half a frame after the last. ``fps`` is for bare streams, such as
    ``.h264``, which have none.
    """

    def __init__(self,
                 path: PathLike,
                 on_corrupt: str = 'skip',
                 fps: Optional[FrameRate] = None) -> None:
        self._decoder = open_decoder(path, self._skip, fps)
        self.path = self._decoder.path
        super().__init__(
            video_name(path), self.path, self._decoder.fps, on_corrupt)
        self._length = self._decoder.num_frames
        self.is_live = self._length is None

    @property
    def pixel_aspect(self) -> Fraction:
        _ = self.size  # which reads the frame
        return self._decoder.pixel_aspect

    def _frames(self) -> Iterator[DecodedFrame]:
        for index, seconds, image in self._decoder:
            yield DecodedFrame(index, seconds, image)

    def __exit__(self, error_type: Optional[type] = None, *_) -> None:
        super().__exit__()
        # only now, when the results until then are whole
        if error_type is None and self._decoder.failure:
            raise VideoReadError(self._decoder.failure)


class VideoSequence(FramesByIndex):
    """The frames of a :class:`VideoFile` by their index there; the last ones
    are kept.

    A step back beyond the frames that are kept starts at the beginning. A
    frame that is lost is an error.
    """

    def __init__(self, path: PathLike, keep: int = 8) -> None:
        self._file = VideoFile(path)
        super().__init__(self._file.path, self._file.fps, keep)
        self._next = 0
        self._pass: Iterator[DecodedFrame] = iter(self._file)
        self._length: Optional[int] = None

    def __len__(self) -> int:
        if self._length is None:
            whole = VideoFile(self._file.path)
            self._length = sum(1 for _ in whole) + whole.num_skipped
        return self._length

    def _read(self, index: int) -> Optional[np.ndarray]:
        if index < self._next:
            self._pass, self._next = iter(self._file), 0
        for frame in self._pass:
            self._next = frame.index + 1
            self._keep(frame.index, frame.image)
            if frame.index >= index:
                break
        return self._kept.get(index)


#: Frames of a video that can be asked for by index.
FrameSource = Union[ImageSequence, VideoSequence]


def open_frames(source: PathLike, keep: int = 8) -> FrameSource:
    """Open a video file, a folder of frames, a glob or a single image for jobs
    that ask for frames by index, of which the last ``keep`` are kept."""
    images = find_images(source)
    return ImageSequence(
        images, keep=keep) if images else VideoSequence(source, keep)


def open_video(input: Any,
               fps: Optional[FrameRate] = None,
               on_corrupt: str = 'skip') -> VideoSource:
    """Open a video of any kind.

    Args:
        input: One of

            - the path of a video file, a folder of frames, a glob or an
              image, of which all pictures are taken;
            - a sequence of paths of images, the frames in order;
            - a sequence of arrays, an array (N, H, W, 3), or any iterable of
              arrays such as a generator, uint8 and BGR;
            - a camera: its index, ``'webcam'`` or ``'webcam:1'``;
            - an address, of a live stream or a file: ``'rtsp://...'``;
            - a :class:`VideoSource`, which is given back.
        fps: Frames per second of images and arrays, by default what times in
            image files and in their names tell, else 25, and of bare streams
            such as ``.h264``, by default what FFmpeg makes of them.
        on_corrupt: See :class:`VideoSource`.

    Raises:
        FileNotFoundError: If there is nothing to open.
        ValueError: If the input is none of those above or cannot be read, or
            ``fps`` is given for a video that has its own.
    """
    if isinstance(input, VideoSource):
        return input
    camera = _camera(input)
    if camera is not None:
        if fps is not None:
            raise ValueError(f'{input}: a camera has its own frame rate, but '
                             f'fps={fps} was given')
        return Webcam(camera, on_corrupt)
    if isinstance(input, (str, Path)):
        images = [] if is_address(input) else find_images(input)
        if images == [Path(input)] and _is_stack(images[0]):
            stack = ImageStack(input, fps, on_corrupt)
            stack.name = video_name(input)
            return stack
        if images:
            return ImageFiles(images, video_name(input), str(input), fps,
                              on_corrupt)
        return VideoFile(input, on_corrupt, fps)
    if _is_list_of_paths(input):
        for path in input:
            if not Path(path).is_file():
                raise FileNotFoundError(f'the frame {path} does not exist')
        folder = Path(input[0]).resolve().parent
        return ImageFiles(input, video_name(input),
                          f'{folder} ({len(input)} files)', fps, on_corrupt)
    if isinstance(input, Iterable):
        return ArrayFrames(
            input, DEFAULT_FPS if fps is None else fps, on_corrupt=on_corrupt)
    raise ValueError(
        'a video must be a path, a glob, a sequence of paths or arrays, a '
        f'generator of arrays or a camera, got {type(input).__name__}')


def video_name(input: Any) -> str:
    """What the results of an input of :func:`open_video` are called:
    ``a/b.jpg`` -> ``b``, ``a/b`` and ``a/b/*.jpg`` -> ``b``; of an address its
    last part or else the host."""
    if isinstance(input, VideoSource):
        return input.name
    camera = _camera(input)
    if camera is not None:
        return f'webcam{camera}'
    if _is_list_of_paths(input):
        return result_name(Path(input[0]).resolve().parent.name)
    if not isinstance(input, (str, Path)):
        return 'frames'
    path = Path(input)
    if is_address(input):
        url = urlsplit(shown(input))
        name = Path(url.path).stem or url.hostname or url.scheme
    elif path.is_file():
        name = path.stem
    elif path.is_dir():
        name = path.resolve().name
    else:
        name = path.parent.resolve().name.replace('*', '_')
    return result_name(name)


def video_files(input: Any) -> Sequence[PathLike]:
    """The files that an input of :func:`open_video` is made of, if any; an
    address, and a path at which there is nothing, count as one."""
    if isinstance(input, VideoSource):
        return input.paths or [input.input]
    if _is_list_of_paths(input):
        return list(input)
    if not isinstance(input, (str, Path)):
        return []
    with suppress(FileNotFoundError):
        return find_images(input) or [input]
    return [input]


def is_one_video(inputs: Any) -> bool:
    """Whether inputs are one video rather than several: a list or tuple of
    anything but arrays and images."""
    if not isinstance(inputs, (list, tuple)):
        return True
    return _is_list_of_paths(inputs) or any(
        image is None or isinstance(image, np.ndarray) and image.ndim == 3
        for image in inputs)


def _is_list_of_paths(input: Any) -> bool:
    return isinstance(input, (list, tuple)) and len(input) > 0 and all(
        isinstance(path, (str, Path)) and Path(path).suffix.lower() in
        IMAGE_SUFFIXES and '*' not in str(path) for path in input)


def _is_stack(path: Path) -> bool:
    with path.open('rb') as file, suppress(ValueError), mmap.mmap(
            file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return has_several_pictures(content)
    return False  # it is empty


def _camera(input: Any) -> Optional[int]:
    """The number of a camera; None if it is anything else."""
    if isinstance(input, (int, np.integer)):
        return None if isinstance(input, bool) else int(input)
    match = isinstance(input, str) and re.fullmatch(r'webcam(?::(\d+))?|(\d+)',
                                                    input)
    if not match or Path(input).exists():
        return None
    return int(match[1] or match[2] or 0)


def find_images(source: PathLike) -> List[Path]:
    """The image files of a folder or glob, ordered by the numbers in names;
    an image by itself; none for any other file."""
    path = Path(source)
    if path.is_file():
        return [path] if path.suffix.lower() in IMAGE_SUFFIXES else []
    if path.is_dir():
        found = list(path.iterdir())
    elif glob.has_magic(str(source)):
        found = [Path(p) for p in glob.glob(str(source), recursive=True)]
    else:
        raise FileNotFoundError(f'{shown(source)} does not exist')
    images = [
        p for p in found if p.is_file() and p.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not images:
        raise FileNotFoundError(
            f'{source} has no image files ({", ".join(IMAGE_SUFFIXES)})')
    # by text, but numbers by their value
    return sorted(
        images,
        key=lambda path: [(int(part), '') if part.isdecimal() else (-1, part)
                          for part in re.split(r'(\d+)', path.as_posix())
                          if part])


def result_name(name: str) -> str:
    """What results of a video of that name are called: bytes that are not
    UTF-8 are taken as Latin-1, and one of more than 200 bytes, too long for a
    file with all that is added, is cut, with a digest for what is gone."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode('latin-1')
        encoded = name.encode()
    if len(encoded) <= 200:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return f'{encoded[:191].decode(errors="ignore")}~{digest}'


class ReadAhead:
    """Iterates over a source that a background thread decodes.

    The thread waits where ``max_frames`` frames have not been asked for. Of a
    live source it keeps the newest frame only: the indices of the others are
    holes. What goes wrong in the thread is raised where the frame is asked
    for.
    """

    def __init__(self, source: VideoSource, max_frames: int = 8) -> None:
        if max_frames < 1:
            raise ValueError(
                f'max_frames must be at least 1, got {max_frames}')
        self._source = source
        self._max_frames = max_frames
        self._waiting: Deque[DecodedFrame] = deque()
        self._change = Condition()
        self._is_over = False  # at the source's end, or closed
        self._has_told = False
        self._error: Optional[Exception] = None
        self._thread = Thread(
            target=self._work, name=f'decoding {source.name}', daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[DecodedFrame]:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._is_over)
                if not self._waiting:
                    break
                frame = self._waiting.popleft()
                self._change.notify_all()
            yield frame
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Stop decoding; waits for the thread, but not for ever."""
        with self._change:
            self._is_over = True
            self._waiting.clear()
            self._change.notify_all()
        self._thread.join(10)

    def __enter__(self) -> 'ReadAhead':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _work(self) -> None:
        # what the source has open is closed in the thread that uses it
        try:
            with closing(iter(self._source)) as frames:
                for frame in frames:
                    self._put(frame)
                    if self._is_over:
                        return
        except Exception as error:  # raised where the frame is asked for
            self._error = error
        finally:
            with self._change:
                self._is_over = True
                self._change.notify_all()

    def _put(self, frame: DecodedFrame) -> None:
        """Let a frame wait until there is room, or nobody to take it."""
        with self._change:
            if self._source.is_live and self._waiting:
                if not self._has_told:
                    print_log(
                        f'{self._source.input}: frames come faster than they '
                        f'are taken, from frame {self._waiting[0].index} on: '
                        'those in between are left out and leave holes in '
                        'the numbering', 'current', logging.WARNING)
                self._has_told = True
                self._waiting.clear()
            self._change.wait_for(
                lambda: self._is_over or len(self._waiting) < self._max_frames)
            if not self._is_over:
                self._waiting.append(frame)
                self._change.notify_all()


#: Decode a source in the background.
read_ahead = ReadAhead
