"""Reading, writing and joining of video files, through PyAV.

Frame indices are 0-based and in the order of display. Frames are arrays
(H, W, 3) of uint8 in BGR, as OpenCV and MMPose have them, and upright:
rotation that the file asks for is applied.
"""
import heapq
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import (Any, Callable, Deque, Dict, Iterator, List, Optional,
                    Sequence, Tuple, Union)

import av
import numpy as np
from av.video.reformatter import Interpolation

from .files import atomic_path
from .stages import stage

__all__ = [
    'VideoDecoder', 'VideoReadError', 'VideoWriter', 'join_videos',
    'upright_image'
]

#: How colours are converted, both ways. Without the flag, which old versions
#: of PyAV cannot be told, they come out up to four levels too dark.
SCALING = Interpolation.BILINEAR | getattr(Interpolation, 'ACCURATE_RND', 0)
#: Threads that convert colours, and how many pictures may be with them.
CONVERTERS, MAX_CONVERTED = 2, 4
#: Containers whose time stamps tell the order in the file, not of display.
_WITHOUT_TIMES = ('avi', )


def upright_image(frame: av.VideoFrame) -> np.ndarray:
    """Pixels of a decoded frame, turned as the file asks for."""
    image = frame.to_ndarray(format='bgr24', interpolation=SCALING)
    if frame.rotation % 360:
        image = np.ascontiguousarray(
            np.rot90(image, round(frame.rotation / 90)))
    return image


class VideoReadError(ValueError):
    """A video file that cannot be read, in whole or from some frame on."""


def _refuse(what: str, num_frames: int) -> None:
    raise VideoReadError(what)


class VideoDecoder:
    """The frames of a file, once and to its end whatever is wrong inside.

    The codec works in one thread: with more, what becomes of damaged frames
    depends on their timing. Colours, which take about as long, are converted
    in threads of their own.

    ``lost(what, number)`` is called about frames that cannot be decoded; by
    default they are a :class:`VideoReadError`, as is a file that is no video
    or tells no frame rate.
    """

    def __init__(self,
                 path: Union[str, Path],
                 lost: Callable[[str, int], None] = _refuse) -> None:
        self.path = str(path)
        self.lost = lost
        if not Path(path).is_file():
            raise FileNotFoundError(f'the video {self.path} does not exist')
        with self.open() as container:
            stream = container.streams.video[0]
            self.fps = stream.average_rate or stream.guessed_rate
            self._num_frames = stream.frames
        if not self.fps:
            raise VideoReadError(f'{self.path} tells no frame rate')
        #: Frames that the header names; 0 if it names none.
        self.num_named: int = self._num_frames

    @property
    def num_frames(self) -> int:
        """int: What the header names; else its packets are counted."""
        if not self._num_frames:
            with self.open() as container:
                self._num_frames = sum(packet.size > 0
                                       for packet in container.demux(video=0))
        return self._num_frames

    def open(self) -> av.container.InputContainer:
        """The container, which has a video stream."""
        try:
            container = av.open(self.path)
        except av.FFmpegError as error:
            raise VideoReadError(
                f'{self.path} cannot be opened as a video: {error}') from error
        if not container.streams.video:
            container.close()
            raise VideoReadError(f'{self.path} has no video stream')
        return container

    def __iter__(self) -> Iterator[Tuple[int, float, np.ndarray]]:
        """A pass over the file: the frames' indices, with a hole where one is
        lost, times in seconds since the first, and pixels."""
        converted: Deque[Tuple[int, float, Any]] = deque()
        error: Optional[Exception] = None
        with self.open() as container, \
                ThreadPoolExecutor(CONVERTERS) as converters:
            pictures = _Pass(self, container).pictures()
            while True:
                try:
                    found = next(pictures, None)
                except VideoReadError as damage:  # the frames before it first
                    found, error = None, damage
                if found is None:
                    break
                image = converters.submit(upright_image, found[2])
                converted.append((*found[:2], image))
                if len(converted) > MAX_CONVERTED:
                    yield _finished(*converted.popleft())
            while converted:
                yield _finished(*converted.popleft())
        if error is not None:
            raise error


def _finished(index: int, seconds: float,
              image: Any) -> Tuple[int, float, np.ndarray]:
    with stage('decode'):
        return index, seconds, image.result()


class _Pass:
    """A pass over a file.

    The packets' time stamps tell which frames there must be: what does not
    come out of the decoder, with an error or silently, leaves a hole. AVI has
    no such time stamps: there the errors are counted, and a hole may be late
    by as many frames as the codec reorders.

    Recordings that were put together without new time stamps (transport
    streams) begin again in their midst: where the time of decoding goes back,
    what follows is shown after what came before.
    """

    def __init__(self, decoder: VideoDecoder, container: Any) -> None:
        self._decoder = decoder
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = 'NONE'
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

    def pictures(self) -> Iterator[Tuple[int, float, av.VideoFrame]]:
        """The frames' indices, seconds and pictures."""
        packets = self._container.demux(self._stream)
        while True:
            with stage('decode'):
                packet = self._next(packets)
                pictures = [] if packet is None else self._decode(packet)
            if packet is None:
                break
            for picture in pictures:
                index = self._place(picture)
                if index is not None:
                    yield index, self._seconds(picture, index), picture
        self._lost(len(self._expected))
        named = self._decoder.num_named
        missing = named - self._num_packets
        if missing > 0:
            self._decoder.lost(
                f'{self._decoder.path} is truncated: its header names {named} '
                f'frames, the last {missing} of them are not there', missing)

    def _next(self, packets) -> Optional[av.Packet]:
        """The next packet, None at the end."""
        try:
            return next(packets, None)
        except av.FFmpegError as error:
            self._decoder.lost(
                f'{self._decoder.path} cannot be read beyond frame '
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
            frame = 1 / (self._decoder.fps * packet.time_base)
            self._shift += last + max(1, round(frame)) - dts
        packet.pts += self._shift
        packet.dts += self._shift
        self._decoded_at = packet.dts

    def _is_timed(self, part: Union[av.Packet, av.VideoFrame]) -> bool:
        """Whether the time at which it is shown is known."""
        return self._has_times and part.pts is not None

    def _place(self, picture: av.VideoFrame) -> Optional[int]:
        """A picture's index; None if it is of no use."""
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
        if picture.is_corrupt:
            self._lost(1, 'it is corrupt')
            return None
        self._index += 1
        return self._index - 1

    def _seconds(self, picture: av.VideoFrame, index: int) -> float:
        if not self._is_timed(picture):
            return float(index / self._decoder.fps)
        if self._start is None:
            # a lost first frame was shown before
            lead = index / (self._decoder.fps * picture.time_base)
            self._start = picture.pts - int(lead)
        return float((picture.pts - self._start) * picture.time_base)

    def _lost(self,
              num_frames: int,
              why: str = 'the decoder gives none') -> None:
        for _ in range(num_frames):
            index, self._index = self._index, self._index + 1
            self._decoder.lost(
                f'{self._decoder.path}: frame {index} cannot be decoded '
                f'({why})', 1)


class VideoWriter:
    """Write frames as an H.264 video (yuv420p), whole or not at all.

    Use as a context manager; the file appears when the block ends without an
    error. Odd sizes are padded by repeating the last row or column, since
    yuv420p needs even ones.

    Args:
        path: The file; its suffix names the container, .mp4.
        fps: Frames per second, e.g. of the source.
        crf: x264's quality, 0 (lossless) to 51.
        options: More of x264's, such as ``g``, the distance of seek points.

    Raises:
        ValueError: On a frame of another type or size than the first one's,
            or not after it in time; at the end if no frame was written.
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
        """Append a frame, (H, W, 3), that is shown at a time in seconds, by
        default one frame after the last one's."""
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
            last = (self._next_tick - duration) / self._ticks
            raise ValueError(f'{self.path}: a frame at {float(time)} s came '
                             f'after one at {last} s')
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
    """Join videos, each with its start in seconds, whole or not at all and
    without encoding them anew; the index comes first, for players to start.

    :class:`VideoWriter` wrote the pieces with the same settings and
    ``bf='0'``: with reordered frames, pieces could overlap in the file.
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
