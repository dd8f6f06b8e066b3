"""The records of a run in a file of lines, which survives the run's end.

One line per frame, written at once: whatever ends the process, the file is
whole but for its last line, which is dropped by whoever goes on with it.

A video that is written in pieces, so that an interrupted run can go on.

A piece is a video file of its own, named by its frames; what was in a piece
that was not finished is lost. In the end they are joined without encoding
them anew.

Shape shorthand: H x W pixels.
"""
import json
import os
import re
from fractions import Fraction
from pathlib import Path
from typing import (IO, Any, Dict, Iterator, List, NamedTuple, Optional, Tuple,
                    Union)

import av
import cv2
import numpy as np

from mmpose_tdmi.utils.video import VideoWriter, join_videos


class Journal:
    """Frame records that are appended to a file.

    Args:
        path (Path): The file. What is in it is kept as far as it is whole.

    Raises:
        ValueError: If the file is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # unbuffered: what is written is in the file, and nothing else is
        self._file: IO[bytes] = path.open('ab', buffering=0)
        self._length, self._last = self._scan()
        self._file.truncate(self._length)

    @property
    def next_index(self) -> int:
        """int: The first frame index after those in the file."""
        return 0 if self._last is None else self._last + 1

    def append(self, record: Dict[str, Any]) -> None:
        """Add the record of a frame.

        Args:
            record (dict): Plain values with ``frame``, the frame's index.

        Raises:
            ValueError: If the index does not ascend.
            OSError: If the disk is full. The file stays what it was.
        """
        if record['frame'] < self.next_index:
            raise ValueError(
                f'frames must ascend: {record["frame"]} came after '
                f'{self._last}')
        line = json.dumps(
            record, separators=(',', ':'), ensure_ascii=False,
            allow_nan=False).encode() + b'\n'
        try:
            left = memoryview(line)
            while left:
                left = left[self._file.write(left):]
        except OSError:
            self._file.truncate(self._length)
            raise
        self._length += len(line)
        self._last = record['frame']

    def lines(self) -> Iterator[bytes]:
        """Iterator[bytes]: The records as json, without line ends."""
        with self.path.open('rb') as file:
            left = self._length
            for line in file:
                left -= len(line)
                if left < 0:
                    return
                yield line[:-1]

    def records(self) -> Iterator[Dict[str, Any]]:
        """Iterator[dict]: The records in order."""
        return map(json.loads, self.lines())

    def cut(self, index: int) -> None:
        """Drop the records of a frame and all later ones.

        Args:
            index (int): The frame's index.
        """
        length, last = 0, None
        for line in self.lines():
            frame = json.loads(line)['frame']
            if frame >= index:
                break
            length, last = length + len(line) + 1, frame
        self._file.truncate(length)
        self._length, self._last = length, last

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()

    def _scan(self) -> Tuple[int, Optional[int]]:
        """The length of the whole lines, and the last one's frame."""
        length, last = 0, None
        with self.path.open('rb') as file:
            for line in file:
                if line.endswith(b'\n'):
                    length, last = length + len(line), line
        if last is None:
            return 0, None
        try:
            return length, int(json.loads(last)['frame'])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f'{self.path} is no journal of frames: its last '
                             f'line is {last[:80]!r}') from error


# indices of the first and last frame, and their times
_NAME = re.compile(r'(\d+)-(\d+)-(-?\d+)-(-?\d+)\.mp4')

_NEAR = .1  # of the distance of frames


class _Piece(NamedTuple):
    last: int  # index of its last frame
    start: int  # ticks of its first frame
    end: int  # ticks of its last frame
    path: Path


class VideoPieces:
    """Writes frames to a folder of pieces, then to one file.

    Args:
        folder (Path): Where the pieces are; finished ones in it count.
        fps (Fraction): Frames per second, the average.
        length (int): Frames of a piece. Defaults to 250.
        crf (int): x264's quality. Defaults to 20.
        options (dict[str, str], optional): Further options of x264.
    """

    def __init__(self,
                 folder: Path,
                 fps: Fraction,
                 length: int = 250,
                 crf: int = 20,
                 options: Optional[Dict[str, str]] = None) -> None:
        self.folder = folder
        self.fps = fps
        self.length = length
        self.crf = crf
        self.options = dict(options or {}, bf='0')  # see join_videos
        self._writer: Optional[VideoWriter] = None
        self._first = self._last = self._count = 0
        self._start = self._end = 0
        self._time_base = VideoWriter(folder / 'open.mp4', fps).time_base
        folder.mkdir(parents=True, exist_ok=True)
        self._pieces = self._find()

    @property
    def next_index(self) -> int:
        """int: The first frame index after the finished pieces."""
        return self._pieces[-1].last + 1 if self._pieces else 0

    def cut(self, index: int) -> None:
        """Drop the pieces that hold a frame or later ones.

        Args:
            index (int): The frame's index.
        """
        while self._pieces and self._pieces[-1].last >= index:
            self._pieces.pop().path.unlink()

    def write(self, index: int, image: np.ndarray, time: Union[Fraction,
                                                               float]) -> None:
        """Append a frame.

        Args:
            index (int): Its index, ascending.
            image (np.ndarray): (H, W, 3), uint8, BGR.
            time (Fraction | float): When it is shown, in seconds. A time
                that is not after the last frame's is put right after it.
        """
        tick = round(time / self._time_base)
        if self._writer is None:
            self._begin(index, tick)
            tick = self._start
        elif tick <= self._end:
            tick = self._end + 1
        self._writer.write(image, (tick - self._start) * self._time_base)
        self._last, self._end = index, tick
        self._count += 1
        if self._count == self.length:
            self._finish()

    def _begin(self, index: int, tick: int) -> None:
        if self._pieces:
            tick = max(tick, self._pieces[-1].end + 1)
        writer = VideoWriter(self.folder / 'open.mp4', self.fps, self.crf,
                             self.options)
        self._writer = writer.__enter__()
        self._first, self._start, self._count = index, tick, 0

    def publish(self, path: Path) -> None:
        """Join the pieces; the folder stays.

        Args:
            path (Path): The file, which appears when it is complete.
        """
        self._finish()
        join_videos([(piece.path, piece.start * self._time_base)
                     for piece in self._pieces], path)

    def abort(self) -> None:
        """Finish the open piece if there is room for it, else drop it."""
        writer = self._writer
        if writer is not None and self._count == 0:
            self._writer = None
            error = ValueError('no frame was written')
            writer.__exit__(type(error), error, None)
        try:
            self._finish()
        except (OSError, av.FFmpegError):
            self._writer = None

    def _finish(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.__exit__(None, None, None)
        path = self.folder / (f'{self._first:09d}-{self._last:09d}-'
                              f'{self._start}-{self._end}.mp4')
        os.replace(writer.path, path)
        self._pieces.append(_Piece(self._last, self._start, self._end, path))

    def _find(self) -> List[_Piece]:
        """The finished pieces; whatever else is in the folder goes."""
        pieces = []
        for path in sorted(self.folder.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match:
                _, last, start, end = map(int, match.groups())
                pieces.append(_Piece(last, start, end, path))
            else:
                path.unlink()
        return pieces


def frame_time(index: int, timestamp: Optional[float],
               fps: Fraction) -> Union[Fraction, float]:
    """When a frame is shown.

    Args:
        index (int): Its index.
        timestamp (float, optional): Its time in seconds.
        fps (Fraction): Frames per second, the average.

    Returns:
        Fraction | float: Seconds: the timestamp, moved to a multiple of the
        frames' distance if it is as near to one as containers that round to
        milliseconds bring it; without timestamp what the rate gives.
    """
    if timestamp is None:
        return Fraction(index) / fps
    place = round(timestamp * fps)
    if abs(timestamp * fps - place) < _NEAR:
        return Fraction(place) / fps
    return timestamp


def fit_frame(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Show a frame of another size in a video's, with black bars.

    Args:
        image (np.ndarray): (H, W, 3), uint8.
        width (int): The video's, in pixels.
        height (int): Likewise.

    Returns:
        np.ndarray: (height, width, 3), uint8; the image itself if it fits.
    """
    if image.shape[:2] == (height, width):
        return image
    scale = min(width / image.shape[1], height / image.shape[0])
    inner_w = max(1, round(image.shape[1] * scale))
    inner_h = max(1, round(image.shape[0] * scale))
    shown = np.zeros((height, width, 3), np.uint8)
    x, y = (width - inner_w) // 2, (height - inner_h) // 2
    shown[y:y + inner_h, x:x + inner_w] = cv2.resize(
        image, (inner_w, inner_h), interpolation=cv2.INTER_AREA)
    return shown
