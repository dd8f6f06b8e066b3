"""Image files as the frames of a video: a folder, a glob or a list.

They are ordered by the numbers in their names, and numbered by the last one,
with the same meaning as in the datasets: a gap in the numbers is a gap in
time.

Shape shorthand: N frames of H x W pixels.
"""
import glob
import os.path as osp
import re
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple, Union

import numpy as np

from mmpose_tdmi.datasets.clip_frames import VideoFrames
from mmpose_tdmi.datasets.transforms import LoadFrameSequence
from ..streaming.stages import stage
from .source import DEFAULT_FPS, DecodedFrame, VideoSource

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
