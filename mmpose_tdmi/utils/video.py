"""Reading, writing and joining of video files, and live streams, through PyAV.

Frame indices are 0-based and in the order of display. Frames are arrays
(H, W, 3) of uint8 in BGR, as OpenCV and MMPose have them, and upright: they
are turned and mirrored as the file asks for, and pixels stay as stored where
they are not square.
"""
import math
import re
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import (Any, Callable, Deque, Dict, Generator, Iterator, List,
                    Optional, Sequence, Tuple, Union)

import av
import numpy as np
from av.format import Flags
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from av.video.reformatter import Interpolation

from .files import atomic_path

#: How colours are converted, both ways. Without the flag, FFmpeg's
#: SWS_ACCURATE_RND, they come out up to four levels too dark; before 18, PyAV
#: takes it but has no name for it.
SCALING = Interpolation.BILINEAR | 1 << 18
#: In an mp4 whose ends are told in milliseconds, short frames are cut off.
_EXACT = dict(movie_timescale='90000')
#: Seconds without an answer after which a connection is broken, without a
#: frame after which a stream is given up, and of the first and longest pause.
SILENCE, PATIENCE = 10., 60.
PAUSES = (1., 30.)
_ADDRESS = re.compile(r'(rtsps?|rtmps?|https?|udp)://', re.IGNORECASE)


def is_address(source: Any) -> bool:
    """Whether a video is somewhere on the network."""
    return isinstance(source, str) and _ADDRESS.match(source) is not None


def shown(source: Union[str, Path]) -> str:
    """A path; an address without user, password and query."""
    if is_address(source):
        source = re.sub('(?<=://).*@', '', str(source)).partition('?')[0]
    return str(source)


def _reason(error: Exception) -> str:
    """What is wrong; without the address, which PyAV adds."""
    if isinstance(error, av.ExitError):
        return f'no answer for {SILENCE:g} s'
    return getattr(error, 'strerror', None) or str(error)


def rational_rate(fps: Union[Fraction, float]) -> Fraction:
    """A frame rate as a fraction of small numbers, as containers take it:
    30 / 1.001 and the like, and one frame an hour, stay what they are."""
    if 0 < fps < 1:
        return 1 / rational_rate(1 / Fraction(fps))
    return Fraction(fps).limit_denominator(1001)


def _orientation(frame: av.VideoFrame) -> Tuple[bool, int, int]:
    """Whether a frame's rows are to become columns, and then the steps, 1 or
    -1, with which rows and columns are read: FFmpeg's ``autorotate``."""
    found = frame.side_data.get(SideData.DISPLAYMATRIX)
    if found is None:
        return False, 1, 1
    a, b, _, c, d = np.frombuffer(bytes(found), np.int32)[:5].tolist()
    is_turned = abs(b) + abs(c) > abs(a) + abs(d)
    x, y = (c, b) if is_turned else (a, d)
    return is_turned, -1 if y < 0 else 1, -1 if x < 0 else 1


def upright_image(frame: av.VideoFrame) -> np.ndarray:
    """Pixels of a decoded frame, turned and mirrored as the file asks for."""
    image = frame.to_ndarray(format='bgr24', interpolation=SCALING)
    is_turned, row_step, column_step = _orientation(frame)
    if is_turned:
        image = image.transpose(1, 0, 2)
    return np.ascontiguousarray(image[::row_step, ::column_step])


class VideoReadError(ValueError):
    """A video file that cannot be read, in whole or from some frame on."""


def _refuse(what: str, num_frames: int) -> None:
    raise VideoReadError(what)


class VideoDecoder:
    """The frames of a file, once and to its end whatever is wrong inside.

    They are those of FFmpeg's best stream that is no cover picture. The codec
    works in one thread: with more, what becomes of damaged frames depends on
    their timing. Colours, which take about as long, are converted in others.

    ``lost(what, number)`` is called about frames that cannot be decoded; by
    default they are a :class:`VideoReadError`, as is a file that is no video
    or tells no frame rate. ``fps`` is for bare streams, without time stamps.
    """

    #: Why a live stream was given up.
    failure: Optional[str] = None

    def __init__(self,
                 path: Union[str, Path],
                 lost: Callable[[str, int], None] = _refuse,
                 fps: Union[Fraction, float, None] = None) -> None:
        self._source, self.path = str(path), shown(path)
        self.lost = lost
        #: Width of a pixel by its height, upright; of the frame read last.
        self.pixel_aspect = Fraction(1)
        if not (is_address(path) or Path(path).is_file()):
            raise FileNotFoundError(f'the video {self.path} does not exist')
        with self.open() as (container, stream):
            is_bare = bool(container.format.flags & Flags.no_timestamps.value)
            if fps is not None and not is_bare:
                raise ValueError(f'{self.path}: a video has its own frame '
                                 f'rate, but fps={fps} was given')
            if fps is not None and not fps > 0:
                raise ValueError(
                    f'{self.path}: fps must be positive, got {fps}')
            #: Whether time stamps tell when frames are shown; those of an AVI
            #: tell the order in the file.
            self.has_times = not is_bare and container.format.name != 'avi'
            #: Frames that the header names; 0 if it names none.
            self.num_named: int = stream.frames
            are_hidden = [entry.is_discard for entry in _index(stream)]
            if self.num_named and 'mp4' in container.format.name:
                # without what is cut off
                if are_hidden:
                    self.num_named = len(are_hidden)
                else:
                    are_hidden = self._are_hidden()
                    if len(are_hidden) < self.num_named:
                        self.num_named += len(are_hidden) - len(
                            self._are_hidden(ignore_editlist='1'))
            #: Frames as the header or else packets tell, without decoding.
            self.num_frames: Optional[int] = self.num_named - sum(are_hidden)
            rate = fps or stream.average_rate
            if not self.num_named or not rate:
                # a rate that is guessed from the time stamps' unit, such as
                # browsers' 1000, is many times what they tell
                self.num_frames, steps = _look_through(container, stream)
                unit = float(stream.time_base)
                if self.has_times and any(steps) and (not rate or rate * unit *
                                                      np.median(steps) > 2):
                    rate = rational_rate(1 / (unit * float(np.mean(steps))))
            self.fps = rate or stream.guessed_rate
        if not self.fps:
            raise VideoReadError(f'{self.path} tells no frame rate')

    @contextmanager
    def open(self, **options: str) -> Iterator[Tuple[Any, Any]]:
        """The container and its stream."""
        try:
            container = av.open(
                self._source,
                options=options,
                timeout=SILENCE if is_address(self._source) else None)
        except av.FFmpegError as error:
            raise VideoReadError(f'{self.path} cannot be opened as a video: '
                                 f'{_reason(error)}') from None
        with container:
            streams = [
                stream for stream in container.streams.video
                if stream.codec_context is not None and not _is_cover(stream)
            ]
            if not streams:
                cover = any(map(_is_cover, container.streams.video))
                raise VideoReadError(
                    f'{self.path} has no video stream'
                    f'{", only a cover picture" if cover else ""}')
            best = container.streams.best('video')
            yield container, max(streams, key=lambda stream: stream is best)

    def lose(self, index: int, why: str) -> None:
        self.lost(f'{self.path}: frame {index} cannot be decoded ({why})', 1)

    def _are_hidden(self, **options: str) -> List[bool]:
        """Of each packet that can be read whether it is not to be shown."""
        with self.open(**options) as (container, stream):
            return [packet.is_discard for packet in _read(container, stream)]

    def __iter__(self) -> Iterator[Tuple[int, float, np.ndarray]]:
        """A pass over the file: the frames' indices, with a hole where one is
        lost, times in seconds since the first, and pixels."""
        converted: Deque[Tuple[int, float, Any]] = deque()
        error: Optional[Exception] = None

        def finished() -> Tuple[int, float, np.ndarray]:
            index, seconds, image = converted.popleft()
            return index, seconds, image.result()

        with self.open() as (container, stream), \
                ThreadPoolExecutor(2) as converters:
            try:
                for index, seconds, picture in _Pass(self, container,
                                                     stream).pictures():
                    aspect = stream.sample_aspect_ratio or Fraction(1)
                    is_turned, _, _ = _orientation(picture)
                    self.pixel_aspect = 1 / aspect if is_turned else aspect
                    image = converters.submit(upright_image, picture)
                    converted.append((index, seconds, image))
                    if len(converted) > 4:
                        yield finished()
            except VideoReadError as damage:  # the frames before it first
                error = damage
            while converted:
                yield finished()
        if error is not None:
            raise error


def _is_cover(stream: Any) -> bool:
    return bool(
        getattr(stream.disposition, 'value', stream.disposition)
        & Disposition.attached_pic.value)


def _index(stream: Any) -> Sequence[Any]:
    """The container's index, if it has one; PyAV 15 gives none, for which
    :meth:`VideoDecoder._are_hidden` reads an mp4's packets."""
    return getattr(stream, 'index_entries', ())


def _read(container: Any, stream: Any) -> Iterator[av.Packet]:
    """The packets that can be read; the pass that decodes tells of others."""
    with suppress(av.FFmpegError):
        for packet in container.demux(stream):
            if packet.size:
                yield packet


def _look_through(container: Any, stream: Any) -> Tuple[int, List[int]]:
    """The number of frames from the first key frame on, and the steps forward
    of the packets' time stamps."""
    packets = [(packet.is_keyframe, packet.is_discard, packet.dts)
               for packet in _read(container, stream)]
    first = next((i for i, (is_key, *_) in enumerate(packets) if is_key), 0)
    times = [time for *_, time in packets]
    steps = [
        after - before for before, after in zip(times, times[1:])
        if None not in (before, after) and after >= before
    ]
    return sum(not is_hidden for _, is_hidden, _ in packets[first:]), steps


class LiveDecoder(VideoDecoder):
    """The frames of a stream from an address, as they come.

    A connection that breaks, ends or is silent is made anew, after pauses that
    double; after ``PATIENCE`` seconds without a frame the frames end, and
    ``failure`` says why. Frames are numbered as they come; what a break has
    cost, at the frame rate but at least one, are holes. Times are the clock's.
    """

    def __init__(self, address: str, lost: Callable[[str, int], None]) -> None:
        self._source, self.path = address, shown(address)
        self.lost, self.num_frames = lost, None
        self._connection = self._connect()
        next(self._connection)

    def _connect(self) -> Generator[Optional[av.Packet], None, None]:
        """None, when a connection is made, and its packets."""
        with self.open() as (container, stream):
            #: Whether it has a length or, unless that is a list's, a size.
            self.is_file = self._source.lower().startswith('http') and bool(
                container.duration or (container.size or 0) > 0
                and container.format.name not in ('hls', 'dash'))
            self.fps = stream.guessed_rate or Fraction(25)
            self.pixel_aspect = stream.sample_aspect_ratio or Fraction(1)
            yield None
            yield from container.demux(stream)

    def __iter__(self) -> Iterator[Tuple[int, float, np.ndarray]]:
        index, seconds, has_begun = 0, -1., False
        start = self._heard = time.monotonic()
        for packet in self._packets():
            if packet is None:
                has_begun = False
                continue
            try:
                pictures = packet.decode()
            except av.FFmpegError as error:
                pictures = []
                if has_begun:
                    self.lose(index, _reason(error))
                    index += 1
            for picture in pictures:
                now = time.monotonic()
                if index and not has_begun:
                    index += max(1, round((now - self._heard) * self.fps))
                has_begun, seconds = True, max(now - start, seconds + 1e-3)
                yield index, seconds, upright_image(picture)
                index += 1
                self._heard = time.monotonic()

    def _packets(self) -> Iterator[Optional[av.Packet]]:
        """Those of one connection after the other, None at each's start."""
        told, pause, left = -math.inf, 0., PATIENCE
        while left > 0:
            since, why = time.monotonic(), f'no frame for {SILENCE:g} s'
            try:
                for packet in self._connection:
                    yield packet
                    if time.monotonic() - max(self._heard, since) > SILENCE:
                        break
                else:
                    why = 'the stream has ended'
            except (av.FFmpegError, VideoReadError) as error:
                why = _reason(error)
            finally:
                self._connection.close()
            if self._heard > told:  # frames have come since
                told, pause = time.monotonic(), PAUSES[0]
                print(f'{self.path}: {why}: connecting again', file=sys.stderr)
            left = self._heard + PATIENCE - time.monotonic()
            time.sleep(max(0, min(pause, left)))
            pause = min(2 * pause, PAUSES[1])
            self._connection = self._connect()
        self.failure = (f'{self.path}: given up after {PATIENCE:g} s without '
                        f'a frame ({why})')


def open_decoder(path: Union[str, Path], lost: Callable[[str, int], None],
                 fps: Union[Fraction, float, None]) -> VideoDecoder:
    """A decoder of a file, or of what an address gives."""
    live = LiveDecoder(str(path), lost) if is_address(path) else None
    if live is None or live.is_file:
        return VideoDecoder(path, lost, fps)
    if fps is not None:
        raise ValueError(f'{live.path}: a stream has its own frame rate, but '
                         f'fps={fps} was given')
    return live


class _Pass:
    """A pass over a file, which says what frame has what index.

    - Every picture that decodes is a frame, in the order in which the decoder
      gives them, whatever its time stamp. What an edit list cuts off is none.
    - A packet that is damaged leaves a hole: the decoder fails on it, calls
      its picture corrupt, or gives none after a failure until the next key
      frame. A packet that gives no picture otherwise (a second field, a frame
      that is never shown) is no frame.
    - The video begins with its first picture: what comes before, where a
      stream starts in the midst of a group of pictures, is no part of it. Only
      where the container's index says that the first packet is a key frame,
      holes can come first.
    - Frames that the header names and the file has not are holes at the end.

    A picture is known by the number of its packet, which takes the place of
    the time stamp in the decoder. AVI and bare streams have no times of
    display: there a hole may be late by as many frames as the codec reorders.

    Recordings that were put together without new time stamps (transport
    streams) begin again in their midst: where the time of decoding goes back,
    what follows is shown after what came before.
    """

    def __init__(self, decoder: VideoDecoder, container: Any,
                 stream: Any) -> None:
        self._decoder = decoder
        self._container = container
        self._stream = stream
        self._stream.thread_type = 'NONE'
        self._index = 0
        self._has_begun = False
        self._num_packets = 0
        # when packets in the decoder are shown, by their numbers
        self._times: Dict[int, Optional[int]] = {}
        # damaged packets: when they are shown, and what is wrong
        self._damaged: Dict[int, Tuple[Optional[int], str]] = {}
        # what is shown before it is damaged if it gives no picture
        self._damaged_until = -math.inf
        # the time stamp of the first frame, and the seconds of the last one
        self._start: Optional[int] = None
        self._seconds = -math.inf
        # when the last packet is decoded, and what is added to time stamps
        self._decoded_at: Optional[int] = None
        self._shift = 0

    def pictures(self) -> Iterator[Tuple[int, float, av.VideoFrame]]:
        """The frames' indices, seconds and pictures."""
        for packet in self._packets():
            for picture in self._decode(packet):
                if self._place(picture):
                    yield self._index - 1, self._seconds, picture
        if self._has_begun:
            for _, why in self._damaged.values():
                self._lost(why)
        named = self._decoder.num_named
        missing = named - self._num_packets
        if missing > 0:
            self._decoder.lost(
                f'{self._decoder.path} is truncated: its header names {named} '
                f'frames, the last {missing} of them are not there', missing)

    def _packets(self) -> Iterator[av.Packet]:
        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError as error:
            self._decoder.lost(
                f'{self._decoder.path} cannot be read beyond frame '
                f'{self._index}: {_reason(error)}', 0)
            last = av.Packet()  # what the decoder still holds comes out
            last.stream = self._stream
            yield last

    def _decode(self, packet: av.Packet) -> List[av.VideoFrame]:
        """The pictures that come out of the decoder for a packet."""
        if not packet.size:  # the last, empty one empties the decoder
            try:
                return packet.decode()
            except av.FFmpegError:
                return []
        number, time = self._num_packets, self._time(packet)
        if number == 0:
            first = next(iter(_index(self._stream)), None)
            self._has_begun = (
                self._decoder.num_named > 0 if first is None else
                first.is_keyframe and first.pos == packet.pos)
        self._num_packets += 1
        self._times[number] = time
        self._times.pop(number - 128, None)  # no decoder holds so many back
        packet.pts = number
        why = 'the decoder gives none'
        pictures: List[av.VideoFrame] = []
        try:
            pictures = packet.decode()
        except av.FFmpegError as error:
            why, self._damaged_until = str(error), math.inf
        else:
            if packet.is_keyframe and self._damaged_until == math.inf:
                self._damaged_until = -math.inf if time is None else time
        is_damaged = self._damaged_until == math.inf or (
            time is not None and time < self._damaged_until)
        if is_damaged and not packet.is_discard:
            self._damaged[number] = time, why
        return pictures

    def _time(self, packet: av.Packet) -> Optional[int]:
        """When a packet is shown, on a clock that goes on where the file's was
        set back; None if that is not known."""
        if not self._decoder.has_times or packet.pts is None:
            return None
        if packet.dts is not None:
            last, dts = self._decoded_at, packet.dts + self._shift
            if last is not None and dts < last:
                frame = 1 / (self._decoder.fps * packet.time_base)
                self._shift += last + max(1, round(frame)) - dts
            self._decoded_at = packet.dts + self._shift
        return packet.pts + self._shift

    def _place(self, picture: av.VideoFrame) -> bool:
        """Give a picture its index; False if it is of no use."""
        number = self._num_packets if picture.pts is None else picture.pts
        time = self._times.pop(number, None)
        self._damaged.pop(number, None)
        for other, (shown, why) in list(self._damaged.items()):
            is_before = (
                other < number if None in (shown, time) else shown < time)
            if self._has_begun and is_before:
                self._lost(why)
            if is_before or not self._has_begun and other < number:
                del self._damaged[other]
        if picture.is_corrupt:
            if self._has_begun:
                self._lost('it is corrupt')
            return False
        self._has_begun = True
        self._tick(time)
        self._index += 1
        return True

    def _tick(self, time: Optional[int]) -> None:
        """Move on to when the next frame is shown."""
        frame = float(1 / self._decoder.fps)
        seconds = self._index * frame
        if time is not None:
            tick = self._stream.time_base
            if self._start is None:  # a lost first frame was shown before
                self._start = time - int(seconds / tick)
            seconds = float((time - self._start) * tick)
        if seconds <= self._seconds:  # a repeated time stamp, or one back
            seconds = self._seconds + frame / 2
        self._seconds = seconds

    def _lost(self, why: str) -> None:
        self._decoder.lose(self._index, why)
        self._index += 1


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
        pixel_aspect: Width of a pixel by its height.

    Raises:
        ValueError: On a frame of another type or size than the first one's,
            or not after it in time; at the end if no frame was written.
    """

    def __init__(
        self,
        path: Union[str, Path],
        fps: Union[Fraction, float],
        crf: int = 20,
        options: Optional[Dict[str, str]] = None,
        pixel_aspect: Fraction = Fraction(1)
    ) -> None:
        self.path = Path(path)
        self.fps = fps if isinstance(fps, Fraction) else rational_rate(fps)
        if self.fps <= 0:
            raise ValueError(f'{path}: fps must be positive, got {fps}')
        self.options = dict(options or {}, crf=str(crf))
        self.pixel_aspect = pixel_aspect
        # ticks a second, fine enough for variable rates, of which a frame at
        # the average rate takes a whole number
        fine = max(1, math.ceil(10000 * min(float(self.fps), 1)))
        self._ticks = -(-fine // self.fps.numerator) * self.fps.numerator
        self._next_tick = 0
        self._stream: Any = None
        self._shape: Optional[Tuple[int, ...]] = None  # once one is written

    def __enter__(self) -> 'VideoWriter':
        self._context = self._open()
        self._context.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._context.__exit__(*error)

    @contextmanager
    def _open(self) -> Iterator[None]:
        with atomic_path(self.path) as temporary, av.open(
                str(temporary), 'w', options=_EXACT) as self._container:
            yield
            if self._shape is None:
                raise ValueError(f'{self.path}: no frame was written')
            self._container.mux(self._stream.encode(None))

    @property
    def time_base(self) -> Fraction:
        """Fraction: The seconds to whose multiples times are rounded."""
        return Fraction(1, self._ticks)

    def write(self,
              frame: np.ndarray,
              time: Optional[Union[Fraction, float]] = None) -> None:
        """Append a frame, (H, W, 3), that is shown at a time in seconds, by
        default one frame after the last one's."""
        shape = frame.shape
        if (frame.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3
                or self._shape not in (None, shape)):
            raise ValueError(
                f'{self.path}: expected uint8 frames of one shape (H, W, 3)'
                f'{f", {self._shape} so far" if self._shape else ""}; got '
                f'{frame.dtype} {shape}')
        if shape[0] % 2 or shape[1] % 2:
            frame = np.pad(frame,
                           ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)),
                           'edge')
        if self._stream is None:
            self._stream = self._container.add_stream('libx264', rate=self.fps)
            self._stream.height, self._stream.width = frame.shape[:2]
            self._stream.pix_fmt = 'yuv420p'
            self._stream.codec_context.time_base = self.time_base
            self._stream.codec_context.sample_aspect_ratio = self.pixel_aspect
            self._stream.options = self.options
        picture = av.VideoFrame.from_ndarray(
            frame, format='bgr24').reformat(
                format='yuv420p', interpolation=SCALING)
        picture.pts, picture.time_base = self._tick(time), self.time_base
        self._container.mux(self._stream.encode(picture))
        self._shape = shape

    def _tick(self, time: Optional[Union[Fraction, float]]) -> int:
        tick = self._next_tick if time is None else round(time * self._ticks)
        duration = int(self._ticks / self.fps)
        if tick <= self._next_tick - duration:
            last = (self._next_tick - duration) / self._ticks
            raise ValueError(f'{self.path}: a frame at {float(time)} s came '
                             f'after one at {last} s')
        self._next_tick = tick + duration
        return tick


def join_videos(pieces: Sequence[Tuple[Union[str, Path], Fraction]],
                path: Union[str, Path]) -> None:
    """Join videos, each with its start in seconds, whole or not at all and
    without encoding them anew; the index comes first, for players to start.

    :class:`VideoWriter` wrote the pieces with the same settings and
    ``bf='0'``: with reordered frames, pieces could overlap in the file.
    """
    with atomic_path(path) as temporary, av.open(
            str(temporary), 'w', options=dict(_EXACT,
                                              movflags='faststart')) as joined:
        stream = None
        for piece, start in pieces:
            with av.open(str(piece)) as container:
                source = container.streams.video[0]
                if stream is None:
                    # packets only: PyAV 15 would open an encoder otherwise
                    stream = joined.add_stream_from_template(
                        source, opaque=True)
                    stream.time_base = source.time_base
                shift = round(start / source.time_base)
                for packet in container.demux(source):
                    if packet.dts is None:
                        continue  # the end of the stream
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    joined.mux(packet)
