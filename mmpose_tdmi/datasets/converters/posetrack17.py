"""Reading ``annolist`` json, MATLAB structures as PoseTrack17 and HiEve write.

Every scalar is a list of one. A frame is ``image[0].name`` and its persons
``annorect``; a person has a box ``x1`` ... ``y2``, ``track_id`` and
``annopoints[0].point``, a list of ``{id, x, y}``, from which absent joints are
left out.

Shape shorthand: V joints of the official layout, N points of a person.

PoseTrack17's annotation format and its converter.

One ``annolist`` json per video, in ``annotations/<split>``. Frames are named
in it by their path below the data root, ``images/<set>/<video>/00000012.jpg``;
the raw names are irregular: they may start anywhere, leave numbers out and
continue behind the number (``0012_crop.jpg``). Copies of the data with frames
renamed to ``images_renamed/<set>/<video>/%08d.jpg``, numbered from 1 in the
order of the raw numbers, are read as well.

Joints are numbered 0 to 14 and converted to PoseTrack18's 17 keypoints. The
box of the file is the head's; a person's box is made from the joints.
"""
import re
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .conversion import (KEYPOINT_NAMES, MAX_COORDINATE, NUM_KEYPOINTS,
                         POSETRACK17_POINTS, Conversion, ConvertedVideo,
                         DatasetFormat, PathLike, Record, VideoSource,
                         box_of_joints_and_head, convert_split, count_joints,
                         frame_number, image_size, list_frames,
                         person_category, read_json)
from .posetrack18 import find_json_videos


def scalar(record: Record, field: str) -> Record:
    """The value of a field that is a list of one."""
    return record[field].single()


def corner_box(rect: Record) -> List[float]:
    """A person's box.

    Returns:
        list[float]: x, y, width, height, from ``x1`` ... ``y2``.
    """
    x1, y1, x2, y2 = (
        scalar(rect, field).number() for field in ('x1', 'y1', 'x2', 'y2'))
    return [x1, y1, x2 - x1, y2 - y1]


def points(rect: Record) -> Optional[Record]:
    """The list of a person's points, None if the file gives none."""
    found = rect.get('annopoints')
    if found is None or found.list() in ([], [{}], [None]):
        return None
    return found.single()['point']


def read_points(rect: Record, num_joints: int) -> np.ndarray:
    """A person's joints.

    Args:
        rect (Record): The person.
        num_joints (int): V.

    Returns:
        np.ndarray: (V, 3), x, y and v: 2 visible, 1 hidden or not told,
        0 (with x = y = 0) absent.

    Raises:
        ValueError: If an id is not in 0 ... V - 1 or occurs twice, or a
            value is no number.
    """
    joints = np.zeros((num_joints, 3))
    given = points(rect)
    if given is None or not given.list():
        return joints
    values = _plain_points(given.value, num_joints)
    if values is None:
        values = _named_points(given, num_joints)
    joints[values[:, 0].astype(int)] = values[:, 1:]
    return joints


def _plain_points(given: Sequence[Any],
                  num_joints: int) -> Optional[np.ndarray]:
    """(N, 4) of id, x, y, v if all is as usual, else None: it is quick."""
    rows = []
    try:
        for point in given:
            (number, ), (x, ), (y, ) = point['id'], point['x'], point['y']
            if not {type(number), type(x), type(y)} <= {int, float}:
                return None
            visible = point.get('is_visible')
            if visible is None:
                rows.append((number, x, y, 1))
                continue
            (visible, ) = visible
            if visible not in (0, 1):
                return None
            rows.append((number, x, y, 2 if visible else 1))
        values = np.array(rows, dtype=float)
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        return None
    ids = values[:, 0].tolist()
    if (not (np.abs(values) <= MAX_COORDINATE).all()
            or not set(ids) <= set(range(num_joints))
            or len(set(ids)) != len(ids)):
        return None
    return values


def _named_points(given: Record, num_joints: int) -> np.ndarray:
    """The same, point by point: raises where something is wrong."""
    rows: Dict[int, Tuple[float, ...]] = {}
    for point in given:
        number = scalar(point, 'id').integer(0, num_joints)
        if number in rows:
            raise ValueError(f'{point.where}.id is {number}, which an earlier '
                             'point of that person has')
        visible = point.get('is_visible')
        if visible is None or visible.value in ([], None):
            flag = 1
        else:
            flag = 2 if visible.single().flag() else 1
        rows[number] = (number, scalar(point, 'x').number(),
                        scalar(point, 'y').number(), flag)
    return np.array(list(rows.values()), dtype=float)


#: T of PoseTrack18's ids by what a video's name says behind its number.
COLLECTIONS = dict(mpii=1, bonn=2, mpiinew=3)

_NAME = re.compile(r'([0-9]{1,6})_([a-z]+)(_.*)?', re.DOTALL)
_ORDER = [KEYPOINT_NAMES.index(name) for name in POSETRACK17_POINTS]
_MAX_FRAMES = 10**4


def video_numbers(names: List[str]) -> List[int]:
    """The numbers of videos from which the ids of their frames are made.

    ``T * 10**6 + sequence`` by PoseTrack18's rule. Some videos share both;
    the second of them (by name) gets T + 3, the third T + 6.

    Args:
        names (list[str]): The videos' names, ordered; such as
            ``000342_mpii_relpath_5sec_testsub``.

    Returns:
        list[int]: A number for each, all different.

    Raises:
        ValueError: If a name does not tell the sequence and the collection.
    """
    numbers: List[int] = []
    seen: Counter = Counter()
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None or match.group(2) not in COLLECTIONS:
            raise ValueError(
                f'the video name {name!r} tells no sequence, expected '
                f'<number>_<{"|".join(COLLECTIONS)}>_...')
        key = COLLECTIONS[match.group(2)], int(match.group(1))
        collection = key[0] + 3 * seen[key]
        seen[key] += 1
        if collection > 9:
            raise ValueError(f'the video {name!r} is the fourth of its '
                             'sequence, expected at most three')
        numbers.append(collection * 10**6 + key[1])
    return numbers


def read_posetrack17_video(source: VideoSource) -> ConvertedVideo:
    """Read one video.

    Args:
        source (VideoSource): The video; ``number`` by
            :func:`video_numbers`.

    Returns:
        ConvertedVideo: The video.

    Raises:
        FileNotFoundError: If the annotation or an image is missing.
        ValueError: On any mistake; the message names it.
    """
    records = list(read_json(source.annotation)['annolist'])
    if not records:
        raise ValueError(f'{source.annotation}: annolist is empty')
    names = [scalar(record, 'image')['name'].path() for record in records]
    numbers, frames = _place_frames(source, records, names)
    places = {number: place for place, number in enumerate(sorted(numbers))}
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    for record, number in zip(records, numbers):
        place = number if max(numbers) < _MAX_FRAMES else places[number]
        image = _image(source, record, frames, number)
        image['id'] = source.number * _MAX_FRAMES + place
        images.append(image)
        for index, rect in enumerate(_rects(record)):
            if index >= 100:
                raise ValueError(f'{record.where}.annorect has more than 100 '
                                 'persons, the ids hold no more')
            annotations.append(_annotation(image['id'], index, rect))
    return ConvertedVideo(source.name, f'{source.number % 10**6:06d}', frames,
                          images, annotations)


def _place_frames(source: VideoSource, records: List[Record],
                  names: List[str]) -> Tuple[List[int], Dict[int, str]]:
    """The number of each listed frame, and the frames that exist."""
    raw = []
    for record, name in zip(records, names):
        try:
            raw.append(frame_number(Path(name).name))
        except ValueError as error:
            raise ValueError(
                f'{record.where}.image[0].name: {error}') from None
        if Path(name).parent != Path(names[0]).parent:
            raise ValueError(f'{record.where}.image[0].name is {name!r}, '
                             f'expected a file in {Path(names[0]).parent}')
    if len(set(raw)) != len(raw):
        number = Counter(raw).most_common(1)[0][0]
        raise ValueError(f'{source.annotation}: the frame number {number} '
                         'occurs more than once in annolist')
    folder = str(Path(names[0]).parent)
    if (source.root / folder).is_dir():
        listed = list_frames(source.root, folder,
                             [Path(name).name for name in names])
        return raw, {n: f'{folder}/{name}' for n, name in listed.items()}
    renamed = 'images_renamed/' + folder.partition('images/')[2]
    if not folder.startswith('images/') or not (source.root /
                                                renamed).is_dir():
        raise FileNotFoundError(
            f'{source.annotation}: there is no folder {source.root / folder}'
            f' with its frames, nor {source.root / renamed}')
    listed = list_frames(source.root, renamed, [])
    if list(listed) != list(range(1, len(raw) + 1)):
        raise ValueError(
            f'{source.root / renamed} has {len(listed)} frames numbered '
            f'{min(listed, default=0)} to {max(listed, default=0)}, but '
            f'{source.annotation} lists {len(raw)}: they cannot be paired; '
            'give the frames by their raw names')
    rank = {number: i + 1 for i, number in enumerate(sorted(raw))}
    return ([rank[number] for number in raw], {
        n: f'{renamed}/{name}'
        for n, name in listed.items()
    })


def _image(source: VideoSource, record: Record, frames: Dict[int, str],
           number: int) -> Dict[str, Any]:
    where = f'{record.where}.image[0].name'
    name = record['image'].single()['name'].value
    if number not in frames:
        raise FileNotFoundError(f'{where}: there is no frame {name}')
    labeled = record.get('is_labeled')
    width, height = image_size(source.root / frames[number], where)
    xs, ys = [], []
    for region in record.get('ignore_regions') or ():
        corners = list(region['point'])
        xs.append([scalar(corner, 'x').number() for corner in corners])
        ys.append([scalar(corner, 'y').number() for corner in corners])
    return dict(
        id=None,
        file_name=frames[number],
        original_file_name=name,
        vid_id=None,
        frame_id=number,
        nframes=len(frames),
        width=width,
        height=height,
        is_labeled=(bool(_rects(record)) if labeled is None
                    or labeled.value == [] else labeled.single().flag()),
        ignore_regions_x=xs,
        ignore_regions_y=ys)


def _rects(record: Record) -> List[Record]:
    found = record.get('annorect')
    return [] if found is None else list(found)


def _annotation(image_id: int, index: int, rect: Record) -> Dict[str, Any]:
    joints = np.zeros((NUM_KEYPOINTS, 3))
    joints[_ORDER] = read_points(rect, len(POSETRACK17_POINTS))
    keypoints = joints.ravel().tolist()
    head = corner_box(rect)
    annotation: Dict[str, Any] = dict(
        id=image_id * 100 + index,
        image_id=image_id,
        category_id=1,
        track_id=scalar(rect, 'track_id').integer())
    if any(keypoints):
        box = box_of_joints_and_head(keypoints, head)
        annotation.update(bbox=box, area=box[2] * box[3])
    annotation.update(
        bbox_head=head,
        keypoints=keypoints,
        num_keypoints=count_joints(keypoints),
        iscrowd=0)
    return annotation


def _find_videos(root: Path, split: str) -> List[VideoSource]:
    folder = f'annotations/{split}'
    if (not any((root / folder).glob('*.json')) and any(
        (root / folder).glob('*.mat'))):
        raise FileNotFoundError(
            f'{root / folder} has .mat files only: convert them to json with '
            "poseval's mat2json first")
    sources = find_json_videos(root, folder, split)
    numbers = video_numbers([source.name for source in sources])
    return [
        VideoSource(root, split, source.name, source.annotation, number)
        for source, number in zip(sources, numbers)
    ]


POSETRACK17 = DatasetFormat(
    name='posetrack17',
    splits=('train', 'val', 'test'),
    category=person_category(),
    annotation_folder='annotations/{split}',
    find_videos=_find_videos,
    read_video=read_posetrack17_video)


def convert_posetrack17(data_root: PathLike,
                        split: str = 'val',
                        out: Optional[PathLike] = None,
                        workers: int = 1,
                        progress: bool = False) -> Conversion:
    """Convert a split of PoseTrack17's official folder.

    The folder holds ``annotations/<split>/<video>.json`` and ``images``, or
    ``images_renamed`` in its place. Where both are there, ``images`` is
    used.

    Args:
        data_root (str | Path): The folder.
        split (str): 'train', 'val' or 'test'. Defaults to 'val'.
        out (str | Path, optional): Folder of the result,
            ``posetrack17_<split>.json``. Defaults to None, ``annotations`` in
            the data root.
        workers (int): Processes, see :func:`.run_tasks`. Defaults to 1.
        progress (bool): Show a progress bar. Defaults to False.

    Returns:
        Conversion: Path and counts.

    Raises:
        FileNotFoundError: If a file or folder that is needed is missing.
        ValueError: On a mistake in an official file; the message names file,
            place, value and what was expected.
    """
    return convert_split(POSETRACK17, data_root, split, out, workers, progress)
