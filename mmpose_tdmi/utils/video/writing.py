"""Frames to video files, and video files to one.

Shape shorthand: H x W pixels of a frame.
"""
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple, Union

import av
import numpy as np

from ..files import atomic_path
from .pixels import SCALING


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
