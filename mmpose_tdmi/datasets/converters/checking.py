"""Checking a converted annotation file and the frames that it names.

A *problem* is something that training or evaluation would stumble over, or
would silently do wrong; a *warning* is something unusual that official data
do have, such as a box that reaches far out of its image.
"""
import math
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Set, Tuple, Union

import numpy as np
from msgspec import UNSET, Struct, UnsetType
from PIL import Image

from mmpose_tdmi.utils.parallel import run_tasks
from ..coco_json import (Category, Coordinate, Count, PathLike, Positive, Text,
                         Whole, check, mistake, read_json)
from .common import (HIEVE_KEYPOINT_NAMES, KEYPOINT_NAMES, count_joints,
                     inner_path)
from .posetrack import OfficialImage, ignore_regions, number_list

LAYOUTS = dict.fromkeys(('posetrack17', 'posetrack18', 'posetrack21'),
                        KEYPOINT_NAMES) | dict(hieve=HIEVE_KEYPOINT_NAMES)


@dataclass
class Report:
    """What a check found: a line each, ``file: record: what``; and how many
    records were checked, of their boxes and joints how many reach out of the
    image."""
    problems: List[str] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)

    def summary(self) -> str:
        """The counts and the verdict, some lines."""
        lines = ''.join(f'{name}: {n:,}\n' for name, n in self.counts.items())
        return (f'{lines}{len(self.warnings):,} warnings, '
                f'{len(self.problems):,} problems')


class _Info(Struct):
    dataset: Text


class _File(Struct):
    """What must be there for anything to be checked."""
    info: _Info
    categories: List[Any]
    videos: List[Any]
    images: List[Any]
    annotations: List[Any]


class _Category(Category, kw_only=True):
    id: Whole
    name: Text


class _VideoRecord(Struct):
    id: Text
    name: Text
    file_names: List[Text]
    frame_ids: List[Count]
    where: Any = ''  # what names it in messages


class _ImageRecord(OfficialImage, kw_only=True):
    vid_id: Text
    frame_id: Whole
    width: Positive
    height: Positive


class _Image21(_ImageRecord, kw_only=True):
    has_labeled_person: bool


class _Person(Struct, kw_only=True):
    image_id: Whole
    category_id: Whole
    track_id: Whole
    keypoints: List[Coordinate]
    num_keypoints: Whole
    bbox: Union[List[Coordinate], UnsetType] = UNSET
    bbox_head: Union[List[Coordinate], UnsetType] = UNSET
    area: Any = UNSET


class _Person21(_Person, kw_only=True):
    person_id: Whole


class _Checker:
    """Checks a file's records; notes what is wrong and goes on."""

    def __init__(self, path: str, delta: int) -> None:
        self.path, self.delta = path, delta
        self.content = read_json(path, strict=True)
        self.dataset = check(self.content, _File, path).info.dataset
        if self.dataset not in LAYOUTS:
            raise mistake(f'{path}: info.dataset', self.dataset,
                          f'one of {", ".join(LAYOUTS)}')
        self.report = Report()
        # what is sound; videos that were told to be incomplete; images and
        # tracks
        self.videos: Dict[str, _VideoRecord] = {}
        self.images: Dict[float, _ImageRecord] = {}
        self.incomplete: Set[str] = set()
        self.tracks: Set[Tuple[float, float]] = set()
        is_21 = self.dataset == 'posetrack21'
        self._each('categories', _Category, self._category)
        self._each('videos', _VideoRecord, self._video)
        self._each('images', _Image21 if is_21 else _ImageRecord, self._image)
        self._each('annotations', _Person21 if is_21 else _Person,
                   self._person)
        self._unique('videos', 'name')
        self._unique('images', 'file_name')
        self._unique('annotations', 'id')

    def _each(self, table: str, schema: Any, read: Callable[[Any, str],
                                                            None]) -> None:
        """Check the records of a table; the first mistake of each counts."""
        for index, record in enumerate(self.content[table]):
            self.report.counts[table] += 1
            place = f'{table}[{index}]'
            try:
                found = check(record, schema, self.path, place)
                read(found, f'{self.path}: {place}')
            except ValueError as error:
                self.report.problems.append(str(error))

    def _category(self, category: _Category, where: str) -> None:
        if (category.id, category.name) != (1, 'person'):
            raise ValueError(f'{where} is {category.id}, {category.name!r}, '
                             'expected category 1, the person')
        names = list(LAYOUTS[self.dataset])
        if category.keypoints != names:
            raise ValueError(f'{where}.keypoints is '
                             f'{category.keypoints!r:.300}, expected {names}')

    def _video(self, video: _VideoRecord, where: str) -> None:
        video.file_names = names = [
            inner_path(name, f'{where}.file_names[{i}]')
            for i, name in enumerate(video.file_names)
        ]
        numbers = list(map(int, video.frame_ids))
        if video.id in self.videos:
            raise mistake(f'{where}.id', video.id, 'one that no other has')
        if len(names) != len(numbers) or not names:
            raise ValueError(f'{where} has {len(names)} file_names and '
                             f'{len(numbers)} frame_ids, expected as many, at '
                             'least one')
        if (np.diff(numbers) <= 0).any():
            raise ValueError(f'{where}.frame_ids do not ascend')
        self.videos[video.id], video.where = video, where
        self.report.counts['frames'] += len(names)

    def _image(self, image: _ImageRecord, where: str) -> None:
        ignore_regions(image, where)
        if image.id in self.images:
            raise mistake(f'{where}.id', image.id,
                          'an id that no other image has')
        self.images[image.id] = image
        self.report.counts['labelled images'] += image.is_labeled
        video = self.videos.get(image.vid_id)
        if video is None:
            raise mistake(f'{where}.vid_id', image.vid_id,
                          'the id of one of the videos')
        found = dict(zip(video.frame_ids,
                         video.file_names)).get(image.frame_id)
        if found != inner_path(image.file_name, f'{where}.file_name'):
            raise mistake(
                f'{where}.file_name', image.file_name, f'the file of frame '
                f'{image.frame_id} of video {image.vid_id}, {found!r}')
        if image.nframes > len(
                video.frame_ids) and video.id not in self.incomplete:
            self.incomplete.add(video.id)  # told once
            self.report.problems.append(
                f'{where}: nframes is {image.nframes}, but only '
                f'{len(video.frame_ids)} frames of the video exist')
        if image.is_labeled:
            self._neighbours(
                np.array(video.frame_ids, dtype=np.int64), int(image.frame_id),
                where)

    def _neighbours(self, numbers: np.ndarray, number: int,
                    where: str) -> None:
        """Check that a labelled frame has the frames around it."""
        step = int(np.gcd.reduce(np.diff(numbers))) or 1
        wanted = number + step * np.arange(-self.delta, self.delta + 1)
        wanted = wanted[(wanted >= numbers[0]) & (wanted <= numbers[-1])]
        missing = np.setdiff1d(wanted, numbers).tolist()
        if missing:
            noted = self.report.problems
            if self.dataset == 'posetrack17':  # its own numbering has gaps
                noted = self.report.warnings
            noted.append(f'{where}: the frames {missing} around frame '
                         f'{number} do not exist')

    def _person(self, person: _Person, where: str) -> None:
        number_list(person, 'keypoints', 3 * len(LAYOUTS[self.dataset]), where)
        joints = count_joints(person.keypoints)
        self.report.counts['joints'] += joints
        if person.num_keypoints != joints:
            raise mistake(f'{where}.num_keypoints', person.num_keypoints,
                          f'{joints}, as there are')
        if person.category_id != 1:
            raise mistake(f'{where}.category_id', person.category_id,
                          '1, the person')
        image = self.images.get(person.image_id)
        if image is None:
            raise mistake(f'{where}.image_id', person.image_id,
                          'the id of one of the images')
        if (image.id, person.track_id) in self.tracks:
            raise ValueError(f'{where}.track_id {person.track_id} occurs '
                             f'twice in image {person.image_id}')
        self.tracks.add((image.id, person.track_id))
        size = image.width, image.height
        if joints and not image.is_labeled:
            self.report.warnings.append(
                f'{where}: has joints, but its image is not labelled')
        for name in ('bbox_head', 'bbox'):
            box = getattr(person, name)
            # persons with joints must have them
            if name == 'bbox_head' and self.dataset == 'hieve' or (
                    box is UNSET and not joints):
                continue
            if box is UNSET:
                raise ValueError(f'{where}.{name} is missing')
            if len(box) != 4 or min(box[2:]) <= 0:
                raise ValueError(f'{where}.{name} is {box}, expected a width '
                                 'and a height above 0')
            if name == 'bbox':
                self._box(box, person.area, size, where)
        points = np.reshape(person.keypoints, (-1, 3))
        outside = ((points[:, :2] < -0.5) |
                   (points[:, :2] >= np.subtract(size, 0.5)))
        self.report.counts['joints outside'] += int(
            (outside.any(axis=1) & points.any(axis=1)).sum())

    def _box(self, box: List[float], area: Any, size: Tuple[float, float],
             where: str) -> None:
        if not isinstance(area, (int, float)) or not math.isclose(
                area, box[2] * box[3], rel_tol=1e-6):
            raise mistake(f'{where}.area', area,
                          f'{box[2] * box[3]}, the box\'s')
        low = np.maximum(box[:2], 0)
        high = np.minimum(np.add(box[:2], box[2:]), size)
        inside = np.prod(np.maximum(high - low, 0)) / (box[2] * box[3])
        if inside <= 0:
            raise ValueError(f'{where}.bbox is {box}, wholly outside the '
                             f'image of size {size}')
        self.report.counts['boxes partly outside'] += inside < 1 - 1e-6
        if inside < 0.5:
            self.report.warnings.append(f'{where}: {100 * (1 - inside):.0f} % '
                                        'of the box is outside the image')

    def _unique(self, table: str, name: str) -> None:
        """Note values of a field that more than one record has."""
        seen: Dict[Any, str] = {}
        for index, record in enumerate(self.content[table]):
            value = record.get(name) if isinstance(record, dict) else None
            if not isinstance(value, (int, str)):
                continue
            place = f'{table}[{index}]'
            if seen.setdefault(value, place) != place:
                self.report.problems.append(
                    f'{self.path}: {place}: {name} {value!r} is also that of '
                    f'{seen[value]}')


def _check_frames(root: Path, quick: bool, task: Tuple[str, List[str],
                                                       dict]) -> Report:
    """Open the frames of a video, whose sizes are expected by name."""
    report = Report()
    video, names, expected = task
    sizes: Dict[str, Tuple[int, int]] = {}
    for index, name in enumerate(names):
        where, path = f'{video}.file_names[{index}]', root / name
        try:
            with Image.open(path) as image:
                if not quick:
                    image.load()
                sizes[name] = image.size
        except FileNotFoundError:
            report.problems.append(f'{where}: there is no frame {path}')
        # Pillow raises SyntaxError and others on damaged files
        except (OSError, ValueError, SyntaxError,
                Image.DecompressionBombError) as error:
            report.problems.append(
                f'{where}: {path} cannot be opened: {error}')
        else:
            if expected.get(name, sizes[name]) != sizes[name]:
                report.problems.append(
                    f'{where}: {name} is of size {sizes[name]}, but its image '
                    f'record says {expected[name]}')
    if len(set(sizes.values())) > 1:
        report.warnings.append(f'{video}: its frames are of different sizes: '
                               f'{sorted(set(sizes.values()))}')
    return report


def check_converted(ann_file: PathLike,
                    data_root: PathLike,
                    quick: bool = False,
                    delta: int = 2,
                    workers: int = 1,
                    progress: bool = False) -> Report:
    """Check a converted file.

    Args:
        ann_file: The file.
        data_root: The folder that file names are relative to.
        quick: Read the frames' headers only instead of decoding them.
        delta: How many neighbours a labelled frame needs on either side, as
            far as the video goes.
        workers: Processes, see :func:`.run_tasks`.
        progress: Show a progress bar.
    """
    root = Path(data_root)
    if not root.is_dir():
        raise FileNotFoundError(f'there is no folder {root}')
    if delta < 0:
        raise ValueError(f'delta must be at least 0, got {delta}')
    checker = _Checker(str(ann_file), delta)
    report = checker.report
    if len(checker.content['categories']) != 1:
        report.problems.append(f'{ann_file}: categories: is not one category')
    sizes = {i.file_name: (i.width, i.height) for i in checker.images.values()}
    tasks = [(video.where, video.file_names, {
        name: sizes[name]
        for name in video.file_names if name in sizes
    }) for video in checker.videos.values()]
    read = partial(_check_frames, root, quick)
    for found in run_tasks(read, tasks, workers, 'frames', 'video', progress):
        report.problems += found.problems
        report.warnings += found.warnings
    return report
