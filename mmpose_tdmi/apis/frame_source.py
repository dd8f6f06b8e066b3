"""One interface to the frames of a video file, a folder or a glob.

:class:`~mmpose_tdmi.utils.video.VideoReader` sets it: iteration gives (index,
frame), ``source[index]`` one frame, ``len(source)`` their number, ``size``
and ``fps``; the frames read last are kept. :class:`ImageSequence` is the same
for image files.

Shape shorthand: N frames of H x W pixels.
"""
import glob
import os.path as osp
import re
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from mmpose_tdmi.datasets.clip_frames import VideoFrames
from mmpose_tdmi.datasets.transforms import LoadFrameSequence
from mmpose_tdmi.utils.video import VideoReader

#: Suffixes of files that are taken as images.
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
#: Frames per second of image files, which tell none.
DEFAULT_FPS = 25


class ImageSequence:
    """Image files as the frames of a video.

    Args:
        paths (Sequence[str | Path]): The files, in the order of time.
        fps (float): Frames per second. Defaults to 25.
        keep (int): How many of the last frames to keep. Defaults to 8.

    Raises:
        ValueError: If there are no files.
    """

    def __init__(self,
                 paths: Sequence[Union[str, Path]],
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


#: Frames of a video, from either kind of source.
FrameSource = Union[VideoReader, ImageSequence]


def open_frames(source: Union[str, Path],
                fps: Optional[float] = None,
                keep: int = 8) -> FrameSource:
    """Open a video file, a folder of frames, a glob or a single image.

    Args:
        source (str | Path): What to open.
        fps (float, optional): Frames per second of image files. Defaults to
            25; a video file has its own.
        keep (int): How many of the last frames to keep. Defaults to 8.

    Returns:
        VideoReader | ImageSequence: The frames.

    Raises:
        FileNotFoundError: If there is nothing to open.
        ValueError: If ``fps`` is given for a video file, or it cannot be
            read.
    """
    images = find_images(source)
    if images:
        return ImageSequence(images, DEFAULT_FPS if fps is None else fps, keep)
    if fps is not None:
        raise ValueError(f'{source}: a video file has its own frame rate, '
                         f'but fps={fps} was given')
    return VideoReader(source, keep)


def find_images(source: Union[str, Path]) -> List[Path]:
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


def relative_names(paths: Sequence[Union[str, Path]]) -> List[str]:
    """Names of files relative to the folder that they have in common."""
    folder = osp.commonpath([osp.dirname(osp.abspath(p)) for p in paths])
    return [Path(osp.relpath(p, folder)).as_posix() for p in paths]


def number_frames(source: FrameSource) -> VideoFrames:
    """The frames that exist, for the resolution of clips.

    A video file's frames are numbered from 0, image files by the last number
    in their names, with the same meaning as in the datasets: a gap in the
    numbers is a gap in time.

    Args:
        source (VideoReader | ImageSequence): The frames.

    Returns:
        VideoFrames: Their numbers and names; the place in it is the index in
        the source.

    Raises:
        ValueError: If image files have no numbers or are of several videos.
    """
    if isinstance(source, VideoReader):
        return VideoFrames(source.path, np.arange(len(source)),
                           [source.path] * len(source))
    if len(source) == 1:
        return VideoFrames(source.paths[0], np.zeros(1), source.paths)
    videos, numbers = set(), []
    for path in source.paths:
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
            f'are expected, among them {source.paths[0]} and '
            f'{source.paths[-1]}')
    return VideoFrames(osp.dirname(source.paths[0]), numbers, source.paths)


def _natural(path: Path) -> list:
    """Sort key: by text, but numbers by their value."""
    return [(int(part), '') if part.isdigit() else (-1, part)
            for part in re.split(r'(\d+)', path.as_posix()) if part]
