"""PoseTrack17, 18 and 21: their annotation formats and converters.

PoseTrack18 has one json per video, without image sizes. Ids are decimal
fields: an image is ``T * 10**10 + sequence * 10**4 + frame`` (T is a digit
naming the collection that the sequence comes from, 1 for MPII), an annotation
``image_id * 100 + number``. PoseTrack21 has the same form: images also say
``has_labeled_person``, annotations ``person_id``, a person's number across
videos. In frames that are not ``is_labeled``, and in labelled ones, persons
may have a box only: they stay, with all keypoints 0.

PoseTrack17 has one ``annolist`` json per video, which names frames by their
path in the data root. The raw names, ``images/<set>/<video>/00000012.jpg``,
are irregular: they may start anywhere, leave numbers out and continue behind
the number (``0012_crop.jpg``). Copies with frames renamed to
``images_renamed/<set>/<video>/%08d.jpg``, numbered from 1 in the order of the
raw numbers, are read as well. Joints are numbered 0 to 14 and become
PoseTrack18's 17 keypoints. The box of the file is the head's; a person's is
made from the joints.
"""
import re
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
from msgspec import UNSET, Struct, UnsetType

from mmpose_tdmi.utils.files import check_outputs, write_json
from ..coco_json import (MAX_COORDINATE, AnnoFrame, AnnolistFile, Category,
                         Coordinate, Count, PathLike, Positive, Text, Whole,
                         check, collect_annolist, mistake, read_json)
from .common import (KEYPOINT_NAMES, NUM_KEYPOINTS, POSETRACK17_POINTS,
                     Conversion, ConvertedVideo, DatasetFormat, LabelledFrame,
                     VideoSource, box_from_keypoints, convert_split,
                     frame_number, image_size, inner_path, list_frames,
                     make_annotation_ids_unique, number_records,
                     person_category, pose_record)

_MAX_FRAMES, _MAX_SEQUENCES = 10**4, 10**6
_ORDER = [KEYPOINT_NAMES.index(name) for name in POSETRACK17_POINTS]
#: T of PoseTrack18's ids by what is behind the number in PoseTrack17's names.
COLLECTIONS = dict(mpii=1, bonn=2, mpiinew=3)
_NAME = re.compile(rf'([0-9]{{1,6}})_({"|".join(COLLECTIONS)})(_.*)?',
                   re.DOTALL)


class OfficialFrame(Struct):
    id: Count
    file_name: Text
    vid_id: Union[Text, int]
    nframes: Positive
    is_labeled: bool


class OfficialImage(OfficialFrame, kw_only=True):
    width: Union[Whole, UnsetType] = UNSET
    height: Union[Whole, UnsetType] = UNSET
    ignore_regions_x: Union[List[List[Coordinate]], UnsetType] = UNSET
    ignore_regions_y: Union[List[List[Coordinate]], UnsetType] = UNSET


class OfficialPerson(Struct, kw_only=True):
    id: Union[Count, UnsetType] = UNSET
    image_id: Count
    track_id: Whole
    category_id: Union[Whole, UnsetType] = UNSET
    keypoints: Union[List[Coordinate], None, UnsetType] = UNSET
    bbox: Optional[List[Coordinate]] = None
    bbox_head: Optional[List[Coordinate]] = None


class _Image21(OfficialImage, kw_only=True):
    has_labeled_person: bool


class _Person21(OfficialPerson, kw_only=True):
    person_id: Whole


class _VideoFile(Struct):
    categories: List[Category]
    images: List[Any]
    annotations: List[Any]


def make_image_id(collection: int, sequence: int, frame: int) -> int:
    """The id of a frame, ``T * 10**10 + sequence * 10**4 + frame``; T is 1 to
    9, the sequence 0 to 999999, the frame 0 to 9999."""
    for name, value, low, high in (('collection', collection, 1, 10),
                                   ('sequence', sequence, 0, _MAX_SEQUENCES),
                                   ('frame', frame, 0, _MAX_FRAMES)):
        if not low <= value < high:
            raise ValueError(f'{name} must be in [{low}, {high}), got {value}')
    return (collection * _MAX_SEQUENCES + sequence) * _MAX_FRAMES + frame


def split_image_id(image_id: int) -> Tuple[int, int, int]:
    """The inverse of :func:`make_image_id`: collection, sequence, frame."""
    rest, frame = divmod(image_id, _MAX_FRAMES)
    return (*divmod(rest, _MAX_SEQUENCES), frame)


def make_annotation_id(image_id: int, number: int) -> int:
    """The id of the ``number``-th (0 to 99) person of an image."""
    if not 0 <= number < 100:
        raise ValueError(f'number must be in [0, 100), got {number}')
    return image_id * 100 + number


def format_video_id(sequence: int) -> str:
    """``vid_id``, the sequence number with six digits."""
    return f'{sequence:06d}'


def write_video_annotation(path: PathLike, images: Sequence[Dict[str, Any]],
                           annotations: Sequence[Dict[str, Any]]) -> None:
    """Write one video's official json, whole or not at all: an image for each
    frame, unlabelled ones included, an annotation for each labelled person."""
    content = dict(images=list(images), annotations=list(annotations))
    write_json(path, dict(categories=[person_category()], **content))


def _find_videos(root: Path, split: str, folder: Path) -> List[VideoSource]:
    """The videos of a split that has one json per video, ordered by name."""
    files = sorted(folder.glob('*.json'), key=lambda file: file.stem)
    if not files:
        raise FileNotFoundError(
            f'there are no json files of videos in {folder}')
    return [VideoSource(root, split, file.stem, file) for file in files]


def read_posetrack_video(source: VideoSource,
                         image: Any = OfficialImage,
                         person: Any = OfficialPerson) -> ConvertedVideo:
    """Read one video's official json, by default PoseTrack18's, whose records
    have these schemas. Fields that the converted file does not define are
    kept."""
    listed, persons = _read(source.annotation, image, person,
                            source.split == 'test')
    images = [_image(source, *located) for located in listed]
    videos = [(i['vid_id'], str(Path(i['file_name']).parent)) for i in images]
    for (vid_id, folder), (place, *_) in zip(videos, listed):
        if (vid_id, folder) != videos[0]:
            raise ValueError(
                f'{place} is of video {vid_id!r} in {folder}, expected '
                f'{videos[0][0]!r} in {videos[0][1]} as those before')
    frames = list_frames(source.root, folder, [i['file_name'] for i in images])
    annotations = [_annotation(*located) for located in persons]
    return ConvertedVideo(source.name, vid_id, frames, images, annotations)


read_posetrack21_video = partial(
    read_posetrack_video, image=_Image21, person=_Person21)


def _read(path: PathLike,
          image: Any,
          person: Any,
          unlabelled: bool = False) -> Tuple[list, list]:
    """Images and annotations of a per-video json: of each the place, the
    record and what its schema makes of it. An unlabelled file needs no
    annotations."""
    content = read_json(path, strict=True)
    if unlabelled and isinstance(content, dict):
        content.setdefault('annotations', [])
    file = check(content, _VideoFile, str(path))

    def located(table: str, schema: Any) -> list:
        return [(f'{path}: {table}[{i}]', record,
                 check(record, schema, str(path), f'{table}[{i}]'))
                for i, record in enumerate(content[table])]

    images, persons = located('images', image), located('annotations', person)
    for index, category in enumerate(file.categories):
        if category.keypoints != list(KEYPOINT_NAMES):
            raise ValueError(
                f'{path}: categories[{index}].keypoints is '
                f'{category.keypoints!r:.200}, expected the PoseTrack18 names '
                f'{list(KEYPOINT_NAMES)}')
    if not images:
        raise mistake(f'{path}: images', [], 'at least one image')
    known: Dict[int, str] = {}
    for place, _, found in images:
        if known.setdefault(found.id, place) != place:
            raise ValueError(f'{place}.id {found.id} is already used in '
                             f'{known[found.id]}')
    for place, _, found in persons:
        if found.image_id not in known:
            raise ValueError(f'{place}.image_id {found.image_id} is not among '
                             'the images of that file')
    return images, persons


def ignore_regions(image: OfficialImage,
                   place: str) -> Tuple[List[list], List[list]]:
    """x and y of an image's ignore polygons, in its pixels."""
    xs, ys = (getattr(image, f'ignore_regions_{axis}') for axis in 'xy')
    if xs is UNSET and ys is UNSET:
        return [], []
    for axis, regions in (('x', xs), ('y', ys)):
        if regions is UNSET:
            raise ValueError(f'{place}.ignore_regions_{axis} is missing')
    lengths = [[len(region) for region in regions] for regions in (xs, ys)]
    if lengths[0] != lengths[1]:
        raise ValueError(f'{place}.ignore_regions_x has polygons of '
                         f'{lengths[0]} points, ignore_regions_y of '
                         f'{lengths[1]}, expected the same')
    return xs, ys


def _image(source: VideoSource, place: str, record: Dict[str, Any],
           image: OfficialImage) -> Dict[str, Any]:
    file_name = inner_path(image.file_name, f'{place}.file_name')
    if isinstance(image.vid_id, int):
        image.vid_id = format_video_id(image.vid_id)
    frame_id = frame_number(file_name, f'{place}.file_name')
    xs, ys = ignore_regions(image, place)
    size = image_size(source.root / file_name, f'{place}.file_name')
    for field, value in zip(('width', 'height'), size):
        if getattr(image, field) not in (UNSET, value):
            raise mistake(f'{place}.{field}', getattr(image, field),
                          f'{value} as {file_name} has')
    return dict(
        record,
        id=int(image.id),
        file_name=file_name,
        vid_id=image.vid_id,
        frame_id=frame_id,
        nframes=int(image.nframes),
        width=size[0],
        height=size[1],
        ignore_regions_x=xs,
        ignore_regions_y=ys)


def _annotation(place: str, record: Dict[str, Any],
                person: OfficialPerson) -> Dict[str, Any]:
    keypoints: List[float] = [0] * (3 * NUM_KEYPOINTS)
    if person.keypoints or not isinstance(person, _Person21):
        keypoints = number_list(person, 'keypoints', len(keypoints), place)
    box = person.bbox and number_list(person, 'bbox', 4, place)
    if not box and any(keypoints):
        box = box_from_keypoints(keypoints)
    head = person.bbox_head and number_list(person, 'bbox_head', 4, place)
    if person.category_id not in (UNSET, 1):
        raise mistake(f'{place}.category_id', person.category_id,
                      '1, the person')
    for field in ('bbox', 'bbox_head', 'area'):
        record.pop(field, None)
    for field in ('id', 'image_id', 'track_id', 'person_id'):
        if field in record and hasattr(person, field):
            record[field] = int(record[field])  # may be written as 3.0
    return dict(record, category_id=1, **pose_record(keypoints, box, head))


def number_list(person: Any, field: str, length: int,
                place: str) -> List[float]:
    """A field of a person that must have so many numbers."""
    values = getattr(person, field)
    if values in (UNSET, None):
        raise mistake(f'{place}.{field}', values, 'a list')
    if len(values) != length:
        raise ValueError(f'{place}.{field} has {len(values)} numbers, '
                         f'expected {length}')
    return values


def merge_annotations(video_jsons: Sequence[PathLike],
                      image_root: PathLike,
                      out: Optional[PathLike] = None) -> Dict[str, Any]:
    """Join official per-video files into one COCO-style annotation.

    Images, unlabelled ones included, keep all their fields and gain ``width``
    and ``height``, read from the image's header. Annotations keep theirs and
    gain their box's ``area``; one without a ``bbox`` gets it by PoseTrack18's
    rule, and one whose ``id`` is missing or taken a fresh one.

    Args:
        video_jsons: The per-video files, merged in the given order.
        image_root: Folder that ``file_name`` is relative to.
        out: Where to write the result; not written by default.
    """
    if not video_jsons:
        raise ValueError('no per-video json files to merge')
    if out is not None:
        check_outputs([out], video_jsons)
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    sources: Dict[int, PathLike] = {}
    for path in video_jsons:
        listed, persons = _read(path, OfficialFrame, OfficialPerson)
        for place, record, image in listed:
            inner_path(image.file_name, f'{place}.file_name')
            if image.id in sources:
                raise ValueError(f'{place}.id {image.id} is already used '
                                 f'in {sources[image.id]}')
            sources[image.id] = path
            record['width'], record['height'] = image_size(
                Path(image_root) / image.file_name, f'{place}.file_name')
            images.append(record)
        for place, record, person in persons:
            keypoints = number_list(person, 'keypoints', 3 * NUM_KEYPOINTS,
                                    place)
            for field in ('bbox', 'bbox_head'):
                if field in record:
                    number_list(person, field, 4, place)
            if 'bbox' not in record and any(keypoints):
                record['bbox'] = box_from_keypoints(keypoints)
            if 'bbox' in record:
                # MMDetection's COCO-style datasets need it
                _, _, width, height = record['bbox']
                record.setdefault('area', width * height)
            annotations.append(record)
    make_annotation_ids_unique(annotations)
    merged = dict(
        categories=[person_category()], images=images, annotations=annotations)
    if out is not None:
        write_json(out, merged)
    return merged


def video_numbers(names: List[str]) -> List[int]:
    """The numbers of PoseTrack17's videos from which ids of frames are made.

    ``T * 10**6 + sequence`` by PoseTrack18's rule, as the names tell, such as
    ``000342_mpii_relpath_5sec_testsub``. Some videos share both; the second of
    them (by name) gets T + 3, the third T + 6.
    """
    numbers: List[int] = []
    seen: Counter = Counter()
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(
                f'the video name {name!r} tells no sequence, expected '
                f'<number>_<{"|".join(COLLECTIONS)}>_...')
        key = COLLECTIONS[match.group(2)], int(match.group(1))
        collection = key[0] + 3 * seen[key]
        seen[key] += 1
        if collection > 9:
            raise ValueError(f'the video {name!r} is the fourth of its '
                             'sequence, expected at most three')
        numbers.append(collection * _MAX_SEQUENCES + key[1])
    return numbers


def _find_posetrack17_videos(root: Path, split: str,
                             folder: Path) -> List[VideoSource]:
    if not any(folder.glob('*.json')) and any(folder.glob('*.mat')):
        raise FileNotFoundError(f'{folder} has .mat files only: convert them '
                                "to json with poseval's mat2json first")
    sources = _find_videos(root, split, folder)
    numbers = video_numbers([source.name for source in sources])
    return [replace(s, number=n) for s, n in zip(sources, numbers)]


def read_posetrack17_video(source: VideoSource) -> ConvertedVideo:
    """Read one video; its ``number`` is by :func:`video_numbers`."""
    where = str(source.annotation)
    listed = read_json(source.annotation, AnnolistFile, strict=True).annolist
    if not listed:
        raise ValueError(f'{where}: annolist is empty')
    numbers, frames = _place_frames(source, listed)
    labelled: List[LabelledFrame] = []
    for index, (frame, number) in enumerate(zip(listed, numbers)):
        place = f'{where}: annolist[{index}]'
        regions = check([list(region) for region in frame.regions],
                        List[List[List[Coordinate]]], place, 'ignore_regions')
        told = frame.is_labeled not in (None, [])
        fields = dict(
            original_file_name=frame.image[0].name,
            is_labeled=frame.labelled if told else bool(frame.annorect),
            ignore_regions_x=[x for x, _ in regions],
            ignore_regions_y=[y for _, y in regions])
        labelled.append(
            LabelledFrame(number, f'{place}.image[0].name', [], fields))
    for index, track_id, head, points in annolist_persons(
            listed, where, len(POSETRACK17_POINTS)):
        joints = np.zeros((NUM_KEYPOINTS, 3))
        joints[_ORDER] = points
        keypoints = joints.ravel().tolist()
        box = box_from_keypoints(keypoints, head) if joints.any() else None
        labelled[index].persons.append(
            dict(pose_record(keypoints, box, head), track_id=track_id))
    video = number_records(source, frames, labelled, _MAX_FRAMES, 100)
    video.vid_id = format_video_id(source.number % _MAX_SEQUENCES)
    return video


def annolist_persons(
        frames: List[AnnoFrame], where: str,
        num_joints: int) -> Iterator[Tuple[int, int, List[float], np.ndarray]]:
    """The persons of an annolist: the frame's place, the track id, the box (x,
    y, width, height), and the joints' x, y, v (V, 3), where v is 2 visible, 1
    hidden or not told, 0 (with x = y = 0) absent."""
    found = collect_annolist(frames, where, num_joints, strict=True)
    joints = found.joints[..., :3].copy()
    joints[..., 2] = np.where(joints[..., 2] == 1, 2, 1)
    joints[np.isnan(joints[..., 0])] = 0
    for rect, place, index, points in zip(found.rects, found.places,
                                          found.frame_index.tolist(), joints):
        place = f'{where}: {place}'
        x1, y1, x2, y2 = rect.corners(place)
        if max(map(abs, (x1, y1, x2, y2))) > MAX_COORDINATE:
            raise ValueError(
                f'{place}: x1 ... y2 are {[x1, y1, x2, y2]}, expected '
                f'numbers within +-{MAX_COORDINATE:g}')
        if not rect.track_id:
            raise mistake(f'{place}.track_id',
                          UNSET if rect.track_id is None else rect.track_id,
                          'a list of one element')
        yield index, int(rect.track_id[0]), [x1, y1, x2 - x1, y2 - y1], points


def _place_frames(source: VideoSource,
                  listed: List[AnnoFrame]) -> Tuple[List[int], Dict[int, str]]:
    """The number of each listed frame, and the frames that exist."""
    raw, names = [], []
    for index, frame in enumerate(listed):
        where = f'{source.annotation}: annolist[{index}].image[0].name'
        name = inner_path(frame.image[0].name, where)
        raw.append(frame_number(name, where))
        names.append(name)
        folder = str(Path(names[0]).parent)
        if str(Path(name).parent) != folder:
            raise ValueError(f'{where} is {name!r}, expected a file in '
                             f'{folder}')
    if len(set(raw)) != len(raw):
        number = Counter(raw).most_common(1)[0][0]
        raise ValueError(f'{source.annotation}: the frame number {number} '
                         'occurs more than once in annolist')
    if (source.root / folder).is_dir():
        return raw, list_frames(source.root, folder, names)
    renamed = re.sub('^images/', 'images_renamed/', folder)
    path = source.root / renamed
    if not path.is_dir():
        raise FileNotFoundError(
            f'{source.annotation}: there is no folder {source.root / folder}'
            f' with its frames, nor {path}')
    frames = list_frames(source.root, renamed, [])
    if list(frames) != list(range(1, len(raw) + 1)):
        raise ValueError(
            f'{path} has {len(frames)} frames numbered '
            f'{min(frames, default=0)} to {max(frames, default=0)}, but '
            f'{source.annotation} lists {len(raw)}: they cannot be paired; '
            'give the frames by their raw names')
    rank = {number: i + 1 for i, number in enumerate(sorted(raw))}
    return [rank[number] for number in raw], frames


POSETRACK17 = DatasetFormat('posetrack17', ('train', 'val', 'test'),
                            'annotations/{split}', _find_posetrack17_videos,
                            read_posetrack17_video)
POSETRACK18 = DatasetFormat('posetrack18', ('train', 'val', 'test'),
                            'annotations/{split}', _find_videos,
                            read_posetrack_video)
POSETRACK21 = DatasetFormat('posetrack21', ('train', 'val'),
                            'posetrack_data/{split}', _find_videos,
                            read_posetrack21_video)


def convert_posetrack18(data_root: PathLike,
                        split: str = 'val',
                        out: Optional[PathLike] = None,
                        workers: int = 1,
                        progress: bool = False) -> Conversion:
    """Convert a split of PoseTrack18's official folder.

    Args:
        data_root: The folder, with ``annotations/<split>/<video>.json`` and
            ``images/<split>/<video>/%06d.jpg``.
        split: 'train', 'val' or 'test'.
        out: Folder of the result, ``posetrack18_<split>.json``; by default
            ``annotations`` in the data root.
        workers: Processes, see :func:`.run_tasks`.
        progress: Show a progress bar.

    Raises:
        FileNotFoundError: If a file or folder that is needed is missing.
        ValueError: On a mistake in an official file; the message names file,
            place, value and what was expected.
    """
    return convert_split(POSETRACK18, data_root, split, out, workers, progress)


def convert_posetrack21(data_root: PathLike,
                        split: str = 'val',
                        out: Optional[PathLike] = None,
                        workers: int = 1,
                        progress: bool = False) -> Conversion:
    """Convert a split of PoseTrack21's official folder, 'train' or 'val', as
    :func:`convert_posetrack18` does; the annotations are
    ``posetrack_data/<split>/<video>.json``."""
    return convert_split(POSETRACK21, data_root, split, out, workers, progress)


def convert_posetrack17(data_root: PathLike,
                        split: str = 'val',
                        out: Optional[PathLike] = None,
                        workers: int = 1,
                        progress: bool = False) -> Conversion:
    """Convert a split of PoseTrack17's official folder, as
    :func:`convert_posetrack18` does; frames are in ``images`` or, where that
    is missing, ``images_renamed``."""
    return convert_split(POSETRACK17, data_root, split, out, workers, progress)
