"""The frames of a video file by index.

Shape shorthand: H x W pixels of an upright frame.
"""
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Iterator, List, Optional, Tuple, Union

import av
import numpy as np

from .pixels import upright_image


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
