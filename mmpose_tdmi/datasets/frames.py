"""What the name of a frame's file tells: its video and its number.
; paths only.

Which frames make up a clip: the frames of a video and the clip's ends.

The frames that exist decide. A window's offset is counted in the video's own
frame numbers, in units of the video's frame step (1 for an ordinary video, 5
for one of which every fifth frame was extracted). Where the number asked for
does not exist, because the video starts or ends there or has a gap, a padding
policy names an existing frame in its place.

Shape shorthand: T frames of a clip, N frames of a video.

The frames that exist of each video, from the annotation's own table.

Converted annotations list them under ``videos``: ``id``, ``name``,
``file_names`` (relative to the data root, as the images') and ``frame_ids``,
the frames' true numbers. So a video's frames may have any names, PoseTrack17's
irregular ones included, and no folder is listed while training.

Shape shorthand: N frames of a video; paths only.

Which frames exist of each video, from a listing of folders or of images.

Here a frame's name tells its video and number; where an annotation lists the
frames with their numbers, :mod:`mmpose_tdmi.datasets.video_table` goes by
that.
; paths only.

Which of the ways to know a video's frames a dataset uses.
; paths only.
"""
import logging
import os.path as osp
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import (Callable, Dict, Iterable, List, Mapping, Optional,
                    Sequence, Set, Tuple, Union)

import numpy as np
from mmengine import fileio
from mmengine.logging import print_log

from mmpose_tdmi.structures import FrameWindow
from .coco_json import AnnotationFile, is_integer


def last_number(path: str) -> Tuple[str, int]:
    """Read a frame's number from its name, the last run of digits.

    Args:
        path (str): A frame's path.

    Returns:
        tuple[str, int]: The path with ``*`` for the number, which identifies
        the video, and the number.

    Raises:
        ValueError: If the name has no digits.
    """
    folder, name = osp.split(path)
    stem, suffix = osp.splitext(name)
    match = re.fullmatch(r'(.*?)([0-9]+)([^0-9]*)', stem)
    if match is None:
        raise ValueError('expected a frame number in the file name of '
                         f'{path!r}, such as 000012.jpg')
    head, number, tail = match.groups()
    return osp.join(folder, f'{head}*{tail}{suffix}'), int(number)


def bare_number(path: str) -> Tuple[str, int]:
    """Read a frame's number from its name, which must be nothing else.

    Args:
        path (str): A frame's path, ``<video's folder>/<number>.jpg``.

    Returns:
        tuple[str, int]: As of :func:`last_number`.

    Raises:
        ValueError: If the name is not a number.
    """
    stem = osp.splitext(osp.basename(path))[0]
    if not (stem.isascii() and stem.isdigit()):
        raise ValueError('expected a frame that is named by its number, such '
                         f'as 000012.jpg, got {path!r}')
    return last_number(path)


#: ``policy(numbers, key, target)`` -> the number to use for ``target``, which
#: does not exist. ``numbers`` (N, ) ascending, ``key`` is one of them.
PaddingPolicy = Callable[[np.ndarray, int, int], int]


def clamp(numbers: np.ndarray, key: int, target: int) -> int:
    """The existing frame nearest to ``target``.

    Past an end of the video that is its first or last frame. In a gap, of two
    equally near frames the one on the key frame's side is taken.

    Args:
        numbers (np.ndarray): Ascending numbers of the video's frames, (N, ).
        key (int): The key frame's number.
        target (int): The missing frame's number.

    Returns:
        int: One of ``numbers``.
    """
    distance = np.abs(numbers - target)
    nearest = numbers[distance == distance.min()]
    return int(nearest[np.argmin(np.abs(nearest - key))])


def key_frame(numbers: np.ndarray, key: int, target: int) -> int:
    """The key frame itself. Arguments as of :func:`clamp`."""
    return int(key)


def released(numbers: np.ndarray, key: int, target: int) -> int:
    """What the authors' code does, for any offset.

    A missing past frame becomes the key frame. A missing future frame becomes
    the last existing frame before it, not before the key frame: for their
    five frames, a missing t+2 becomes t+1 if that exists, else the key frame,
    and a missing t+1 the key frame. Arguments as of :func:`clamp`.
    """
    if target < key:
        return int(key)
    return int(numbers[np.searchsorted(numbers, target) - 1])


#: The padding policies by their config names.
PADDING_POLICIES: Dict[str, PaddingPolicy] = dict(
    clamp=clamp, key_frame=key_frame, released=released)


def padding_policy(name: str) -> PaddingPolicy:
    """Look up a policy by its config name.

    Raises:
        ValueError: If there is no such policy.
    """
    if name not in PADDING_POLICIES:
        raise ValueError(f'unknown padding {name!r}; there are '
                         f'{", ".join(map(repr, PADDING_POLICIES))}')
    return PADDING_POLICIES[name]


@dataclass(frozen=True)
class VideoFrames:
    """The frames that exist of one video.

    Args:
        video (str): What the video is called in messages.
        numbers (np.ndarray): Their numbers in the video's own numbering,
            strictly ascending, any start, gaps allowed, (N, ).
        paths (Sequence[str]): Their files, N.

    Raises:
        ValueError: If there is no frame, the numbers do not ascend strictly,
            or there are not as many paths as numbers.
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

    @property
    def step(self) -> int:
        """int: The frame step, the largest that reaches every frame.

        It is the greatest common divisor of the differences of the numbers,
        1 for a video of a single frame.
        """
        return int(np.gcd.reduce(np.diff(self.numbers))) or 1

    def position(self, number: int) -> int:
        """The place of frame ``number`` among the existing frames.

        Raises:
            ValueError: If that frame does not exist.
        """
        place = int(np.searchsorted(self.numbers, number))
        if place == len(self) or self.numbers[place] != number:
            raise ValueError(
                f'{self.video}: frame {number} is not among the '
                f'{len(self)} frames that exist, numbers {self.numbers[0]} to '
                f'{self.numbers[-1]}')
        return place

    def clip(self, key: int, window: FrameWindow,
             policy: PaddingPolicy) -> Tuple[List[int], List[bool]]:
        """Resolve a window around a key frame.

        Args:
            key (int): The key frame's number.
            window (FrameWindow): T offsets, in frame steps.
            policy (Callable): What replaces a frame that does not exist.

        Returns:
            tuple:
            - list[int]: The places of the clip's frames in
              :attr:`numbers` and :attr:`paths`, T.
            - list[bool]: Where the frame asked for did not exist, T.

        Raises:
            ValueError: If the key frame does not exist.
        """
        self.position(key)
        targets = [key + offset * self.step for offset in window.offsets]
        exists = np.isin(targets, self.numbers).tolist()
        places = [
            self.position(
                target if found else policy(self.numbers, key, target))
            for target, found in zip(targets, exists)
        ]
        return places, [not found for found in exists]


class VideoTable:
    """Looks up the frames of the video that a frame belongs to.

    Args:
        ann_file (str): The annotation file, for messages.
        videos (Sequence[dict]): Its ``videos``: ``file_names``, N, and
            ``frame_ids``, N integers that ascend strictly.
        path_of (Callable): ``path_of(file_name)`` -> the frame's path.

    Raises:
        ValueError: If a record is not of that form, or a frame belongs to two
            videos.
    """

    def __init__(self, ann_file: str, videos: Sequence[dict],
                 path_of: Callable[[str], str]) -> None:
        self.ann_file = ann_file
        self._videos: List[VideoFrames] = []
        self._places: Dict[str, Tuple[int, int]] = {}
        for index, video in enumerate(videos):
            where = f'{ann_file}: videos[{index}]'
            frames = _read_video(where, video, path_of)
            for path, number in zip(frames.paths, frames.numbers.tolist()):
                if path in self._places:
                    other = self._videos[self._places[path][0]]
                    raise ValueError(f'{where}: frame {path} is also one of '
                                     f'{other.video}')
                self._places[path] = index, number
            self._videos.append(frames)

    def locate(self, path: str) -> Tuple[VideoFrames, int]:
        """The video that a frame belongs to, and the frame's number in it.

        Raises:
            FileNotFoundError: If the table does not list that frame.
        """
        if path not in self._places:
            raise FileNotFoundError(
                f'the key frame {path} does not exist: it is not among the '
                f'{len(self._places)} frames of the {len(self._videos)} '
                f'videos that {self.ann_file} lists')
        index, number = self._places[path]
        return self._videos[index], number

    def video(self, path: str) -> str:
        """What the video that a frame belongs to is called."""
        return self.locate(path)[0].video

    def missing(self, paths: Iterable[str]) -> List[str]:
        """Those paths that are no frame of any video."""
        return [path for path in paths if path not in self._places]


def _read_video(where: str, video: dict,
                path_of: Callable[[str], str]) -> VideoFrames:
    names, numbers = video.get('file_names'), video.get('frame_ids')
    if not isinstance(names, list) or not all(
            isinstance(name, str) for name in names):
        raise ValueError(f'{where}.file_names must be a list of paths, got '
                         f'{names!r:.80}')
    if not isinstance(numbers, list) or not all(map(is_integer, numbers)):
        raise ValueError(f'{where}.frame_ids must be a list of integers, got '
                         f'{numbers!r:.80}')
    title = video.get('name', video.get('id', where))
    try:
        return VideoFrames(
            str(title), np.array(numbers, np.int64),
            [path_of(n) for n in names])
    except (ValueError, OverflowError) as error:
        raise ValueError(f'{where}: {error}') from error


class FrameCatalogue:
    """Looks up the frames of the video that a frame belongs to.

    A folder is listed when a frame in it is first asked about, once.

    Args:
        parse (Callable): ``parse(path) -> (video, number)``; raises
            ValueError on a name that is no frame's. All frames of a video
            must lie in one folder.
        paths (Iterable[str], optional): The frames that exist. Defaults to
            None: those in the folders.
        promised (Mapping[str, int], optional): How many frames a video is
            said to have. The first video of which fewer are found is logged.
            Defaults to None, nothing is said.
        backend_args (dict, optional): The file backend for the listing.
            Defaults to None.
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

    def locate(self, path: str) -> Tuple[VideoFrames, int]:
        """The video that the frame at ``path`` belongs to, and its number.

        Raises:
            FileNotFoundError: If the folder or that frame does not exist.
            ValueError: If the name is no frame's, or the video has two frames
                of one number.
        """
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
                self._compare_with_promised(self._videos[video])
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

    def _compare_with_promised(self, frames: VideoFrames) -> None:
        promised = self._promised.pop(frames.video, 0)
        if len(frames) < promised:
            print_log(
                f'{frames.video}: the annotation names {promised} frames '
                f'(nframes), {len(frames)} were found: clips are padded. '
                'Other videos of this kind are not reported.',
                logger='current',
                level=logging.WARNING)
            self._promised.clear()

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
            try:
                self._add(osp.join(folder, name))
            except ValueError:
                continue  # a file that is no frame

    def _add(self, path: str) -> None:
        video, number = self._parse(path)
        self._found[video].append((number, path))


#: See :class:`~mmpose_tdmi.datasets.BaseSequenceDataset`.
FRAME_SOURCES = ('auto', 'disk', 'annotation')

#: Both have ``locate(path) -> (VideoFrames, number)`` and ``video(path)``.
FrameLookup = Union[FrameCatalogue, VideoTable]


def frame_lookup(source: str,
                 content: AnnotationFile,
                 path_of: Callable[[str], str],
                 parse: Callable[[str], Tuple[str, int]],
                 backend_args: Optional[dict] = None) -> FrameLookup:
    """Make the lookup that a ``frame_source`` stands for.

    Args:
        source (str): One of :data:`FRAME_SOURCES`.
        content (AnnotationFile): The annotation file.
        path_of (Callable): ``path_of(file_name)`` -> the frame's path.
        parse (Callable): ``parse(path) -> (video, number)``, for names that
            tell these.
        backend_args (dict, optional): The file backend for folders.

    Returns:
        VideoTable | FrameCatalogue: By the file's ``videos``, else by names.

    Raises:
        ValueError: If ``videos`` is damaged, or a name is no frame's.
    """
    if source != 'disk' and content.videos is not None:
        return VideoTable(content.path, content.videos, path_of)
    paths = {
        id_: path_of(image['file_name'])
        for id_, image in content.images.items()
    }
    promised: Dict[str, int] = {}
    for id_, image in content.images.items():
        if image.get('nframes') is not None:
            if not is_integer(image['nframes']):
                raise ValueError(
                    f'{content.path}: image {id_}: nframes must be an '
                    f'integer, got {image["nframes"]!r}')
            promised[parse(paths[id_])[0]] = image['nframes']
    return FrameCatalogue(
        parse,
        paths.values() if source == 'annotation' else None,
        promised=promised,
        backend_args=backend_args)


def check_listed(ann_file: str, lookup: FrameLookup, paths: Iterable[str],
                 what: str) -> None:
    """Refuse key frames that are not in the annotation's ``videos``.

    A key frame that does not exist is better missed before a training than
    in it. Where folders are listed, it shows when its sample is drawn.

    Args:
        ann_file (str): The annotation file, for the message.
        lookup (VideoTable | FrameCatalogue): What tells the frames.
        paths (Iterable[str]): The key frames.
        what (str): What they are, for the message.

    Raises:
        ValueError: If one is not listed.
    """
    if not isinstance(lookup, VideoTable):
        return
    paths = list(dict.fromkeys(paths))
    missing = lookup.missing(paths)
    if missing:
        raise ValueError(
            f'{ann_file}: {len(missing)} of {len(paths)} {what} are not '
            f'among the frames that its videos list: {missing[:3]}')
