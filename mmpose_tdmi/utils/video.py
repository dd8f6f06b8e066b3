"""Reading and writing video files, through PyAV.

Frame indices are 0-based and in the order of display. Frames are BGR, as
OpenCV and MMPose have them, and upright: rotation that the file asks for is
applied.

Between PyAV's frames and arrays of pixels.

Shape shorthand: H x W pixels of an upright frame.

The frames of a video file by index.

Shape shorthand: H x W pixels of an upright frame.

Frames to video files, and video files to one.

Shape shorthand: H x W pixels of a frame.
"""
from collections import OrderedDict
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

import av
import numpy as np
from av.video.reformatter import Interpolation

from .files import atomic_path

__all__ = [
    'VideoReadError', 'VideoReader', 'VideoWriter', 'join_videos',
    'upright_image'
]

#: How colours are converted, both ways. Without the flag they come out up to
#: four levels too dark. Known to PyAV since its flags can be combined; older
#: ones cannot be told.
SCALING = Interpolation.BILINEAR | getattr(Interpolation, 'ACCURATE_RND', 0)


def upright_image(frame: av.VideoFrame) -> np.ndarray:
    """Pixels of a decoded frame, turned as the file asks for.

    Args:
        frame (av.VideoFrame): The frame.

    Returns:
        np.ndarray: (H, W, 3), uint8, BGR.
    """
    image = frame.to_ndarray(format='bgr24', interpolation=SCALING)
    if frame.rotation % 360:
        image = np.ascontiguousarray(
            np.rot90(image, round(frame.rotation / 90)))
    return image


class VideoReadError(ValueError):
    """A video file that cannot be read, in whole or from some frame on."""


class VideoReader:
    """The frames of a video file, one after the other or by index.

    Reading onwards is far cheaper than jumping (a jump decodes from the last
    seek point before the frame), so that steps forward are read through, and
    the frames read last are kept for steps back: a clip's window that moves
    along a video never jumps.

    Args:
        path (str | Path): The video file.
        keep (int): How many of the last frames to keep. Defaults to 8.

    Raises:
        FileNotFoundError: If there is no such file.
        VideoReadError: If it is no video or has no frame that decodes.
    """

    def __init__(self, path: Union[str, Path], keep: int = 8) -> None:
        self.path = str(path)
        if not Path(path).is_file():
            raise FileNotFoundError(f'the video {self.path} does not exist')
        self._keep = keep
        self._kept: 'OrderedDict[int, np.ndarray]' = OrderedDict()
        # per seek point its frame index and time stamp; None until needed
        self._seek_points: Optional[List[Tuple[int, int]]] = None
        self._num_frames = 0
        try:
            self._container = av.open(self.path)
        except av.FFmpegError as error:
            raise VideoReadError(
                f'{self.path} cannot be opened as a video: {error}') from error
        if not self._container.streams.video:
            self._container.close()
            raise VideoReadError(f'{self.path} has no video stream')
        self._stream = self._container.streams.video[0]
        # with decoder threads it depends on their timing whether a corrupt
        # frame is marked as such
        self._stream.thread_type = 'NONE'
        self._start()
        first = self._read()
        if first is None:
            self.close()
            raise VideoReadError(f'{self.path} has no frames')
        self._size = first.shape[1], first.shape[0]

    @property
    def size(self) -> Tuple[int, int]:
        """tuple[int, int]: Width and height in pixels, upright."""
        return self._size

    @property
    def fps(self) -> Fraction:
        """Fraction: Frames per second, the average over the file.

        Raises:
            VideoReadError: If the file does not tell.
        """
        rate = self._stream.average_rate or self._stream.guessed_rate
        if not rate:
            raise VideoReadError(f'{self.path} tells no frame rate')
        return rate

    def __len__(self) -> int:
        """The number of frames in the file.

        Raises:
            VideoReadError: If the file's header names more frames than its
                data hold.
        """
        self._index()
        self._check_end(self._num_frames)
        return self._num_frames

    def __iter__(self) -> Iterator[Tuple[int, np.ndarray]]:
        """Read all frames in order.

        Yields:
            tuple[int, np.ndarray]: A frame's index and the frame, (H, W, 3),
            uint8, BGR.

        Raises:
            VideoReadError: At the first frame that does not decode, or where
                the data end before the number of frames that the file's
                header names.
        """
        index = 0
        while True:
            frame = self._get(index)
            if frame is None:
                self._check_end(index)
                return
            yield index, frame
            index += 1

    def __getitem__(self, index: int) -> np.ndarray:
        """Read one frame.

        Args:
            index (int): The frame, 0 <= index < number of frames.

        Returns:
            np.ndarray: The frame, (H, W, 3), uint8, BGR.

        Raises:
            IndexError: If the video has no such frame.
            VideoReadError: If the frame does not decode, or the header names
                it and the data do not hold it.
        """
        frame = self._get(index) if index >= 0 else None
        if frame is None:
            self._check_end(index)
            raise IndexError(f'{self.path} has no frame {index}: its frames '
                             f'are 0 to {len(self) - 1}')
        return frame

    def close(self) -> None:
        """Close the file."""
        self._decoder = iter(())
        self._container.close()

    def __enter__(self) -> 'VideoReader':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _get(self, index: int) -> Optional[np.ndarray]:
        """Frame ``index``, or None if the data end before it."""
        if index in self._kept:
            return self._kept[index]
        if index < self._position or index > self._position + 4 * self._keep:
            self._jump(index)
        while self._position <= index:
            if self._read() is None:
                return None
        return self._kept[index]

    def _start(self) -> None:
        """Make frame 0 the next one to read."""
        self._container.seek(0)
        self._decoder = self._container.decode(self._stream)
        self._position = 0

    def _jump(self, index: int) -> None:
        """Make the next frame to read one at or before ``index``."""
        self._index()
        points = [point for point in self._seek_points if point[0] <= index]
        if not points or points[-1][0] == 0:
            if index < self._position:
                self._start()
            return
        position, stamp = points[-1]
        if position <= self._position <= index:
            return  # reading on is shorter
        self._container.seek(stamp, stream=self._stream)
        self._decoder = self._container.decode(self._stream)
        self._position = position
        # the seek may land earlier, and frames that are shown before the
        # seek point may follow it in the file
        frame = self._decode()
        while frame is not None and frame.pts != stamp:
            frame = self._decode()
        if frame is None:
            self._start()
        else:
            self._store(frame)

    def _read(self) -> Optional[np.ndarray]:
        """Read the next frame; None at the end of the data."""
        frame = self._decode()
        return None if frame is None else self._store(frame)

    def _decode(self) -> Optional[av.VideoFrame]:
        try:
            return next(self._decoder, None)
        except av.FFmpegError as error:
            raise VideoReadError(f'{self.path}: frame {self._position} cannot '
                                 f'be decoded: {error}') from error

    def _store(self, frame: av.VideoFrame) -> np.ndarray:
        """Keep a decoded frame as the one at the present position."""
        if frame.is_corrupt:
            raise VideoReadError(
                f'{self.path}: frame {self._position} is corrupt')
        image = upright_image(frame)
        self._kept[self._position] = image
        while len(self._kept) > self._keep:
            self._kept.popitem(last=False)
        self._position += 1
        return image

    def _index(self) -> None:
        """Find the number of frames and the seek points, without decoding."""
        if self._seek_points is not None:
            return
        with av.open(self.path) as container:
            packets = [(packet.pts, packet.is_keyframe)
                       for packet in container.demux(video=0) if packet.size
                       and not packet.is_discard and not packet.is_corrupt]
        self._num_frames = len(packets)
        stamps = [stamp for stamp, _ in packets]
        self._seek_points = []
        if None not in stamps and len(set(stamps)) == len(stamps):
            order = {stamp: i for i, stamp in enumerate(sorted(stamps))}
            self._seek_points = sorted((order[stamp], stamp)
                                       for stamp, seekable in packets
                                       if seekable)

    def _check_end(self, missing: int) -> None:
        """Raise if frame ``missing`` should exist by the file's header."""
        self._index()
        expected = self._stream.frames
        if self._num_frames < expected and missing < expected:
            raise VideoReadError(
                f'{self.path} is truncated: its header names {expected} '
                f'frames, but frame {missing} is missing')


class VideoWriter:
    """Write frames as an H.264 video (yuv420p), whole or not at all.

    Use as a context manager; the file appears when the block ends without an
    error. Odd sizes are padded by repeating the last row or column, since
    yuv420p needs even ones.

    Args:
        path (str | Path): The file; its suffix names the container, .mp4.
        fps (Fraction | float): Frames per second, e.g. of the source.
        crf (int): x264's quality, 0 (lossless) to 51. Defaults to 20.
        options (dict[str, str], optional): Further options of x264, such as
            ``preset`` or ``g``, the distance of seek points.

    Raises:
        ValueError: On a frame that is not (H, W, 3) uint8 or differs in size
            from the first one, or whose time is not after the last one's;
            and at the end if no frame was written.
    """

    def __init__(self,
                 path: Union[str, Path],
                 fps: Union[Fraction, float],
                 crf: int = 20,
                 options: Optional[Dict[str, str]] = None) -> None:
        self.path = Path(path)
        self.fps = Fraction(fps)
        if not isinstance(fps, Fraction):
            # containers take fractions of small numbers; 30 / 1.001 and the
            # like stay what they are
            self.fps = self.fps.limit_denominator(1001)
        if self.fps <= 0:
            raise ValueError(f'{path}: fps must be positive, got {fps}')
        self.crf = crf
        self.options = dict(options or {})
        # ticks fine enough for variable rates, of which a frame at the
        # average rate takes a whole number
        self._ticks = -(-10000 // self.fps.numerator) * self.fps.numerator
        self._next_tick = 0
        self._shape: Optional[Tuple[int, ...]] = None
        self._exit = ExitStack()

    def __enter__(self) -> 'VideoWriter':
        temporary = self._exit.enter_context(atomic_path(self.path))
        self._container = self._exit.enter_context(
            av.open(str(temporary), 'w'))
        self._exit.push(self._finish)
        return self

    @property
    def time_base(self) -> Fraction:
        """Fraction: The seconds to whose multiples times are rounded."""
        return Fraction(1, self._ticks)

    def write(self,
              frame: np.ndarray,
              time: Optional[Union[Fraction, float]] = None) -> None:
        """Append a frame.

        Args:
            frame (np.ndarray): The frame, (H, W, 3), uint8, BGR.
            time (Fraction | float, optional): When it is shown, in seconds;
                ascending. Defaults to one frame after the last one's.
        """
        if self._shape is None:
            self._check(frame, frame.shape)
            self._open_stream(frame)
        self._check(frame, self._shape)
        height, width = frame.shape[:2]
        if height % 2 or width % 2:
            frame = np.pad(
                frame, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')
        picture = av.VideoFrame.from_ndarray(
            frame, format='bgr24').reformat(
                format='yuv420p', interpolation=SCALING)
        picture.pts, picture.time_base = self._tick(time), self.time_base
        self._container.mux(self._stream.encode(picture))

    def _tick(self, time: Optional[Union[Fraction, float]]) -> int:
        tick = self._next_tick if time is None else round(time * self._ticks)
        duration = int(self._ticks / self.fps)
        if tick <= self._next_tick - duration:
            raise ValueError(f'{self.path}: a frame at {float(time)} s came '
                             'after one at '
                             f'{(self._next_tick - duration) / self._ticks} s')
        self._next_tick = tick + duration
        return tick

    def _open_stream(self, frame: np.ndarray) -> None:
        self._shape = frame.shape
        self._stream = self._container.add_stream('libx264', rate=self.fps)
        self._stream.height = frame.shape[0] + frame.shape[0] % 2
        self._stream.width = frame.shape[1] + frame.shape[1] % 2
        self._stream.pix_fmt = 'yuv420p'
        self._stream.codec_context.time_base = self.time_base
        self._stream.options = dict(self.options, crf=str(self.crf))

    def _check(self, frame: np.ndarray, shape: Tuple[int, ...]) -> None:
        if (frame.dtype != np.uint8 or frame.shape != shape or len(shape) != 3
                or shape[2] != 3):
            raise ValueError(
                f'{self.path}: expected uint8 frames of one shape (H, W, 3)'
                f'{f", {self._shape} so far" if self._shape else ""}; got '
                f'{frame.dtype} {frame.shape}')

    def _finish(self, error_type, error, traceback) -> None:
        if error is not None:
            return
        if self._shape is None:
            raise ValueError(f'{self.path}: no frame was written')
        self._container.mux(self._stream.encode(None))

    def __exit__(self, *error) -> None:
        self._exit.__exit__(*error)


def join_videos(pieces: Sequence[Tuple[Union[str, Path], Fraction]],
                path: Union[str, Path]) -> None:
    """Join videos to one, whole or not at all, without encoding them anew.

    The index comes first in the file, so that players can start at once.

    Args:
        pieces (Sequence[tuple]): The files and when each starts, in seconds.
            :class:`VideoWriter` wrote them with the same settings and the
            option ``bf='0'``: were frames stored in another order than they
            are shown, pieces could overlap in the file.
        path (str | Path): The joined file.
    """
    with atomic_path(path) as temporary, av.open(
            str(temporary), 'w', options=dict(movflags='faststart')) as joined:
        stream = None
        for piece, start in pieces:
            with av.open(str(piece)) as container:
                source = container.streams.video[0]
                if stream is None:
                    stream = joined.add_stream_from_template(source)
                    stream.time_base = source.time_base
                shift = round(start / source.time_base)
                for packet in container.demux(source):
                    if packet.dts is None:
                        continue  # the end of the stream
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    joined.mux(packet)
