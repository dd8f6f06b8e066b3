"""Image files as the frames of a video: a folder, a glob or a list.

They are ordered by the numbers in their names, and numbered by the last one,
with the same meaning as in the datasets: a gap in the numbers is a gap in
time.

Shape shorthand: N frames of H x W pixels.

A video file, read once and to its end whatever is wrong inside.

Indices count the file's frames in the order of display, by the time stamps of
the packets that went into the decoder: what does not come out of it, with an
error or silently, is known and leaves a hole. AVI has no such time stamps:
there the errors are counted, and a hole may be some frames late, by as many
as the codec reorders.

Recordings that were put together without new time stamps (transport streams)
begin again in their midst: where the time of decoding goes back, what follows
is shown after what came before.

Shape shorthand: H x W pixels of an upright frame.

Opening of whatever a user calls a video.

Shape shorthand: N frames of H x W pixels.
"""
import glob
import heapq
import os.path as osp
import re
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import (Any, Iterable, Iterator, List, Optional, Sequence, Tuple,
                    Union)

import av
import numpy as np

from mmpose_tdmi.datasets.frames import VideoFrames
from mmpose_tdmi.datasets.transforms import LoadFrameSequence
from mmpose_tdmi.utils.stages import stage
from mmpose_tdmi.utils.video import VideoReadError, upright_image
from .sources import (DEFAULT_FPS, ArrayFrames, DecodedFrame, VideoSource,
                      Webcam)

#: Suffixes of files that are taken as images.
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
PathLike = Union[str, Path]


class ImageSequence:
    """Image files, read by index; the last ones are kept.

    Args:
        paths (Sequence[str | Path]): The files, in the order of time.
        fps (float): Frames per second. Defaults to 25.
        keep (int): How many of the last frames to keep. Defaults to 8.

    Raises:
        ValueError: If there are no files.
    """

    def __init__(self,
                 paths: Sequence[PathLike],
                 fps: Union[Fraction, float] = DEFAULT_FPS,
                 keep: int = 8) -> None:
        if not paths:
            raise ValueError('an image sequence needs at least one file')
        self.paths = [str(path) for path in paths]
        self.fps = Fraction(fps).limit_denominator(1001)
        self._keep = keep
        self._kept: 'OrderedDict[int, np.ndarray]' = OrderedDict()
        self._load = LoadFrameSequence()

    @property
    def size(self) -> Tuple[int, int]:
        """tuple[int, int]: Width and height of the first frame in pixels."""
        height, width = self[0].shape[:2]
        return width, height

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Tuple[int, np.ndarray]]:
        for index in range(len(self)):
            yield index, self[index]

    def __getitem__(self, index: int) -> np.ndarray:
        """Read one frame.

        Args:
            index (int): Its place in the order of time, 0 <= index < N.

        Returns:
            np.ndarray: The frame, (H, W, 3), uint8, BGR.

        Raises:
            IndexError: If there is no such frame.
            FileNotFoundError: If the file is missing.
            ValueError: If it does not decode or is truncated.
        """
        if not 0 <= index < len(self):
            raise IndexError(f'there is no frame {index}: the frames are 0 '
                             f'to {len(self) - 1}')
        if index not in self._kept:
            clip = self._load(
                dict(frame_paths=[self.paths[index]], frame_offsets=(0, )))
            self._kept[index] = clip['img'][0]
            while len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        return self._kept[index]


class ImageFiles(VideoSource):
    """Image files as a video.

    Args:
        paths (Sequence[str | Path]): The files, in the order of time.
        name (str): What outputs are called.
        input (str): What was opened, as text.
        fps (float): Frames per second. Defaults to 25.
        on_corrupt (str): ``'skip'`` or ``'raise'``. Defaults to ``'skip'``.

    Raises:
        ValueError: If there are none, or they are not frames of one video.
    """

    def __init__(self,
                 paths: Sequence[PathLike],
                 name: str,
                 input: str,
                 fps: Union[Fraction, float] = DEFAULT_FPS,
                 on_corrupt: str = 'skip') -> None:
        self._files = ImageSequence(paths, fps, keep=1)
        super().__init__(name, input, self._files.fps, on_corrupt)
        self.paths = self._files.paths
        self._numbered = number_images(self.paths)
        self.frame_step = self._numbered.step
        self._names = relative_names(self.paths)

    @property
    def num_frames(self) -> int:
        """int: The number of files."""
        return len(self.paths)

    def _frames(self) -> Iterator[DecodedFrame]:
        numbers = self._numbered.numbers
        for index, number in enumerate(map(int, numbers)):
            try:
                with stage('decode'):
                    image = self._files[index]
            except (OSError, ValueError) as error:
                self._skip(f'{self.input}: frame {index} cannot be decoded '
                           f'({error})')
                continue
            steps = (number - int(numbers[0])) // self.frame_step
            yield DecodedFrame(index, float(steps / self.fps), image, number,
                               self._names[index])


def find_images(source: PathLike) -> List[Path]:
    """The image files of a folder or glob, ordered by the numbers in names.

    Args:
        source (str | Path): A folder, a glob such as ``'a/*.jpg'``, or an
            image.

    Returns:
        list[Path]: The files; empty if ``source`` is a file other than an
        image.

    Raises:
        FileNotFoundError: If there is no such file, or no image in the folder
            or among what the glob matches.
    """
    path = Path(source)
    if path.is_file():
        return [path] if path.suffix.lower() in IMAGE_SUFFIXES else []
    if path.is_dir():
        found = list(path.iterdir())
    elif glob.has_magic(str(source)):
        found = [Path(p) for p in glob.glob(str(source), recursive=True)]
    else:
        raise FileNotFoundError(f'{source} does not exist')
    images = [
        p for p in found if p.is_file() and p.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not images:
        raise FileNotFoundError(
            f'{source} has no image files ({", ".join(IMAGE_SUFFIXES)})')
    return sorted(images, key=_natural)


def relative_names(paths: Sequence[PathLike]) -> List[str]:
    """Names of files relative to the folder that they have in common."""
    folder = osp.commonpath([osp.dirname(osp.abspath(p)) for p in paths])
    return [Path(osp.relpath(p, folder)).as_posix() for p in paths]


def number_images(paths: Sequence[PathLike]) -> VideoFrames:
    """Number image files by the last number in their names.

    Args:
        paths (Sequence[str | Path]): The files, N.

    Returns:
        VideoFrames: Their numbers; the place in it is the index in
        ``paths``.

    Raises:
        ValueError: If files have no numbers, are of several videos, or are
            not in the order of their numbers.
    """
    files = [str(path) for path in paths]
    if len(files) == 1:
        return VideoFrames(files[0], np.zeros(1), files)
    videos, numbers = set(), []
    for path in files:
        folder, name = osp.split(path)
        match = re.fullmatch(r'(.*?)(\d+)(\D*)', osp.splitext(name)[0])
        if match is None:
            raise ValueError(
                'the frames of a video must have their numbers in their '
                f'names, such as 000012.jpg, but there is {path}')
        videos.add((folder, match.group(1), match.group(3)))
        numbers.append(int(match.group(2)))
    if len(videos) > 1:
        raise ValueError(
            f'frames of {len(videos)} videos were given where those of one '
            f'are expected, among them {files[0]} and {files[-1]}')
    return VideoFrames(osp.dirname(files[0]), np.array(numbers), files)


def _natural(path: Path) -> list:
    """Sort key: by text, but numbers by their value."""
    return [(int(part), '') if part.isdigit() else (-1, part)
            for part in re.split(r'(\d+)', path.as_posix()) if part]


# containers whose time stamps tell the order in the file, not that of display
_WITHOUT_TIMES = ('avi', )


class VideoFile(VideoSource):
    """A video file, through PyAV.

    Time stamps are those of the file, so that they are right where the frame
    rate varies. Rotation that the file asks for is applied to each frame.

    Args:
        path (str | Path): The file.
        on_corrupt (str): ``'skip'`` or ``'raise'``. Defaults to ``'skip'``.

    Raises:
        FileNotFoundError: If there is no such file.
        VideoReadError: If it is no video or tells no frame rate.
    """

    def __init__(self, path: Union[str, Path], on_corrupt: str = 'skip'):
        self.path = str(path)
        if not Path(path).is_file():
            raise FileNotFoundError(f'the video {self.path} does not exist')
        with self._open() as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            self._named = stream.frames
        if not rate:
            raise VideoReadError(f'{self.path} tells no frame rate')
        super().__init__(Path(path).stem, self.path, rate, on_corrupt)

    @property
    def num_frames(self) -> int:
        """int: What the header names; else its packets are counted."""
        if not self._named:
            with self._open() as container:
                self._named = sum(packet.size > 0
                                  for packet in container.demux(video=0))
        return self._named

    def _open(self) -> av.container.InputContainer:
        try:
            container = av.open(self.path)
        except av.FFmpegError as error:
            raise VideoReadError(
                f'{self.path} cannot be opened as a video: {error}') from error
        if not container.streams.video:
            container.close()
            raise VideoReadError(f'{self.path} has no video stream')
        return container

    def _frames(self) -> Iterator[DecodedFrame]:
        with self._open() as container:
            stream = container.streams.video[0]
            # with decoder threads it depends on their timing whether a
            # corrupt frame is marked as such
            stream.thread_type = 'NONE'
            yield from _Decoding(self, container, stream)


class _Decoding:
    """A pass over a file."""

    def __init__(self, source: VideoFile, container, stream) -> None:
        self._source = source
        self._container = container
        self._stream = stream
        self._index = 0
        self._num_packets = 0
        self._has_times = container.format.name not in _WITHOUT_TIMES
        # the time stamps of the first frame and of the last one
        self._start: Optional[int] = None
        self._last: Optional[int] = None
        # those of the frames that are in the decoder, a heap
        self._expected: List[int] = []
        # when the last packet is decoded, and what is added to time stamps
        self._decoded_at: Optional[int] = None
        self._shift = 0

    def __iter__(self) -> Iterator[DecodedFrame]:
        packets = self._container.demux(self._stream)
        while True:
            with stage('decode'):
                packet = self._next(packets)
                pictures = [] if packet is None else self._decode(packet)
            if packet is None:
                break
            for picture in pictures:
                with stage('decode'):
                    frame = self._place(picture)
                if frame is not None:
                    yield frame
        self._end()

    def _next(self, packets) -> Optional[av.Packet]:
        """The next packet, None at the end."""
        try:
            return next(packets, None)
        except av.FFmpegError as error:
            self._source._skip(
                f'{self._source.path} cannot be read beyond frame '
                f'{self._index}: {error}', 0)
            return None

    def _decode(self, packet: av.Packet) -> List[av.VideoFrame]:
        """The frames that come out of the decoder for a packet."""
        if packet.size:  # the last, empty one empties the decoder
            self._num_packets += 1
            self._go_on_in_time(packet)
            if self._is_timed(packet) and not packet.is_discard:
                heapq.heappush(self._expected, packet.pts)
        try:
            return packet.decode()
        except av.FFmpegError as error:
            if packet.size and not self._is_timed(packet):
                self._lost(1, str(error))
            return []

    def _go_on_in_time(self, packet: av.Packet) -> None:
        """Make a packet's time stamps go on where the clock was set back."""
        if not self._has_times or packet.dts is None or packet.pts is None:
            return
        last, dts = self._decoded_at, packet.dts + self._shift
        if last is not None and dts < last:
            frame = 1 / (self._source.fps * packet.time_base)
            self._shift += last + max(1, round(frame)) - dts
        packet.pts += self._shift
        packet.dts += self._shift
        self._decoded_at = packet.dts

    def _is_timed(self, part: Union[av.Packet, av.VideoFrame]) -> bool:
        """Whether the time at which it is shown is known."""
        return self._has_times and part.pts is not None

    def _place(self, picture: av.VideoFrame) -> Optional[DecodedFrame]:
        """A decoded frame by its index; None if it is of no use."""
        if self._is_timed(picture):
            if self._last is not None and picture.pts <= self._last:
                # it comes too late, after damage, and was counted as lost
                return None
            self._last = picture.pts
            num_lost = 0
            while self._expected and self._expected[0] < picture.pts:
                heapq.heappop(self._expected)
                num_lost += 1
            self._lost(num_lost)
            if self._expected and self._expected[0] == picture.pts:
                heapq.heappop(self._expected)
        index = self._index
        if picture.is_corrupt:
            self._lost(1, 'it is corrupt')
            return None
        self._index += 1
        return DecodedFrame(index, self._seconds(picture, index),
                            upright_image(picture), index)

    def _seconds(self, picture: av.VideoFrame, index: int) -> float:
        if not self._is_timed(picture):
            return float(index / self._source.fps)
        if self._start is None:
            # a lost first frame was shown before
            lead = index / (self._source.fps * picture.time_base)
            self._start = picture.pts - int(lead)
        return float((picture.pts - self._start) * picture.time_base)

    def _lost(self,
              num_frames: int,
              why: str = 'the decoder gives none') -> None:
        for _ in range(num_frames):
            self._source._skip(
                f'{self._source.path}: frame {self._index} cannot be decoded '
                f'({why})')
            self._index += 1

    def _end(self) -> None:
        self._lost(len(self._expected))
        missing = self._source._named - self._num_packets
        if missing > 0:
            self._source._skip(
                f'{self._source.path} is truncated: its header names '
                f'{self._source._named} frames, the last {missing} of them '
                'are not there', missing)


_WEBCAM = re.compile(r'webcam(?::(\d+))?')


def open_video(input: Any,
               fps: Optional[Union[Fraction, float]] = None,
               on_corrupt: str = 'skip') -> VideoSource:
    """Open a video of any kind.

    Args:
        input: One of

            - the path of a video file, a folder of frames, a glob or an
              image;
            - a sequence of paths of images, the frames in order;
            - a sequence of arrays, an array (N, H, W, 3), or any iterable of
              arrays such as a generator, uint8 and BGR;
            - a camera: its index, ``'webcam'`` or ``'webcam:1'``;
            - a :class:`VideoSource`, which is given back.
        fps (float, optional): Frames per second of images and arrays.
            Defaults to ``None``: 25.
        on_corrupt (str): What is done about frames that do not decode:
            ``'skip'``, leave them out, or ``'raise'``. Defaults to
            ``'skip'``.

    Returns:
        VideoSource: The frames.

    Raises:
        FileNotFoundError: If there is nothing to open.
        ValueError: If the input is none of those above or cannot be read, or
            ``fps`` is given for a video that has its own.
    """
    if isinstance(input, VideoSource):
        return input
    if _is_camera(input):
        _refuse(fps, input)
        match = _WEBCAM.fullmatch(str(input))
        return Webcam(
            int(match.group(1) or 0) if match else int(input), on_corrupt)
    rate = DEFAULT_FPS if fps is None else fps
    if isinstance(input, (str, Path)):
        images = find_images(input)
        if images:
            return ImageFiles(images, _name(input), str(input), rate,
                              on_corrupt)
        _refuse(fps, input)
        return VideoFile(input, on_corrupt)
    if _is_list_of_paths(input):
        for path in input:
            if not Path(path).is_file():
                raise FileNotFoundError(f'the frame {path} does not exist')
        folder = Path(input[0]).resolve().parent
        return ImageFiles(input, folder.name, f'{folder} ({len(input)} files)',
                          rate, on_corrupt)
    if isinstance(input, Iterable):
        return ArrayFrames(input, rate, on_corrupt=on_corrupt)
    raise ValueError(
        'a video must be a path, a glob, a sequence of paths or arrays, a '
        f'generator of arrays or a camera, got {type(input).__name__}')


def is_one_video(inputs: Any) -> bool:
    """Whether inputs are one video rather than a sequence of videos.

    Args:
        inputs: What a user calls a video or several.

    Returns:
        bool: False for a list or tuple of anything but arrays and images.
    """
    if not isinstance(inputs, (list, tuple)):
        return True
    return _is_list_of_paths(inputs) or any(
        image is None or isinstance(image, np.ndarray) and image.ndim == 3
        for image in inputs)


def _is_list_of_paths(input: Any) -> bool:
    """Whether it is a list of image files."""
    return isinstance(input, (list, tuple)) and len(input) > 0 and all(
        isinstance(path, (str, Path)) and Path(path).suffix.lower() in
        IMAGE_SUFFIXES and '*' not in str(path) for path in input)


def _is_camera(input: Any) -> bool:
    if isinstance(input, (int, np.integer)):
        return not isinstance(input, bool)
    return isinstance(input, str) and not Path(input).exists() and (
        input.isdigit() or _WEBCAM.fullmatch(input) is not None)


def _refuse(fps: Any, input: Any) -> None:
    if fps is not None:
        raise ValueError(f'{input}: a video has its own frame rate, but '
                         f'fps={fps} was given')


def _name(source: Union[str, Path]) -> str:
    """``a/b.jpg`` -> ``b``, ``a/b`` and ``a/b/*.jpg`` -> ``b``."""
    path = Path(source)
    if path.is_file():
        return path.stem
    if path.is_dir():
        return path.resolve().name
    return path.parent.resolve().name.replace('*', '_')
