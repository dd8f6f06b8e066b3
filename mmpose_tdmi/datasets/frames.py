"""Which frames exist of a video, and which of them make up a clip.

A window's offset is counted in the video's own frame numbers, in units of the
video's frame step. Where the number asked for does not exist, because the
video starts or ends there or has a gap, a padding policy names an existing
frame in its place.

Frames are known from the annotation's own table (:class:`VideoTable`), so that
they may have any names and no folder is listed while training, or from a
listing, where names tell video and number (:class:`FrameCatalogue`).

T frames of a clip, N frames of a video.
"""
import logging
import os.path as osp
import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import (Callable, Dict, Iterable, List, Mapping, Optional,
                    Sequence, Set, Tuple, Union)

import numpy as np
from mmengine import fileio
from mmengine.logging import print_log
from msgspec import Struct

from mmpose_tdmi.structures import FrameWindow
from .coco_json import AnnotationFile, check, is_integer


def last_number(path: str) -> Tuple[str, int]:
    """The path with ``*`` for the last run of digits in the name, which
    identifies a frame's video, and these digits, the frame's number."""
    folder, name = osp.split(path)
    stem, suffix = osp.splitext(name)
    match = re.fullmatch(r'(.*?)([0-9]+)([^0-9]*)', stem)
    if match is None:
        raise ValueError('expected a frame number in the file name of '
                         f'{path!r}, such as 000012.jpg')
    head, number, tail = match.groups()
    return osp.join(folder, f'{head}*{tail}{suffix}'), int(number)


#: ``policy(numbers, key, target)`` -> the number to use for ``target``, which
#: does not exist. ``numbers`` (N, ) ascending, ``key`` is one of them.
PaddingPolicy = Callable[[np.ndarray, int, int], int]


def clamp(numbers: np.ndarray, key: int, target: int) -> int:
    """The existing frame nearest to ``target``; of two, the one on the key
    frame's side."""
    distance = np.abs(numbers - target)
    nearest = numbers[distance == distance.min()]
    return int(nearest[np.argmin(np.abs(nearest - key))])


def key_frame(numbers: np.ndarray, key: int, target: int) -> int:
    return int(key)


def released(numbers: np.ndarray, key: int, target: int) -> int:
    """What the authors' code does, for any offset: a missing past frame
    becomes the key frame, a missing future one the last existing frame before
    it, which is the key frame if there is none between."""
    if target < key:
        return int(key)
    return int(numbers[np.searchsorted(numbers, target) - 1])


#: The padding policies by their config names.
PADDING_POLICIES: Dict[str, PaddingPolicy] = dict(
    clamp=clamp, key_frame=key_frame, released=released)
#: The policy of a config that names none.
DEFAULT_PADDING = 'clamp'


def padding_policy(name: str) -> PaddingPolicy:
    """Look up a policy by its config name."""
    if name not in PADDING_POLICIES:
        raise ValueError(f'unknown padding {name!r}; there are '
                         f'{", ".join(map(repr, PADDING_POLICIES))}')
    return PADDING_POLICIES[name]


@dataclass(frozen=True)
class VideoFrames:
    """The frames that exist of one video.

    Args:
        video: What the video is called in messages.
        numbers: The frames' own numbers, strictly ascending, (N, ).
        paths: Their files, N.

    Raises:
        ValueError: On no frame, numbers that do not ascend, or no N paths.
    """
    video: str
    numbers: np.ndarray
    paths: Sequence[str]

    def __post_init__(self) -> None:
        numbers = np.asarray(self.numbers, dtype=np.int64)
        if not len(numbers):
            raise ValueError(f'{self.video}: the video has no frames')
        if len(numbers) != len(self.paths):
            raise ValueError(f'{self.video}: {len(numbers)} frame numbers for '
                             f'{len(self.paths)} paths')
        rises = np.diff(numbers)
        if (rises <= 0).any():
            place = int(np.argmax(rises <= 0))
            raise ValueError(
                f'{self.video}: frame numbers must ascend strictly, but '
                f'{numbers[place]} ({self.paths[place]}) is followed by '
                f'{numbers[place + 1]} ({self.paths[place + 1]})')
        object.__setattr__(self, 'numbers', numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def _grid(self) -> Tuple[int, np.ndarray]:
        rises = np.diff(self.numbers)
        step = int(np.gcd.reduce(rises)) or 1
        is_step = rises == step
        count = np.count_nonzero(is_step)
        others = np.unique(rises[~is_step], return_counts=True)[1]
        in_a_row = is_step[:-2] & is_step[1:-1] & is_step[2:]
        if 2 * count >= others.max(initial=0) or (10 * count >= len(rises)
                                                  and in_a_row.any()):
            return step, self.numbers
        # the differences between one and one and a half of which are most
        ordered = np.sort(rises)
        starts = np.searchsorted(ordered, ordered)
        counts = np.searchsorted(ordered, 1.5 * ordered, 'right') - starts
        first = int(starts[np.argmax(counts)])
        mean = ordered[first:first + counts.max()].mean()
        places = np.maximum(np.floor(rises / mean + .5), 1).astype(np.int64)
        step = round(mean)
        return step, self.numbers[0] + step * np.append(0, places.cumsum())

    @property
    def step(self) -> int:
        """The frame step: how far apart frames that follow each other are.

        1 for an ordinary video and for a single frame, 5 where every fifth
        frame was extracted. It is the greatest common divisor of the numbers'
        differences, if it is itself a difference, at least half as frequent as
        the most frequent one, or a tenth of all and four frames in a row have
        it: a video may lose three in five of its frames, or be dense here and
        sparse there.

        Otherwise numbers are off any grid, by jitter, as times are, or by one
        odd number. The step is then the mean of the largest group of
        differences within a factor of 1.5, of the smaller ones if there are
        several. Where more frames are lost than that, it can be too large.
        """
        return self._grid[0]

    @property
    def grid(self) -> np.ndarray:
        """The numbers moved to multiples of :attr:`step` from the first, (N,
        ): what windows are counted in. A difference of one and a half steps or
        more is a gap, less is the next frame."""
        return self._grid[1]

    @property
    def time_unit(self) -> int:
        """Of how many the numbers make a second where they are times, 0 where
        not: all of them seconds, milli-, micro- or nanoseconds since 1970,
        from 2001 to 2100."""
        return next(
            (unit for unit in (1, 10**3, 10**6, 10**9) if 10**9 *
             unit <= self.numbers[0] and self.numbers[-1] < 41 * 10**8 * unit),
            0)

    def position(self, number: int) -> int:
        """The place of frame ``number``, which must exist."""
        place = int(np.searchsorted(self.numbers, number))
        if place == len(self) or self.numbers[place] != number:
            raise ValueError(
                f'{self.video}: frame {number} is not among the '
                f'{len(self)} frames that exist, numbers {self.numbers[0]} to '
                f'{self.numbers[-1]}')
        return place

    def targets(self, key: int,
                window: FrameWindow) -> Tuple[List[int], np.ndarray]:
        """What a window around a key frame asks for, T, and :attr:`grid`."""
        step, grid = self._grid
        middle = int(grid[self.position(key)])
        return [middle + offset * step for offset in window.offsets], grid

    def clip(self, key: int, window: FrameWindow,
             policy: PaddingPolicy) -> Tuple[List[int], List[bool]]:
        """Resolve a window around a key frame: the places of the clip's
        frames in :attr:`numbers` and :attr:`paths`, T, and where the frame
        asked for did not exist, T."""
        targets, grid = self.targets(key, window)
        key = targets[window.key]
        exists = np.isin(targets, grid).tolist()
        numbers = [
            target if found else policy(grid, key, target)
            for target, found in zip(targets, exists)
        ]
        places = np.searchsorted(grid, numbers).tolist()
        return places, [not found for found in exists]


_NUM_WINDOWS = 100


class PaddedWindows:
    """Looks at a set's first 100 windows, and warns if most are padded."""

    def __init__(self) -> None:
        # by window, frames that lack: all, and those between existing frames
        self._lacking: List[Tuple[int, int]] = []
        self._example: List[int] = []

    def add(self, targets: Sequence[int], numbers: np.ndarray) -> None:
        """Look at a window of the frames ``targets``, T, of which ``numbers``,
        (N, ), exist."""
        if len(self._lacking) == _NUM_WINDOWS:
            return
        missing = np.setdiff1d(targets, numbers)
        in_gaps = (missing > numbers[0]) & (missing < numbers[-1])
        self._lacking.append((len(missing), np.count_nonzero(in_gaps)))
        if in_gaps.any() and not self._example:
            self._example = numbers[:5].tolist()

    def judge(self, name: str) -> None:
        """Warn, calling the set ``name``, if more than half are padded; of
        fewer than ten, only if frames lack in gaps: short clips have ends."""
        num_windows = len(self._lacking)
        num_padded = sum(missing > 0 for missing, _ in self._lacking)
        num_missing, num_in_gaps = map(sum, zip((0, 0), *self._lacking))
        if 2 * num_padded <= num_windows or (num_windows < 10
                                             and not num_in_gaps):
            return
        like = f', which are like {self._example}' if self._example else ''
        print_log(
            f'{name}: {num_padded} of {num_windows} windows looked at are '
            'padded: a model that sees several frames is shown others in '
            f'place of {num_missing} that do not exist: '
            f'{num_missing - num_in_gaps} before the first or after the last '
            f'frame of their video, {num_in_gaps} in gaps of the frame '
            f'numbers{like}',
            logger='current',
            level=logging.WARNING)


class _TableVideo(Struct):
    file_names: List[str]
    frame_ids: List[int]
    name: Optional[str] = None
    id: Union[int, str, None] = None


class VideoTable:
    """Looks up a frame's video in the annotation's own table.

    Args:
        ann_file: The annotation file, for messages.
        videos: Its ``videos``: ``file_names``, N, relative to the data root as
            the images' are, and ``frame_ids``, the frames' true numbers, N
            integers that ascend strictly.
        path_of: ``path_of(file_name)`` -> the frame's path.

    Raises:
        ValueError: If a record is not of that form, or a frame belongs to two
            videos.
    """

    def __init__(self, ann_file: str, videos: Sequence[dict],
                 path_of: Callable[[str], str]) -> None:
        self.ann_file = ann_file
        self._num_videos = len(videos)
        self._frames: Dict[str, Tuple[VideoFrames, int]] = {}
        records = check(list(videos), List[_TableVideo], ann_file, 'videos')
        for index, record in enumerate(records):
            where = f'{ann_file}: videos[{index}]'
            title = record.id if record.name is None else record.name
            try:
                frames = VideoFrames(
                    where if title is None else str(title),
                    np.array(record.frame_ids, np.int64),
                    [path_of(name) for name in record.file_names])
            except (ValueError, OverflowError) as error:
                raise ValueError(f'{where}: {error}') from error
            for path, number in zip(frames.paths, record.frame_ids):
                if path in self._frames:
                    raise ValueError(f'{where}: frame {path} is also one of '
                                     f'{self._frames[path][0].video}')
                self._frames[path] = frames, number

    def locate(self, path: str) -> Tuple[VideoFrames, int]:
        """The video that a frame belongs to, and the frame's number in it."""
        if path not in self._frames:
            raise FileNotFoundError(
                f'the key frame {path} does not exist: it is not among the '
                f'{len(self._frames)} frames of the {self._num_videos} '
                f'videos that {self.ann_file} lists')
        return self._frames[path]

    def video(self, path: str) -> str:
        """What the video that a frame belongs to is called."""
        return self.locate(path)[0].video

    def check_listed(self, paths: Iterable[str], what: str) -> None:
        """Refuse key frames, called ``what``, that are not in the table: it is
        better to miss one before a training than in it."""
        paths = list(dict.fromkeys(paths))
        missing = [path for path in paths if path not in self._frames]
        if missing:
            raise ValueError(
                f'{self.ann_file}: {len(missing)} of {len(paths)} {what} are '
                f'not among the frames that its videos list: {missing[:3]}')


class FrameCatalogue:
    """Looks up a frame's video among listed files, whose names tell it.

    Args:
        parse: ``parse(path)`` -> video and number; raises ValueError on a name
            that is no frame's. All frames of a video must lie in one folder.
        paths: The frames that exist; by default those in the folders, each of
            which is listed when a frame in it is first asked about.
        promised: How many frames a video is said to have. The first video of
            which fewer are found is logged.
        backend_args: The file backend for the listing.
    """

    def __init__(self,
                 parse: Callable[[str], Tuple[str, int]],
                 paths: Optional[Iterable[str]] = None,
                 promised: Optional[Mapping[str, int]] = None,
                 backend_args: Optional[dict] = None) -> None:
        self._parse = parse
        self._promised = dict(promised or {})
        self._backend_args = backend_args
        self._listed: Set[str] = set()
        self._found: Dict[str, List[Tuple[int, str]]] = defaultdict(list)
        self._videos: Dict[str, VideoFrames] = {}
        self.from_disk = paths is None
        for path in paths or ():
            self._add(path)

    def _add(self, path: str) -> None:
        video, number = self._parse(path)
        self._found[video].append((number, path))

    def locate(self, path: str) -> Tuple[VideoFrames, int]:
        """The video that a frame belongs to, and the frame's number in it."""
        video, number = self._parse(path)
        if video not in self._videos:
            if self.from_disk:
                self._list_folder(osp.dirname(path))
            found = sorted(self._found.pop(video, ()))
            if found:
                numbers, paths = zip(*found)
                self._videos[video] = VideoFrames(video,
                                                  np.array(numbers, np.int64),
                                                  paths)
                promised = self._promised.pop(video, 0)
                if len(found) < promised:
                    print_log(
                        f'{video}: the annotation names {promised} frames '
                        f'(nframes), {len(found)} were found: clips are '
                        'padded. Other videos of this kind are not reported.',
                        logger='current',
                        level=logging.WARNING)
                    self._promised.clear()
        frames = self._videos.get(video)
        if frames is None or number not in frames.numbers:
            where = 'folder' if self.from_disk else 'annotated images'
            raise FileNotFoundError(
                f'the key frame {path} does not exist: it is not among the '
                f'{0 if frames is None else len(frames)} frames {video} in '
                f'the {where}')
        return frames, number

    def video(self, path: str) -> str:
        """What the video that a frame belongs to is called."""
        return self._parse(path)[0]

    def check_listed(self, paths: Iterable[str], what: str) -> None:
        """Whether they exist shows when their sample is drawn."""

    def _list_folder(self, folder: str) -> None:
        if folder in self._listed:
            return
        try:
            names = list(
                fileio.list_dir_or_file(
                    folder, list_dir=False, backend_args=self._backend_args))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'the folder {folder!r} of a video\'s frames does not '
                'exist') from error
        self._listed.add(folder)
        for name in names:
            with suppress(ValueError):  # a file that is no frame
                self._add(osp.join(folder, name))


def warn_of_padding(name: str, paths: Sequence[str], frames: 'FrameLookup',
                    window: FrameWindow) -> None:
    """Warn if more than half of the windows around key frames, or of 100
    evenly chosen ones, are padded. ``name`` is what the set is called."""
    found = PaddedWindows()
    for path in paths[::-(-len(paths) // _NUM_WINDOWS) or 1]:
        with suppress(OSError, ValueError):  # raised where one is drawn
            video, number = frames.locate(path)
            found.add(*video.targets(number, window))
    found.judge(name)


FRAME_SOURCES = ('auto', 'disk', 'annotation')

#: Both have ``locate(path)``, ``video(path)`` and ``check_listed(...)``.
FrameLookup = Union[FrameCatalogue, VideoTable]


def frame_lookup(source: str,
                 content: AnnotationFile,
                 path_of: Callable[[str], str],
                 parse: Callable[[str], Tuple[str, int]],
                 backend_args: Optional[dict] = None) -> FrameLookup:
    """Make the lookup that a ``frame_source`` stands for; arguments are those
    of :class:`VideoTable` and :class:`FrameCatalogue`."""
    if source != 'disk' and content.videos is not None:
        return VideoTable(content.path, content.videos, path_of)
    paths, promised = [], {}
    for id_, image in content.images.items():
        path = path_of(image['file_name'])
        paths.append(path)
        if image.get('nframes') is not None:
            if not is_integer(image['nframes']):
                raise ValueError(
                    f'{content.path}: image {id_}: nframes must be an '
                    f'integer, got {image["nframes"]!r}')
            promised[parse(path)[0]] = image['nframes']
    return FrameCatalogue(parse, paths if source == 'annotation' else None,
                          promised, backend_args)
