"""Checking the frames of a video on disk.

Checking a converted annotation file and the frames that it names.

A *problem* is something that training or evaluation would stumble over, or
would silently do wrong; a *warning* is something unusual that official data
do have, such as a box that reaches far out of its image.

Shape shorthand: V keypoints of the layout.
"""
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Set, Tuple

import numpy as np
from PIL import Image

from mmpose_tdmi.utils.parallel import run_tasks
from .conversion import (HIEVE_KEYPOINT_NAMES, KEYPOINT_NAMES, PathLike,
                         Record, count_joints, read_json)
from .posetrack18 import ignore_regions


@dataclass(frozen=True)
class FrameTask:
    """The frames of a video that are to be opened.

    Args:
        root (Path): The data root.
        where (str): What names the video in messages.
        file_names (tuple[str, ...]): The frames.
        sizes (dict[str, tuple[int, int]]): Width and height that frames
            must have, by file name.
        quick (bool): Read headers only.
    """
    root: Path
    where: str
    file_names: Tuple[str, ...]
    sizes: Dict[str, Tuple[int, int]]
    quick: bool


def check_frames(task: FrameTask) -> Tuple[List[str], List[str]]:
    """Open a video's frames.

    Args:
        task (FrameTask): The frames.

    Returns:
        tuple[list[str], list[str]]: One line per problem, and per warning.
    """
    problems: List[str] = []
    warnings: List[str] = []
    sizes: Dict[str, Tuple[int, int]] = {}
    for index, name in enumerate(task.file_names):
        where = f'{task.where}.file_names[{index}]'
        path = task.root / name
        try:
            with Image.open(path) as image:
                if not task.quick:
                    image.load()
                sizes[name] = image.size
        except FileNotFoundError:
            problems.append(f'{where}: there is no frame {path}')
            continue
        # Pillow raises SyntaxError and others on damaged files
        except (OSError, ValueError, SyntaxError,
                Image.DecompressionBombError) as error:
            problems.append(f'{where}: {path} cannot be opened: {error}')
            continue
        expected = task.sizes.get(name)
        if expected is not None and expected != sizes[name]:
            problems.append(f'{where}: {name} is of size {sizes[name]}, but '
                            f'its image record says {expected}')
    if len(set(sizes.values())) > 1:
        warnings.append(f'{task.where}: its frames are of different sizes: '
                        f'{sorted(set(sizes.values()))}')
    return problems, warnings


LAYOUTS = dict(
    posetrack17=KEYPOINT_NAMES,
    posetrack18=KEYPOINT_NAMES,
    posetrack21=KEYPOINT_NAMES,
    hieve=HIEVE_KEYPOINT_NAMES)

#: A box with a larger share of its area outside the image is worth a warning.
OUTSIDE_SHARE = 0.5


@dataclass
class Report:
    """What a check found.

    Attributes:
        problems (list[str]): One line each, ``file: record: what``.
        warnings (list[str]): Likewise.
        counts (Counter): How many records were checked, and how many of
            their boxes and joints reach out of the image.
    """
    problems: List[str] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)

    def summary(self) -> str:
        """str: The counts and the verdict, some lines."""
        lines = [f'{name}: {n:,}' for name, n in self.counts.items()]
        return '\n'.join([
            *lines, f'{len(self.warnings):,} warnings, '
            f'{len(self.problems):,} problems'
        ])


@dataclass
class _Video:
    """A video's record, as far as it is sound."""
    where: str
    file_names: Tuple[str, ...]
    frame_ids: Tuple[int, ...]
    incomplete: bool = False


@dataclass
class _Image:
    """An image's record, as far as it is sound."""
    record: Record
    size: Tuple[int, int]
    is_labeled: bool
    tracks: Set[int]


class _Checker:
    """Checks a file's records; notes what is wrong and goes on."""

    def __init__(self, content: Record) -> None:
        self.content = content
        self.report = Report()
        info = content['info']
        self.dataset = info['dataset'].string()
        if self.dataset not in LAYOUTS:
            raise info['dataset'].error(f'one of {", ".join(LAYOUTS)}')
        self.videos: Dict[str, _Video] = {}
        self.images: Dict[int, _Image] = {}
        self.labelled: Dict[str, List[Tuple[Record, int]]] = {}

    def problem(self, record: Record, what: str) -> None:
        self.report.problems.append(f'{record.where}: {what}')

    def warn(self, record: Record, what: str) -> None:
        self.report.warnings.append(f'{record.where}: {what}')

    def each(self, table: str, check: Callable[[Record], None]) -> None:
        """Check the records of a table; the first mistake of each counts."""
        for record in self.content[table]:
            self.report.counts[table] += 1
            try:
                check(record)
            except ValueError as error:
                self.report.problems.append(str(error))

    def category(self, record: Record) -> None:
        if record['id'].integer() != 1 or record['name'].string() != 'person':
            raise record.error('category 1, the person')
        names = record['keypoints']
        if names.value != list(LAYOUTS[self.dataset]):
            raise ValueError(f'{names.where} is {names.value!r:.300}, expected'
                             f' {list(LAYOUTS[self.dataset])}')

    def video(self, record: Record) -> None:
        vid_id = record['id'].string()
        record['name'].string()
        names = tuple(name.path() for name in record['file_names'])
        numbers = tuple(n.integer(0) for n in record['frame_ids'])
        if vid_id in self.videos:
            raise record['id'].error('an id that no other video has')
        if len(names) != len(numbers) or not names:
            raise ValueError(f'{record.where} has {len(names)} file_names and '
                             f'{len(numbers)} frame_ids, expected as many, at '
                             'least one')
        if (np.diff(numbers) <= 0).any():
            raise ValueError(f'{record.where}.frame_ids do not ascend')
        self.videos[vid_id] = _Video(record.where, names, numbers)
        self.report.counts['frames'] += len(names)

    def image(self, record: Record) -> None:
        image_id, number = record['id'].integer(
            0), record['frame_id'].integer()
        size = record['width'].integer(1), record['height'].integer(1)
        labelled = record['is_labeled'].boolean()
        nframes = record['nframes'].integer(1)
        ignore_regions(record)
        if self.dataset == 'posetrack21':
            record['has_labeled_person'].boolean()
        if image_id in self.images:
            raise record['id'].error('an id that no other image has')
        self.images[image_id] = _Image(record, size, labelled, set())
        self.report.counts['labelled images'] += labelled
        vid_id = record['vid_id'].string()
        video = self.videos.get(vid_id)
        if video is None:
            raise record['vid_id'].error('the id of one of the videos')
        found = dict(zip(video.frame_ids, video.file_names)).get(number)
        if found != record['file_name'].path():
            raise record['file_name'].error(
                f'the file of frame {number} of video {vid_id}, {found!r}')
        if nframes > len(video.frame_ids) and not video.incomplete:
            video.incomplete = True  # told once
            self.problem(
                record, f'nframes is {nframes}, but only '
                f'{len(video.frame_ids)} frames of the video exist')
        if labelled:
            self.labelled.setdefault(vid_id, []).append((record, number))

    def annotation(self, record: Record) -> None:
        keypoints = record['keypoints'].numbers(3 * len(LAYOUTS[self.dataset]))
        joints = count_joints(keypoints)
        self.report.counts['joints'] += joints
        if record['num_keypoints'].integer() != joints:
            raise record['num_keypoints'].error(f'{joints}, as there are')
        if record['category_id'].integer() != 1:
            raise record['category_id'].error('1, the person')
        image = self.images.get(record['image_id'].integer())
        if image is None:
            raise record['image_id'].error('the id of one of the images')
        track = record['track_id'].integer()
        if track in image.tracks:
            raise ValueError(f'{record.where}.track_id {track} occurs twice '
                             f'in image {record["image_id"].value}')
        image.tracks.add(track)
        if self.dataset == 'posetrack21':
            record['person_id'].integer()
        if joints and not image.is_labeled:
            self.warn(record, 'has joints, but its image is not labelled')
        self._head_box(record, joints)
        self._box(record, joints, image.size)
        self._count_outside(keypoints, image.size)

    def _head_box(self, record: Record, joints: int) -> None:
        if self.dataset == 'hieve' or (not joints
                                       and record.get('bbox_head') is None):
            return
        head = record['bbox_head'].numbers(4)
        if min(head[2:]) <= 0:
            raise ValueError(f'{record.where}.bbox_head is {head}, expected a '
                             'width and a height above 0')

    def _box(self, record: Record, joints: int, size: Tuple[int, int]) -> None:
        if not joints and record.get('bbox') is None:
            return
        box = record['bbox'].numbers(4)
        if min(box[2:]) <= 0:
            raise ValueError(f'{record.where}.bbox is {box}, expected a width '
                             'and a height above 0')
        area = record['area'].value
        if not isinstance(area, (int, float)) or not math.isclose(
                area, box[2] * box[3], rel_tol=1e-6):
            raise record['area'].error(f'{box[2] * box[3]}, the box\'s')
        low = np.maximum(box[:2], 0)
        high = np.minimum(np.add(box[:2], box[2:]), size)
        inside = np.prod(np.maximum(high - low, 0)) / (box[2] * box[3])
        if inside <= 0:
            raise ValueError(f'{record.where}.bbox is {box}, wholly outside '
                             f'the image of size {size}')
        self.report.counts['boxes partly outside'] += inside < 1 - 1e-6
        if 1 - inside > OUTSIDE_SHARE:
            self.warn(
                record, f'{100 * (1 - inside):.0f} % of the box is '
                'outside the image')

    def _count_outside(self, keypoints: List[float], size: Tuple[int,
                                                                 int]) -> None:
        joints = np.reshape(keypoints, (-1, 3))
        outside = ((joints[:, :2] < -0.5) |
                   (joints[:, :2] >= np.subtract(size, 0.5))).any(axis=1)
        self.report.counts['joints outside'] += int(
            (outside & joints.any(axis=1)).sum())

    def unique(self, table: str, name: str) -> None:
        """Note values of a field that more than one record has."""
        seen: Dict[Any, str] = {}
        for record in self.content[table]:
            value = record.object().get(name)
            if isinstance(value, (int, str)):
                if value in seen:
                    self.problem(
                        record, f'{name} {value!r} is also that of '
                        f'{seen[value]}')
                seen.setdefault(value, record.place)

    def neighbours(self, delta: int) -> None:
        """Check that a labelled frame has the frames around it."""
        for vid_id, frames in self.labelled.items():
            numbers = np.array(self.videos[vid_id].frame_ids)
            step = int(np.gcd.reduce(np.diff(numbers))) or 1
            for record, number in frames:
                wanted = number + step * np.arange(-delta, delta + 1)
                wanted = wanted[(wanted >= numbers[0])
                                & (wanted <= numbers[-1])]
                missing = np.setdiff1d(wanted, numbers).tolist()
                if missing:
                    # PoseTrack17's own numbering has gaps
                    note = (
                        self.warn
                        if self.dataset == 'posetrack17' else self.problem)
                    note(
                        record, f'the frames {missing} around frame {number} '
                        'do not exist')


def check_converted(ann_file: PathLike,
                    data_root: PathLike,
                    quick: bool = False,
                    delta: int = 2,
                    workers: int = 1,
                    progress: bool = False) -> Report:
    """Check a converted file.

    Args:
        ann_file (str | Path): The file.
        data_root (str | Path): The folder that file names are relative to.
        quick (bool): Read the frames' headers only. Defaults to False, they
            are decoded.
        delta (int): How many neighbours a labelled frame needs on either
            side, as far as the video goes. Defaults to 2.
        workers (int): Processes, see :func:`.run_tasks`. Defaults to 1.
        progress (bool): Show a progress bar. Defaults to False.

    Returns:
        Report: What was found.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the file is no json or not of the converters' form, so
            that there is nothing to check, or a number is out of range.
    """
    root = Path(data_root)
    if not root.is_dir():
        raise FileNotFoundError(f'there is no folder {root}')
    if delta < 0:
        raise ValueError(f'delta must be at least 0, got {delta}')
    checker = _Checker(read_json(ann_file))
    checker.each('categories', checker.category)
    checker.each('videos', checker.video)
    checker.each('images', checker.image)
    checker.each('annotations', checker.annotation)
    checker.unique('videos', 'name')
    checker.unique('images', 'file_name')
    checker.unique('annotations', 'id')
    if not len(checker.content['categories'].list()) == 1:
        checker.problem(checker.content['categories'], 'is not one category')
    checker.neighbours(delta)
    sizes: Dict[str, Tuple[int, int]] = {
        image.record['file_name'].value: image.size
        for image in checker.images.values()
        if isinstance(image.record.object().get('file_name'), str)
    }
    tasks = [
        FrameTask(root, video.where, video.file_names,
                  {n: sizes[n]
                   for n in video.file_names if n in sizes}, quick)
        for video in checker.videos.values()
    ]
    for problems, warnings in run_tasks(check_frames, tasks, workers, 'frames',
                                        'video', progress):
        checker.report.problems += problems
        checker.report.warnings += warnings
    return checker.report
