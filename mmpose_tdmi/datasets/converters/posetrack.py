"""PoseTrack17, 18 and 21: their annotation formats and converters.

PoseTrack18 has one json per video, without image sizes. Ids are decimal
fields: an image is ``T * 10**10 + sequence * 10**4 + frame`` (T is a digit
naming the collection that the sequence comes from, 1 for MPII), an annotation
``image_id * 100 + number``. PoseTrack21 has the same form with more persons:
images also say ``has_labeled_person``, annotations ``person_id``, a person's
number across videos. Frames that are not ``is_labeled`` may have persons that
are annotated by a box only, and so may labelled ones: such a person stays,
with all keypoints 0.

PoseTrack17 has one ``annolist`` json per video. Frames are named in it by
their path below the data root, ``images/<set>/<video>/00000012.jpg``; the raw
names are irregular: they may start anywhere, leave numbers out and continue
behind the number (``0012_crop.jpg``). Copies of the data with frames renamed
to ``images_renamed/<set>/<video>/%08d.jpg``, numbered from 1 in the order of
the raw numbers, are read as well. Joints are numbered 0 to 14 and converted
to PoseTrack18's 17 keypoints. The box of the file is the head's; a person's
box is made from the joints.
"""
import re
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import (Any, Dict, Generic, List, Optional, Sequence, Tuple,
                    TypeVar, Union)

import numpy as np
from msgspec import UNSET, Struct, UnsetType

from mmpose_tdmi.utils.files import check_outputs, write_json
from ..coco_json import (MAX_COORDINATE, AnnoFrame, AnnolistFile, AnnoRect,
                         Category, Coordinate, Count, PathLike, Positive, Text,
                         Whole, check, collect_annolist, mistake, read_json)
from .common import (KEYPOINT_NAMES, NUM_KEYPOINTS, POSETRACK17_POINTS,
                     Conversion, ConvertedVideo, DatasetFormat, VideoSource,
                     box_from_keypoints, convert_split, count_joints,
                     frame_number, image_size, inner_path, list_frames,
                     make_annotation_ids_unique, person_category)

_MAX_FRAMES, _MAX_SEQUENCES = 10**4, 10**6
_ORDER = [KEYPOINT_NAMES.index(name) for name in POSETRACK17_POINTS]
#: T of PoseTrack18's ids by what a PoseTrack17 video's name says behind its
#: number.
COLLECTIONS = dict(mpii=1, bonn=2, mpiinew=3)
_NAME = re.compile(r'([0-9]{1,6})_([a-z]+)(_.*)?', re.DOTALL)


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


_Image = TypeVar('_Image')
_Person = TypeVar('_Person')


class _VideoFile(Struct, Generic[_Image, _Person]):
    categories: List[Category]
    images: List[_Image]
    annotations: Union[List[_Person], UnsetType] = UNSET


def make_image_id(collection: int, sequence: int, frame: int) -> int:
    """The id of a frame, ``T * 10**10 + sequence * 10**4 + frame``.

    T is 1 to 9, the sequence 0 to 999999, the frame 0 to 9999.
    """
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
    """str: ``vid_id``, the sequence number with six digits."""
    return f'{sequence:06d}'


def write_video_annotation(path: PathLike, images: Sequence[Dict[str, Any]],
                           annotations: Sequence[Dict[str, Any]]) -> None:
    """Write one video's official json, whole or not at all.

    An image for each frame, unlabelled ones included; an annotation for each
    labelled person and frame.
    """
    write_json(
        path,
        dict(
            categories=[person_category()],
            images=list(images),
            annotations=list(annotations)))


def _find_videos(root: Path,
                 split: str,
                 folder: str = 'annotations/{split}') -> List[VideoSource]:
    """The videos of a split that has one json per video, ordered by name."""
    path = root / folder.format(split=split)
    files = sorted(path.glob('*.json'), key=lambda file: file.stem)
    if not files:
        raise FileNotFoundError(f'there are no json files of videos in {path}')
    return [VideoSource(root, split, file.stem, file) for file in files]


def read_posetrack_video(source: VideoSource,
                         person_ids: bool = False) -> ConvertedVideo:
    """Read one video's official json.

    Fields that the converted file does not define are kept. With
    ``person_ids`` the form is PoseTrack21's, else PoseTrack18's.
    """
    where = str(source.annotation)
    schema: Any = _VideoFile[OfficialImage, OfficialPerson]
    if person_ids:
        schema = _VideoFile[_Image21, _Person21]
    content, file = _read(where, schema, source.split == 'test')
    images: List[Dict[str, Any]] = []
    for index, image in enumerate(file.images):
        place = f'{where}: images[{index}]'
        images.append(_image(source, content['images'][index], image, place))
        own, first = images[-1], images[0]
        folders = [str(Path(i['file_name']).parent) for i in (own, first)]
        if folders[0] != folders[1] or own['vid_id'] != first['vid_id']:
            raise ValueError(
                f'{place} is of video {own["vid_id"]!r} in {folders[0]}, '
                f'expected {first["vid_id"]!r} in {folders[1]} as those '
                'before')
    frames = list_frames(source.root, str(Path(images[0]['file_name']).parent),
                         [image['file_name'] for image in images])
    annotations = [
        _annotation(content['annotations'][index], person,
                    f'{where}: annotations[{index}]')
        for index, person in enumerate(file.annotations or ())
    ]
    return ConvertedVideo(source.name, images[0]['vid_id'], frames, images,
                          annotations)


read_posetrack21_video = partial(read_posetrack_video, person_ids=True)


def _read(path: PathLike,
          schema: Any,
          unlabelled: bool = False) -> Tuple[dict, Any]:
    """A per-video json, as it is and by its schema; files of the test split
    are unlabelled and need no annotations."""
    content = read_json(path, strict=True)
    file = check(content, schema, str(path))
    if file.annotations is UNSET and not unlabelled:
        raise ValueError(f'{path}: annotations is missing')
    for index, category in enumerate(file.categories):
        if category.keypoints != list(KEYPOINT_NAMES):
            raise ValueError(
                f'{path}: categories[{index}].keypoints is '
                f'{category.keypoints!r:.200}, expected the PoseTrack18 names '
                f'{list(KEYPOINT_NAMES)}')
    if not file.images:
        raise mistake(f'{path}: images', [], 'at least one image')
    known: Dict[int, int] = {}
    for index, image in enumerate(file.images):
        if known.setdefault(image.id, index) != index:
            raise ValueError(f'{path}: images[{index}].id {image.id} is '
                             f'already used in images[{known[image.id]}]')
    for index, person in enumerate(file.annotations or ()):
        if person.image_id not in known:
            raise ValueError(
                f'{path}: annotations[{index}].image_id {person.image_id} is '
                'not among the images of that file')
    return content, file


def ignore_regions(image: OfficialImage,
                   place: str) -> Tuple[List[list], List[list]]:
    """x and y of an image's ignore polygons, in its pixels."""
    found = {axis: getattr(image, f'ignore_regions_{axis}') for axis in 'xy'}
    if all(regions is UNSET for regions in found.values()):
        return [], []
    for axis, regions in found.items():
        if regions is UNSET:
            raise ValueError(f'{place}.ignore_regions_{axis} is missing')
    lengths = [[len(region) for region in found[axis]] for axis in 'xy']
    if lengths[0] != lengths[1]:
        raise ValueError(f'{place}.ignore_regions_x has polygons of '
                         f'{lengths[0]} points, ignore_regions_y of '
                         f'{lengths[1]}, expected the same')
    return found['x'], found['y']


def _image(source: VideoSource, record: Dict[str, Any], image: OfficialImage,
           place: str) -> Dict[str, Any]:
    file_name = inner_path(image.file_name, f'{place}.file_name')
    if isinstance(image.vid_id, int):
        image.vid_id = format_video_id(image.vid_id)
    own = dict(
        id=int(image.id),
        file_name=file_name,
        vid_id=image.vid_id,
        frame_id=frame_number(file_name, f'{place}.file_name'),
        nframes=int(image.nframes),
        width=None,
        height=None,
        is_labeled=image.is_labeled)
    if isinstance(image, _Image21):
        own['has_labeled_person'] = image.has_labeled_person
    xs, ys = ignore_regions(image, place)
    own.update(ignore_regions_x=xs, ignore_regions_y=ys)
    size = image_size(source.root / file_name, f'{place}.file_name')
    for field, value in zip(('width', 'height'), size):
        if getattr(image, field) not in (UNSET, value):
            raise mistake(f'{place}.{field}', getattr(image, field),
                          f'{value} as {file_name} has')
        own[field] = value
    return {**own, **{k: v for k, v in record.items() if k not in own}}


def _annotation(record: Dict[str, Any], person: OfficialPerson,
                place: str) -> Dict[str, Any]:
    keypoints: List[float] = [0] * (3 * NUM_KEYPOINTS)
    if person.keypoints or not isinstance(person, _Person21):
        keypoints = _numbers(person, 'keypoints', len(keypoints), place)
    own: Dict[str, Any] = dict(
        id=None if person.id is UNSET else int(person.id),
        image_id=int(person.image_id),
        category_id=1,
        track_id=int(person.track_id))
    if isinstance(person, _Person21):
        own['person_id'] = int(person.person_id)
    box = person.bbox and _numbers(person, 'bbox', 4, place)
    if not box and any(keypoints):
        box = box_from_keypoints(keypoints)
    if box:
        own.update(bbox=box, area=box[2] * box[3])
    if person.bbox_head:
        own['bbox_head'] = _numbers(person, 'bbox_head', 4, place)
    own.update(
        keypoints=keypoints, num_keypoints=count_joints(keypoints), iscrowd=0)
    if person.category_id not in (UNSET, 1):
        raise mistake(f'{place}.category_id', person.category_id,
                      '1, the person')
    taken = {*own, 'bbox', 'bbox_head', 'area'}
    return {**own, **{k: v for k, v in record.items() if k not in taken}}


def _numbers(person: OfficialPerson, field: str, length: int,
             place: str) -> List[float]:
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

    Images keep all their fields (``nframes``, ``is_labeled``, ignore regions
    ...) and gain ``width`` and ``height``, read from the image's header
    without decoding it. Unlabelled images stay listed. Annotations keep
    theirs (``track_id``, ``bbox_head`` ...) and gain their box's ``area``;
    one without a ``bbox`` gets it by PoseTrack18's rule, and one whose
    ``id`` is missing or taken gets a fresh one above all others.

    Args:
        video_jsons: The per-video files, merged in the given order.
        image_root: Folder that ``file_name`` is relative to.
        out: Where to write the result; not written by default.
    """
    if not video_jsons:
        raise ValueError('no per-video json files to merge')
    paths = [Path(path) for path in video_jsons]
    if out is not None:
        check_outputs([out], paths)
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    sources: Dict[int, Path] = {}
    for path in paths:
        content, file = _read(path, _VideoFile[OfficialFrame, OfficialPerson])
        for index, image in enumerate(content['images']):
            place = f'{path}: images[{index}]'
            inner_path(image['file_name'], f'{place}.file_name')
            if image['id'] in sources:
                raise ValueError(f'{place}.id {image["id"]} is already used '
                                 f'in {sources[image["id"]]}')
            sources[image['id']] = path
            image['width'], image['height'] = image_size(
                Path(image_root) / image['file_name'], f'{place}.file_name')
            images.append(image)
        for index, annotation in enumerate(content['annotations']):
            place = f'{path}: annotations[{index}]'
            lengths = dict(keypoints=3 * NUM_KEYPOINTS, bbox=4, bbox_head=4)
            for field, length in lengths.items():
                if field in annotation or field == 'keypoints':
                    _numbers(file.annotations[index], field, length, place)
            if 'bbox' not in annotation and any(annotation['keypoints']):
                annotation['bbox'] = box_from_keypoints(
                    annotation['keypoints'])
            if 'bbox' in annotation:
                # MMDetection's COCO-style datasets need it
                _, _, width, height = annotation['bbox']
                annotation.setdefault('area', width * height)
            annotations.append(annotation)
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
        numbers.append(collection * _MAX_SEQUENCES + key[1])
    return numbers


def _find_posetrack17_videos(root: Path, split: str) -> List[VideoSource]:
    folder = root / f'annotations/{split}'
    if not any(folder.glob('*.json')) and any(folder.glob('*.mat')):
        raise FileNotFoundError(f'{folder} has .mat files only: convert them '
                                "to json with poseval's mat2json first")
    sources = _find_videos(root, split)
    numbers = video_numbers([source.name for source in sources])
    return [replace(s, number=n) for s, n in zip(sources, numbers)]


def read_posetrack17_video(source: VideoSource) -> ConvertedVideo:
    """Read one video; its ``number`` is by :func:`video_numbers`."""
    where = str(source.annotation)
    listed = read_json(source.annotation, AnnolistFile, strict=True).annolist
    if not listed:
        raise ValueError(f'{where}: annolist is empty')
    found = collect_annolist(
        listed, where, len(POSETRACK17_POINTS), strict=True)
    numbers, frames = _place_frames(source, listed)
    places = {number: place for place, number in enumerate(sorted(numbers))}
    images: List[Dict[str, Any]] = []
    for index, (frame, number) in enumerate(zip(listed, numbers)):
        place = f'{where}: annolist[{index}]'
        if len(frame.annorect) > 100:
            raise ValueError(f'{place}.annorect has more than 100 persons, '
                             'the ids hold no more')
        if number not in frames:
            raise FileNotFoundError(f'{place}.image[0].name: there is no '
                                    f'frame {frame.image[0].name}')
        if max(numbers) >= _MAX_FRAMES:
            number = places[number]
        file_name = frames[numbers[index]]
        width, height = image_size(source.root / file_name,
                                   f'{place}.image[0].name')
        regions = check([list(region) for region in frame.regions],
                        List[List[List[Coordinate]]], place, 'ignore_regions')
        told = frame.is_labeled not in (None, [])
        images.append(
            dict(
                id=source.number * _MAX_FRAMES + number,
                file_name=file_name,
                original_file_name=frame.image[0].name,
                vid_id=None,
                frame_id=numbers[index],
                nframes=len(frames),
                width=width,
                height=height,
                is_labeled=frame.labelled if told else bool(frame.annorect),
                ignore_regions_x=[x for x, _ in regions],
                ignore_regions_y=[y for _, y in regions]))
    annotations: List[Dict[str, Any]] = []
    first_of = np.searchsorted(found.frame_index, found.frame_index).tolist()
    for index, rect in enumerate(found.rects):
        image_id = images[found.frame_index[index]]['id']
        joints = np.zeros((NUM_KEYPOINTS, 3))
        joints[_ORDER] = visible_joints(found.joints[index])
        keypoints = joints.ravel().tolist()
        track_id, head = person_fields(rect, f'{where}: {found.places[index]}')
        person: Dict[str, Any] = dict(
            id=make_annotation_id(image_id, index - first_of[index]),
            image_id=image_id,
            category_id=1,
            track_id=track_id)
        if joints.any():
            box = box_from_keypoints(keypoints, head)
            person.update(bbox=box, area=box[2] * box[3])
        person.update(
            bbox_head=head,
            keypoints=keypoints,
            num_keypoints=count_joints(keypoints),
            iscrowd=0)
        annotations.append(person)
    return ConvertedVideo(source.name,
                          format_video_id(source.number % _MAX_SEQUENCES),
                          frames, images, annotations)


def visible_joints(joints: np.ndarray) -> np.ndarray:
    """x, y, v (V, 3) of a person's joints in an annolist, (V, 4).

    v is 2 visible, 1 hidden or not told, 0 (with x = y = 0) absent.
    """
    present = ~np.isnan(joints[:, 0])
    result = np.zeros((len(joints), 3))
    result[present, :2] = joints[present, :2]
    result[present, 2] = np.where(joints[present, 2] == 1, 2, 1)
    return result


def person_fields(rect: AnnoRect, place: str) -> Tuple[int, List[float]]:
    """Track id and box x, y, width, height of a person in an annolist."""
    x1, y1, x2, y2 = rect.corners(place)
    if max(map(abs, (x1, y1, x2, y2))) > MAX_COORDINATE:
        raise ValueError(
            f'{place}: x1 ... y2 are {[x1, y1, x2, y2]}, expected '
            f'numbers within +-{MAX_COORDINATE:g}')
    if not rect.track_id:
        raise mistake(f'{place}.track_id',
                      UNSET if rect.track_id is None else rect.track_id,
                      'a list of one element')
    return int(rect.track_id[0]), [x1, y1, x2 - x1, y2 - y1]


def _place_frames(source: VideoSource,
                  listed: List[AnnoFrame]) -> Tuple[List[int], Dict[int, str]]:
    """The number of each listed frame, and the frames that exist."""
    raw = []
    names = [frame.image[0].name for frame in listed]
    for index, name in enumerate(names):
        where = f'{source.annotation}: annolist[{index}].image[0].name'
        names[index] = inner_path(name, where)
        raw.append(frame_number(name, where))
        if Path(name).parent != Path(names[0]).parent:
            raise ValueError(f'{where} is {name!r}, expected a file in '
                             f'{Path(names[0]).parent}')
    if len(set(raw)) != len(raw):
        number = Counter(raw).most_common(1)[0][0]
        raise ValueError(f'{source.annotation}: the frame number {number} '
                         'occurs more than once in annolist')
    folder = str(Path(names[0]).parent)
    if (source.root / folder).is_dir():
        return raw, list_frames(source.root, folder, names)
    renamed = 'images_renamed/' + folder.partition('images/')[2]
    if not folder.startswith('images/') or not (source.root /
                                                renamed).is_dir():
        raise FileNotFoundError(
            f'{source.annotation}: there is no folder {source.root / folder}'
            f' with its frames, nor {source.root / renamed}')
    frames = list_frames(source.root, renamed, [])
    if list(frames) != list(range(1, len(raw) + 1)):
        raise ValueError(
            f'{source.root / renamed} has {len(frames)} frames numbered '
            f'{min(frames, default=0)} to {max(frames, default=0)}, but '
            f'{source.annotation} lists {len(raw)}: they cannot be paired; '
            'give the frames by their raw names')
    rank = {number: i + 1 for i, number in enumerate(sorted(raw))}
    return [rank[number] for number in raw], frames


_SPLITS = ('train', 'val', 'test')
POSETRACK17 = DatasetFormat('posetrack17', _SPLITS, person_category(),
                            'annotations/{split}', _find_posetrack17_videos,
                            read_posetrack17_video)
POSETRACK18 = DatasetFormat('posetrack18', _SPLITS, person_category(),
                            'annotations/{split}', _find_videos,
                            read_posetrack_video)
_FOLDER21 = 'posetrack_data/{split}'
POSETRACK21 = DatasetFormat('posetrack21', _SPLITS[:2],
                            person_category(), _FOLDER21,
                            partial(_find_videos,
                                    folder=_FOLDER21), read_posetrack21_video)


def convert_posetrack18(data_root: PathLike,
                        split: str = 'val',
                        out: Optional[PathLike] = None,
                        workers: int = 1,
                        progress: bool = False) -> Conversion:
    """Convert a split of PoseTrack18's official folder.

    The folder holds ``annotations/<split>/<video>.json`` and
    ``images/<split>/<video>/%06d.jpg``.

    Args:
        data_root: The folder.
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
    """Convert a split of PoseTrack21's official folder, 'train' or 'val'.

    The folder holds ``posetrack_data/<split>/<video>.json`` and
    ``images/<split>/<video>/%06d.jpg``. Arguments, result and errors are
    those of :func:`convert_posetrack18`.
    """
    return convert_split(POSETRACK21, data_root, split, out, workers, progress)


def convert_posetrack17(data_root: PathLike,
                        split: str = 'val',
                        out: Optional[PathLike] = None,
                        workers: int = 1,
                        progress: bool = False) -> Conversion:
    """Convert a split of PoseTrack17's official folder.

    The folder holds ``annotations/<split>/<video>.json`` and ``images``, or
    ``images_renamed`` in its place. Where both are there, ``images`` is
    used. Arguments, result and errors are those of
    :func:`convert_posetrack18`.
    """
    return convert_split(POSETRACK17, data_root, split, out, workers, progress)
