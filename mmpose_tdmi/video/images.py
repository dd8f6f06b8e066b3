"""Image files as videos, in the order of time, and by index.

Shapes: N frames of H x W pixels, upright, uint8, BGR.
"""
import logging
import os.path as osp
from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
from mmengine.logging import print_log

from mmpose_tdmi.datasets.frames import VideoFrames, last_number
from mmpose_tdmi.datasets.transforms import LoadFrameSequence
from mmpose_tdmi.datasets.transforms.loading import to_eight_bits
from mmpose_tdmi.utils.video import VideoReadError, rational_rate
from .structures import TrackedFrame, VideoSource

PathLike = Union[str, Path]
FrameRate = Union[Fraction, float]
#: A frame before anybody has looked for persons in it.
DecodedFrame = TrackedFrame

#: Frames per second of images and arrays, which tell none.
DEFAULT_FPS = 25


class FramesByIndex(ABC):
    """Frames that can be asked for by index; the last ones are kept."""

    def __init__(self, what: str, fps: FrameRate, keep: int) -> None:
        self.fps = rational_rate(fps)
        self._what = what
        self._max_kept = keep
        self._kept: Dict[int, np.ndarray] = {}

    @property
    def size(self) -> Tuple[int, int]:
        """tuple[int, int]: Width and height of the first frame in pixels."""
        height, width = self[0].shape[:2]
        return width, height

    @abstractmethod
    def __len__(self) -> int:
        ...

    @abstractmethod
    def _read(self, index: int) -> Optional[np.ndarray]:
        """A frame; None if it is lost or behind the end."""

    def _keep(self, index: int, image: np.ndarray) -> None:
        self._kept[index] = image
        while len(self._kept) > self._max_kept:
            del self._kept[next(iter(self._kept))]

    def __iter__(self) -> Iterator[Tuple[int, np.ndarray]]:
        for index in range(len(self)):
            yield index, self[index]

    def __getitem__(self, index: int) -> np.ndarray:
        """Read a frame, (H, W, 3), uint8, BGR."""
        if index in self._kept:
            return self._kept[index]
        image = self._read(index) if index >= 0 else None
        if image is None:
            if 0 <= index < len(self):
                raise VideoReadError(
                    f'{self._what}: frame {index} cannot be decoded')
            raise IndexError(f'{self._what}: there is no frame {index}: the '
                             f'frames are 0 to {len(self) - 1}')
        self._keep(index, image)
        return image


class ImageSequence(FramesByIndex):
    """Image files in the order of time, by index; the last ones are kept."""

    def __init__(self,
                 paths: Sequence[PathLike],
                 fps: FrameRate = DEFAULT_FPS,
                 keep: int = 8) -> None:
        if not paths:
            raise ValueError('an image sequence needs at least one file')
        self.paths = [str(path) for path in paths]
        super().__init__(osp.dirname(self.paths[0]), fps, keep)
        self._load = LoadFrameSequence()

    def __len__(self) -> int:
        return len(self.paths)

    def _read(self, index: int) -> Optional[np.ndarray]:
        if index >= len(self):
            return None
        clip = self._load(
            dict(frame_paths=[self.paths[index]], frame_offsets=(0, )))
        return clip['img'][0]


class ImageFiles(VideoSource):
    """Image files as a video.

    In order of time, numbered by the last number in their names, as in the
    datasets: a gap in the numbers is a gap in time. Without ``fps``, names
    that are times since 1970 (:attr:`VideoFrames.time_unit`) tell time stamps
    and frame rate; otherwise it is 25.

    ``number`` is the name's number on the step's grid, which it differs from
    where numbers jitter.
    """

    def __init__(self,
                 paths: Sequence[PathLike],
                 name: str,
                 input: str,
                 fps: Optional[FrameRate] = None,
                 on_corrupt: str = 'skip') -> None:
        self._files = ImageSequence(paths, keep=1)
        self.paths = self._files.paths
        numbered = number_images(self.paths)
        self.frame_step = numbered.step
        self._grid = numbered.grid.tolist()
        # what the numbers, or those on the grid, are counted from, and per s
        self._times, self._unit = self._grid, Fraction(0)
        if fps is None and numbered.time_unit and len(self.paths) > 1:
            self._times = numbered.numbers.tolist()
            self._unit = Fraction(numbered.time_unit)
            span = Fraction(self._times[-1] - self._times[0]) / self._unit
            fps = (self._grid[-1] - self._grid[0]) // self.frame_step / span
            print_log(
                f'{input}: names are times, from {self._times[0]} to '
                f'{self._times[-1]}: {self._unit} a second, about '
                f'{float(fps):.5g} frames', 'current', logging.INFO)
        super().__init__(name, input, DEFAULT_FPS if fps is None else fps,
                         on_corrupt)
        self._unit = self._unit or self.fps * self.frame_step
        self._length = len(self.paths)
        self._names = relative_names(self.paths)

    def _frames(self) -> Iterator[DecodedFrame]:
        for index, number in enumerate(self._grid):
            try:
                image = self._files[index]
            except (OSError, ValueError) as error:
                self._skip(f'{self.input}: frame {index} cannot be decoded '
                           f'({error})')
                continue
            seconds = (self._times[index] - self._times[0]) / self._unit
            yield DecodedFrame(index, float(seconds), image, [], number,
                               self._names[index])


class ImageStack(VideoSource):
    """All pictures of one image file: pages of a TIFF file, or an animated
    WebP or PNG, whose own times hold without ``fps``."""

    def __init__(self,
                 path: PathLike,
                 fps: Optional[FrameRate] = None,
                 on_corrupt: str = 'skip') -> None:
        self.path = str(path)
        try:
            self.path.encode()
        except UnicodeEncodeError as error:  # OpenCV crashes
            raise VideoReadError(f'{path!r} has several pictures, and a name '
                                 'that is not UTF-8: rename it') from error
        self._length = cv2.imcount(self.path)
        if self._length < 2:
            raise VideoReadError(f'{path} has several pictures, but OpenCV '
                                 f'{cv2.__version__} reads one only')
        self._animated: List[np.ndarray] = []
        durations = [0]
        if Path(path).suffix.lower() not in ('.tif', '.tiff'):
            animation = cv2.imreadanimation(self.path)[1]
            self._animated = list(animation.frames)
            durations = [int(ms) for ms in animation.durations]
        is_timed = fps is None and sum(durations) > 0
        if is_timed:
            fps = Fraction(1000 * self._length, sum(durations))
        super().__init__(
            Path(path).stem, self.path, DEFAULT_FPS if fps is None else fps,
            on_corrupt)
        self._times = [float(i / self.fps) for i in range(self._length)]
        if is_timed:
            self._times = (np.cumsum([0, *durations[:-1]]) / 1000).tolist()

    def _frames(self) -> Iterator[DecodedFrame]:
        for start in range(0, self._length, 16):  # pages read at once
            end = min(start + 16, self._length)
            pages = self._animated[start:end] or cv2.imreadmulti(
                self.path,
                start,
                end - start,
                flags=cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)[1]
            for index, page in enumerate(pages, start):
                where = f'{self.input}: picture {index}'
                image = np.ascontiguousarray(
                    to_eight_bits(page, where)[..., :3])
                yield DecodedFrame(index, self._times[index], image)
            missing = end - start - len(pages)
            if missing:
                self._skip(
                    f'{self.input}: pictures {start + len(pages)} to '
                    f'{end - 1} cannot be decoded', missing)


def relative_names(paths: Sequence[PathLike]) -> List[str]:
    """Names of files relative to the folder that they have in common."""
    folder = osp.commonpath([osp.dirname(osp.abspath(p)) for p in paths])
    return [Path(osp.relpath(p, folder)).as_posix() for p in paths]


def number_images(paths: Sequence[PathLike]) -> VideoFrames:
    """Number image files of one video by the last number in their names, in
    whose order they must be."""
    files = [str(path) for path in paths]
    if len(files) == 1:
        return VideoFrames(files[0], np.zeros(1), files)
    named = [last_number(path) for path in files]
    videos = {osp.splitext(video)[0] for video, _ in named}
    if len(videos) > 1:
        raise ValueError(
            f'frames of {len(videos)} videos were given where those of one '
            f'are expected, among them {files[0]} and {files[-1]}')
    return VideoFrames(
        osp.dirname(files[0]), np.array([number for _, number in named]),
        files)
