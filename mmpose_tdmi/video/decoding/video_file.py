"""A video file, read once and to its end whatever is wrong inside.

Indices count the file's frames in the order of display, by the time stamps of
the packets that went into the decoder: what does not come out of it, with an
error or silently, is known and leaves a hole. AVI has no such time stamps:
there the errors are counted, and a hole may be some frames late, by as many
as the codec reorders.

Recordings that were put together without new time stamps (transport streams)
begin again in their midst: where the time of decoding goes back, what follows
is shown after what came before.

Shape shorthand: H x W pixels of an upright frame.
"""
import heapq
from pathlib import Path
from typing import Iterator, List, Optional, Union

import av

from mmpose_tdmi.utils.video import VideoReadError, upright_image
from ..streaming.stages import stage
from .source import DecodedFrame, VideoSource

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
