"""What a run leaves while it is under way, so that another can go on with it.

All is in a hidden folder beside the results: the journal, a file with a line
per frame's record, and videos in pieces. Whatever ends the process, the
journal is whole but for its last line, and a piece is whole or lost. Which
run it is, a fingerprint tells.

Shapes: H x W pixels of a frame.
"""
import errno
import fcntl
import glob
import hashlib
import json
import logging
import os
import re
import shutil
from contextlib import suppress
from fractions import Fraction
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import (IO, Any, Dict, Iterator, List, NamedTuple, Optional, Tuple,
                    Union)

import av
import cv2
import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.stack import FORKS
from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.utils.video import VideoWriter, join_videos
from mmpose_tdmi.version import __version__

Seconds = Union[Fraction, float]
_END = 1 << 20  # bytes looked at at both ends of a file
# how file systems (NFS, some FUSE) say that they have no locks
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


def versions() -> Dict[str, str]:
    """The versions of the packages that poses depend on."""
    found = {}
    for name in ('mmpose', 'mmengine', 'mmcv', 'torch'):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = version(FORKS[name])
    return dict(found, mmpose_tdmi=__version__)


def digest_of(content: Any) -> str:
    """SHA-256 of plain values; anything else counts as its text."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def identify_input(source: str) -> Any:
    """What tells an input from a changed one of the same name: of a file its
    size, time of change and the SHA-256 of its first and last megabyte, which
    are quickly read; of a folder or glob the names, sizes and times of the
    files; None for anything else."""
    if os.path.isfile(source):
        state = os.stat(source)
        with open(source, 'rb') as file:
            digest = hashlib.sha256(file.read(_END))
            if state.st_size > 2 * _END:
                file.seek(-_END, os.SEEK_END)
            digest.update(file.read())
        ends = digest.hexdigest()
        return dict(size=state.st_size, time=state.st_mtime_ns, ends=ends)
    if os.path.isdir(source):
        paths = [entry.path for entry in os.scandir(source)]
    else:
        paths = glob.glob(source, recursive=True)
    states = [(Path(path).name, os.stat(path)) for path in sorted(paths)
              if os.path.exists(path)]
    return [[name, s.st_size, s.st_mtime_ns] for name, s in states] or None


def fingerprint(source: str, name: str, run: Dict[str, Any]) -> Optional[str]:
    """What tells runs apart whose poses differ: of the video, of what its
    results are called, of the packages' versions, and of ``run``, all else
    that poses depend on. None if the video cannot be looked at again, such as
    a webcam's or frames in memory."""
    content = identify_input(source)
    if content is None:
        return None
    return digest_of(
        dict(input=content, name=name, run=run, versions=versions()))


class InUseError(ValueError):
    """Another process is writing the same results at this moment."""


class RunFolder:
    """A folder that one process at a time works in; its lock ends with the
    process, however that ends. Where the file system has no locks, or with
    ``lock=False``, nothing keeps a second process out.

    With ``resume``, what an interrupted run with the same header has left is
    kept, and ``is_resumed`` true; everything else is removed.
    """

    def __init__(self, path: Path, header: Dict[str, Any], resume: bool,
                 lock: bool) -> None:
        self.path = path
        self._lock: Optional[IO[str]] = None
        self.path.mkdir(parents=True, exist_ok=True)
        found = [entry.name for entry in self.path.iterdir()]
        if found and not {'lock', 'run.json'}.intersection(found):
            raise ValueError(f'{self.path} is of use for unfinished results, '
                             f'but holds something else, {found[0]!r}: move '
                             'it away')
        if lock:
            self._take_lock()
        self.is_resumed = False
        with suppress(FileNotFoundError, json.JSONDecodeError):
            text = (self.path / 'run.json').read_text('utf-8')
            self.is_resumed = resume and json.loads(text) == header
        if self.is_resumed:
            return
        for entry in self.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != 'lock':
                entry.unlink()
        write_json(self.path / 'run.json', header)

    def _take_lock(self) -> None:
        self._lock = (self.path / 'lock').open('w')
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.leave()
            if isinstance(error, BlockingIOError):
                raise InUseError(
                    f'{self.path}: another process is writing these results '
                    'at this moment') from error
            if error.errno not in _NO_LOCKS:
                raise
            print_log(
                f'{self.path}: this file system has no locks '
                f'({error.strerror}): see to it that no other process writes '
                'these results (--no-lock: without this warning)', 'current',
                logging.WARNING)

    def leave(self) -> None:
        """Give the lock up; the folder stays."""
        if self._lock is not None:
            self._lock.close()

    def remove(self) -> None:
        """Remove the folder and give the lock up."""
        shutil.rmtree(self.path)
        self.leave()


class Journal:
    """Frame records that are appended to a file, of which what is in it is
    kept as far as it is whole."""

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
        """Add the record of a frame; on a full disk the file stays what it
        was."""
        if record['frame'] < self.next_index:
            raise ValueError(
                f'frames must ascend: {record["frame"]} came after '
                f'{self._last}')
        line = json.dumps(
            record, separators=(',', ':'), ensure_ascii=False,
            allow_nan=False).encode(errors='backslashreplace') + b'\n'
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
        """The records as json, without line ends."""
        with self.path.open('rb') as file:
            left = self._length
            for line in file:
                left -= len(line)
                if left < 0:
                    return
                yield line[:-1]

    def records(self) -> Iterator[Dict[str, Any]]:
        """The records in order."""
        return map(json.loads, self.lines())

    def cut(self, index: int) -> None:
        """Drop the records of a frame and all later ones."""
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


class _Piece(NamedTuple):
    first: int  # index of its first frame
    last: int
    start: int  # ticks of its first frame
    end: int

    @property
    def name(self) -> str:
        return (f'{self.first:09d}-{self.last:09d}-{self.start}-{self.end}'
                '.mp4')


_NAME = re.compile(r'(\d+)-(\d+)-(-?\d+)-(-?\d+)\.mp4')


class VideoPieces:
    """Writes frames to a folder of pieces, then to one file.

    A piece is a video file of ``length`` frames, named by them; one that was
    not finished is lost. In the end they are joined without encoding them
    anew. ``options`` and ``settings`` are :class:`VideoWriter`'s.
    """

    def __init__(self,
                 folder: Path,
                 fps: Fraction,
                 length: int = 250,
                 options: Optional[Dict[str, str]] = None,
                 **settings: Any) -> None:
        self.folder = folder
        self.length = length
        # no reordered frames, see join_videos
        options = dict(options or {}, bf='0')
        self._new_writer = partial(
            VideoWriter, folder / 'open.mp4', fps, options=options, **settings)
        self._writer = self._new_writer()
        self._time_base = self._writer.time_base
        self._open: Optional[_Piece] = None  # what the writer writes
        self._count = 0  # its frames
        folder.mkdir(parents=True, exist_ok=True)
        self._pieces: List[_Piece] = []
        for path in sorted(folder.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match:
                self._pieces.append(_Piece(*map(int, match.groups())))
            else:
                path.unlink()

    @property
    def next_index(self) -> int:
        """int: The first frame index after the finished pieces."""
        return self._pieces[-1].last + 1 if self._pieces else 0

    def cut(self, index: int) -> None:
        """Drop the pieces that hold a frame or later ones."""
        while self._pieces and self._pieces[-1].last >= index:
            (self.folder / self._pieces.pop().name).unlink()

    def write(self, index: int, image: np.ndarray, time: Seconds) -> None:
        """Append a frame, (H, W, 3), that is shown at a time in seconds; one
        that is not after the last frame's is put right after it."""
        tick = round(time / self._time_base)
        before = self._open or (self._pieces[-1] if self._pieces else None)
        if before is not None:
            tick = max(tick, before.end + 1)
        if self._open is None:
            self._writer = self._new_writer().__enter__()
            self._open, self._count = _Piece(index, index, tick, tick), 0
        self._writer.write(image, (tick - self._open.start) * self._time_base)
        self._open = self._open._replace(last=index, end=tick)
        self._count += 1
        if self._count == self.length:
            self._finish()

    def publish(self, path: Path) -> None:
        """Join the pieces to a file, whole or not at all; the folder stays."""
        self._finish()
        join_videos([(self.folder / piece.name, piece.start * self._time_base)
                     for piece in self._pieces], path)

    def abort(self) -> None:
        """Finish the open piece if there is room for it, else drop it."""
        # a ValueError: nothing was written to it
        with suppress(OSError, ValueError, av.FFmpegError):
            self._finish()

    def _finish(self) -> None:
        if self._open is None:
            return
        piece, self._open = self._open, None
        self._writer.__exit__(None, None, None)
        os.replace(self._writer.path, self.folder / piece.name)
        self._pieces.append(piece)


def frame_time(index: int, timestamp: Optional[float],
               fps: Fraction) -> Seconds:
    """When a frame is shown: the timestamp, moved to a multiple of the frames'
    distance if it is as near to one as containers that round to milliseconds
    bring it; without timestamp what the rate gives."""
    if timestamp is None:
        return Fraction(index) / fps
    place = round(timestamp * fps)
    is_near = abs(timestamp * fps - place) < .1
    return Fraction(place) / fps if is_near else timestamp


def fit_frame(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """A frame of another size in a video's, (height, width, 3), with black
    bars; the image itself if it fits."""
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
