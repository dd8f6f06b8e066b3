"""Reading of person detections: what the formats of box files have in common.

Three forms are told apart by their content, none by a file's name:

* COCO-style: a list of ``dict(image_id, category_id, bbox, score)``; the
  entries may carry a ``file_name`` and a ``track_id``;
* PoseTrack-style: a dict with ``images`` (``id``, ``file_name``) and
  ``annotations`` (``image_id``, ``bbox``, ``score``, perhaps ``track_id``),
  of one video or of many;
* per frame: a dict of the frames' file names, each with the list of its
  boxes, ``dict(bbox, score)``, perhaps with a ``track_id``.

A path may be such a file, or a folder with one of them for each video, named
``<video>.json``. Boxes are always x, y, width, height in pixels of the image.

What the box readers need of an annotation file, checked.

Which image of an annotation file a box belongs to.

A box file names images by id, by file name, or by both. Where it gives both,
both must mean the same image: ids that were numbered anew, or names of
another split, are found here and not in a bad score.
; names and ids only.
"""
import json
import math
import os.path as osp
from pathlib import PurePosixPath
from reprlib import repr as short
from typing import (AbstractSet, Any, Dict, Hashable, Iterable, Iterator, List,
                    Mapping, NamedTuple, Optional, Sequence, Tuple)

from mmengine import fileio

from mmpose_tdmi.utils.files import check_json_size

#: The category of persons in COCO and in PoseTrack.
PERSON = 1
#: No image is larger: a coordinate or side beyond it is taken for a mistake.
MAX_COORDINATE = 1e6
_FORMS = ('a COCO-style list of boxes, a PoseTrack-style dict with "images" '
          'and "annotations", or a dict of the frames\' file names, each with '
          'its list of boxes')


class RawBox(NamedTuple):
    """A box as its file has it, its own values checked.

    Args:
        record (dict): What the file says of it, ``bbox`` and ``score`` among
            it.
        is_person (bool): Whether its category is that of persons.
        image_id (int | str, optional): The image's id, if the file has ids.
        file_name (str, optional): The image's name, if the file tells.
        video (str, optional): The video that the file is named after, if
            images are found by name alone.
        path (str): The file.
        place (str): Where it is in the file.
    """
    record: dict
    is_person: bool
    image_id: Any
    file_name: Optional[str]
    video: Optional[str]
    path: str
    place: str

    @property
    def where(self) -> str:
        """str: The file and place, for messages."""
        return f'{self.path}: {self.place}'


def read_box_file(path: str) -> List[RawBox]:
    """Read the boxes of a file or folder in any of the forms.

    Of a folder, the files whose name ends in ``.json`` and does not start
    with a dot are read, in alphabetical order.

    Args:
        path (str): The file or folder.

    Returns:
        list[RawBox]: All boxes, as ordered in the files.

    Raises:
        FileNotFoundError: If there is neither.
        ValueError: If a file is no json or in none of the forms, lacks a
            key, or has a value that is not what it should be; if the folder
            has no json file.
    """
    if not fileio.exists(path):
        raise FileNotFoundError(f'bbox_file {path} does not exist')
    if not fileio.isdir(path):
        return list(_read_content(load_json(path), path))
    names = sorted(
        name for name in fileio.list_dir_or_file(path, list_dir=False)
        if name.endswith('.json') and not osp.basename(name).startswith('.'))
    if not names:
        raise ValueError(f'{path}: the folder has no json file; expected one '
                         '<video>.json for each video')
    return [
        box for name in (osp.join(path, name) for name in names)
        for box in _read_content(load_json(name), name)
    ]


def load_json(path: str) -> Any:
    """Read a json file.

    Args:
        path (str): The file.

    Returns:
        Any: Its content.

    Raises:
        ValueError: If it is too large, not json, nested without end, or not
            in UTF-8.
    """
    data = fileio.get(path)
    check_json_size(path, len(data))
    try:
        return json.loads(data.decode('utf-8'))
    except RecursionError as error:
        raise ValueError(f'{path} is nested too deeply') from error
    except ValueError as error:
        raise ValueError(f'{path} is no json: {error}') from error


def is_number(value: Any) -> bool:
    """Whether a json value is a finite number (true and false are none)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    # an int may be beyond what a float can hold
    return isinstance(value, int) or math.isfinite(value)


def is_id(value: Any) -> bool:
    """Whether a json value can be an id."""
    return type(value) is int or type(value) is str


def _read_content(content: Any, path: str) -> Iterator[RawBox]:
    if isinstance(content, list):
        return _read_coco(content, path)
    if isinstance(content, dict):
        if {'images', 'annotations'} <= set(content):
            return _read_posetrack(content, path)
        if all(isinstance(boxes, list) for boxes in content.values()) and not (
            {'images', 'annotations', 'annolist'} & set(content)):
            return _read_frames(content, path)
        found = f'a dict with {_some(content)}'
    else:
        found = f'a {type(content).__name__}'
    raise ValueError(f'{path}: expected a list of detections or another form '
                     f'of box file, got {found}. The forms are {_FORMS}')


def _read_coco(entries: Sequence, path: str) -> Iterator[RawBox]:
    keys = {'image_id', 'category_id', 'bbox', 'score'}
    for number, entry in enumerate(entries):
        place = f'entry {number}'
        _check_record(entry, keys, f'{path}: {place}')
        yield RawBox(entry, entry['category_id'] == PERSON, entry['image_id'],
                     entry.get('file_name'), None, path, place)


def _read_posetrack(content: dict, path: str) -> Iterator[RawBox]:
    for key in ('images', 'annotations'):
        if not isinstance(content[key], list):
            raise ValueError(f'{path}: "{key}" must be a list, got '
                             f'{type(content[key]).__name__}')
    names: Dict[Any, str] = {}
    for number, image in enumerate(content['images']):
        where = f'{path}: images[{number}]'
        _check_keys(image, {'id', 'file_name'}, where)
        _check_id(image['id'], 'id', where)
        _check_name(image['file_name'], where)
        if names.setdefault(image['id'],
                            image['file_name']) != image['file_name']:
            raise ValueError(
                f'{where}: the id {image["id"]!r} is that of two frames, '
                f'{names[image["id"]]!r} and {image["file_name"]!r}')
    keys = {'image_id', 'bbox', 'score'}
    for number, record in enumerate(content['annotations']):
        place = f'annotations[{number}]'
        where = f'{path}: {place}'
        _check_record(record, keys, where)
        image_id = record['image_id']
        if image_id not in names:
            raise ValueError(
                f'{where}: image_id {image_id!r} is not in the file\'s own '
                f'"images", whose ids are like {list(names)[:3]}')
        yield RawBox(
            _essentials(record),
            record.get('category_id', PERSON) == PERSON, image_id,
            names[image_id], None, path, place)


def _read_frames(content: dict, path: str) -> Iterator[RawBox]:
    video = osp.splitext(osp.basename(path))[0]
    for name, boxes in content.items():
        for number, record in enumerate(boxes):
            place = f'{name!r}[{number}]'
            if isinstance(record, list):
                raise ValueError(
                    f'{path}: {place}: expected dict(bbox=[x, y, width, '
                    f'height], score=...), got the list {short(record)}: from '
                    'bare numbers one cannot tell corners from sizes')
            _check_record(record, {'bbox', 'score'}, f'{path}: {place}')
            yield RawBox(
                _essentials(record),
                record.get('category_id', PERSON) == PERSON, None, name, video,
                path, place)


def _essentials(record: dict) -> dict:
    """Without keypoints and the like, of which files can be full."""
    keys = ('bbox', 'score', 'track_id')
    return {key: record[key] for key in keys if key in record}


def _check_record(record: Any, keys: AbstractSet[str], where: str) -> None:
    """Check one box's keys and values."""
    _check_keys(record, keys, where)
    if not _is_box(record['bbox']):
        _refuse_box(record['bbox'], where)
    if not _is_within(record['score']):
        raise ValueError(f'{where}: score must be a finite number of at most '
                         f'{MAX_COORDINATE:.0f}, got {short(record["score"])}')
    if 'image_id' in keys:
        _check_id(record['image_id'], 'image_id', where)
    if 'category_id' in record:
        _check_id(record['category_id'], 'category_id', where)
    if 'track_id' in record and type(record['track_id']) is not int:
        raise ValueError(f'{where}: track_id must be an integer, got '
                         f'{short(record["track_id"])}')
    if record.get('file_name') is not None:
        _check_name(record['file_name'], where)


def _is_within(value: Any) -> bool:
    """Whether a value is a number of a size that images have."""
    # NaN compares as false
    return (type(value) is float or type(value)
            is int) and -MAX_COORDINATE <= value <= MAX_COORDINATE


def _is_box(box: Any) -> bool:
    if type(box) is not list or len(box) < 4:
        return False
    x, y, width, height = box[:4]
    return (_is_within(x) and _is_within(y) and _is_within(width)
            and _is_within(height))


def _refuse_box(box: Any, where: str) -> None:
    if not isinstance(box, list) or len(box) < 4:
        raise ValueError(f'{where}: bbox must be [x, y, width, height], got '
                         f'{short(box)}')
    if not all(is_number(value) for value in box[:4]):
        raise ValueError(f'{where}: bbox must be finite numbers, got '
                         f'{short(box)}')
    raise ValueError(f'{where}: bbox {short(box)} is not in pixels of an '
                     f'image, it exceeds {MAX_COORDINATE:.0f}')


def _check_keys(record: Any, keys: AbstractSet[str], where: str) -> None:
    if not isinstance(record, dict):
        raise ValueError(f'{where}: expected a dict with {sorted(keys)}, got '
                         f'{short(record)}')
    if not record.keys() >= keys:
        missing = sorted(keys - record.keys())
        raise ValueError(f'{where} lacks {missing}; it has {sorted(record)}')


def _check_id(value: Any, key: str, where: str) -> None:
    if not is_id(value):
        raise ValueError(f'{where}: {key} must be an integer or a string, got '
                         f'{short(value)}')


def _check_name(value: Any, where: str) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f'{where}: file_name must be a path, got '
                         f'{short(value)}')


def _some(content: dict) -> str:
    return f'{list(content)[:5]}' if content else 'no key'


class AnnotationRecords(NamedTuple):
    """The records of an annotation file.

    Args:
        images (dict[int | str, dict]): Image records by id.
        annotations (list[dict]): Annotated persons.
        videos (list[dict]): Records of videos; none in files without them.
    """
    images: dict
    annotations: List[dict]
    videos: List[dict]


def read_annotation_records(ann_file: str) -> AnnotationRecords:
    """Read the records of a COCO-style annotation file.

    Args:
        ann_file (str): The file.

    Returns:
        AnnotationRecords: Its records.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is not such a file, or two images share an id.
    """
    if not fileio.exists(ann_file) or fileio.isdir(ann_file):
        raise FileNotFoundError(
            f'the annotation file {ann_file} does not exist')
    content = load_json(ann_file)
    if not isinstance(content, dict) or not isinstance(
            content.get('images'), list):
        raise ValueError(f'{ann_file}: expected an annotation file with '
                         '"images", a list')
    check_images(content['images'], ann_file)
    images: dict = {}
    for number, image in enumerate(content['images']):
        for key in ('id', 'file_name'):
            if key not in image:
                raise ValueError(f'{ann_file}: images[{number}] lacks {key!r}')
        if image['id'] in images:
            raise ValueError(f'{ann_file}: two images have the id '
                             f'{image["id"]!r}')
        images[image['id']] = image
    annotations = content.get('annotations', [])
    if not isinstance(annotations, list):
        raise ValueError(f'{ann_file}: "annotations" must be a list')
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or not is_id(
                annotation.get('image_id')):
            raise ValueError(
                f'{ann_file}: annotations[{number}] must be a dict with an '
                'image_id')
        if annotation['image_id'] not in images:
            raise ValueError(
                f'{ann_file}: annotations[{number}] is of the image '
                f'{annotation["image_id"]!r}, which "images" do not list')
    videos = content.get('videos', [])
    if not isinstance(videos, list):
        raise ValueError(f'{ann_file}: "videos" must be a list')
    check_videos(videos, ann_file)
    return AnnotationRecords(images, annotations, videos)


def known_size(image: dict) -> Optional[Tuple[int, int]]:
    """An image record's size.

    Args:
        image (dict): The record.

    Returns:
        tuple[int, int] | None: Width and height in pixels, if it tells.
    """
    if 'width' in image and 'height' in image:
        return image['width'], image['height']
    return None


def check_images(images: Iterable[Any], ann_file: str) -> None:
    """Check the fields of image records that are used here, if present.

    Args:
        images (Iterable): The records.
        ann_file (str): Their file, for messages.

    Raises:
        ValueError: If one is malformed.
    """
    for image in images:
        if not isinstance(image, dict):
            raise ValueError(f'{ann_file}: expected an image record, got '
                             f'{image!r}')
        where = f'{ann_file}: image {image.get("id")!r}'
        if 'id' in image and not is_id(image['id']):
            raise ValueError(f'{where}: an id must be an integer or a string')
        if not isinstance(image.get('file_name', ''), str):
            raise ValueError(f'{where}: file_name must be a path, got '
                             f'{image["file_name"]!r}')
        if 'vid_id' in image and not is_id(image['vid_id']):
            raise ValueError(f'{where}: vid_id must be an id, got '
                             f'{image["vid_id"]!r}')
        for key in ('width', 'height'):
            if key in image and not (is_number(image[key]) and image[key] > 0):
                raise ValueError(f'{where}: {key} must be positive, got '
                                 f'{image[key]!r}')


def check_videos(videos: Iterable[Any], ann_file: str) -> None:
    """Check records of videos.

    Args:
        videos (Iterable): The records.
        ann_file (str): Their file, for messages.

    Raises:
        ValueError: If one lacks ``id``, ``name`` or ``file_names``, or they
            are malformed.
    """
    for number, video in enumerate(videos):
        where = f'{ann_file}: videos[{number}]'
        if not isinstance(video, dict):
            raise ValueError(f'{where}: expected a record, got {video!r}')
        for key in ('id', 'name', 'file_names'):
            if key not in video:
                raise ValueError(f'{where} lacks {key!r}')
        if not is_id(video['id']) or not isinstance(video['name'], str):
            raise ValueError(f'{where}: id and name must be an id and a '
                             f'string, got {video["id"]!r}, '
                             f'{video["name"]!r}')
        names = video['file_names']
        if not isinstance(names, list) or not all(
                isinstance(name, str) for name in names):
            raise ValueError(f'{where}: file_names must be a list of paths')


class FrameIndex:
    """Finds the images of boxes.

    Names agree if one is the end of the other, folder by folder:
    ``000001.jpg`` agrees with ``images/val/000342_mpii_test/000001.jpg``.
    A bare name, which a frame of every video may have, is looked for in the
    video that the boxes' file is named after: that is the image's folder, or
    what ``videos`` call it.

    Args:
        images (dict): The annotation's image records by id; a record without
            ``file_name`` is found by id alone.
        videos (Iterable[dict]): The annotation's records of videos: ``id``,
            ``name``, and ``file_names``, the frames that exist. Defaults to
            none.
    """

    #: What :meth:`find` gives for a frame that exists in a video of the
    #: annotation, which has no record of the image.
    NOT_LISTED = object()

    def __init__(
        self, images: Mapping[Hashable,
                              dict], videos: Iterable[dict] = ()) -> None:
        self._images = images
        self._listed: Dict[str, List[_Frame]] = {}
        self._existing: Dict[str, List[_Frame]] = {}
        names = {}
        for video in videos:
            names[video['id']] = video['name']
            for name in video['file_names']:
                frame = _Frame(PurePosixPath(name), video['name'], None)
                self._existing.setdefault(frame.path.name, []).append(frame)
        for image_id, image in images.items():
            if 'file_name' in image:
                frame = _Frame(
                    PurePosixPath(image['file_name']),
                    names.get(image.get('vid_id')), image_id)
                self._listed.setdefault(frame.path.name, []).append(frame)
        self._cache: Dict[tuple, Any] = {}

    def find(self, box: RawBox) -> Any:
        """Find the image of a box.

        Args:
            box (RawBox): The box.

        Returns:
            Hashable | None | object: The image's id; None if neither the
            images nor the videos have the frame; :attr:`NOT_LISTED`.

        Raises:
            ValueError: If the box's id and file name are of two images, or
                its file name of several.
        """
        key = (box.image_id, box.file_name, box.video)
        if key not in self._cache:
            if box.image_id is None:
                found = self._find_by_name(box)
            else:
                found = self._find_by_id(box)
            self._cache[key] = found
        return self._cache[key]

    def _find_by_id(self, box: RawBox) -> Any:
        image = self._images.get(box.image_id)
        if box.file_name is None:
            return None if image is None else box.image_id
        path = PurePosixPath(box.file_name)
        if image is None:
            same = _matching(self._listed, path, box.video)
            if same:
                raise ValueError(
                    f'{box.where}: image_id {box.image_id!r} is not in the '
                    f'annotation file, but its file name {box.file_name!r} '
                    f'is: there it has the id {same[0].image_id!r}')
            exists = _matching(self._existing, path, box.video)
            return self.NOT_LISTED if exists else None
        if 'file_name' in image and not _agree(
                path, PurePosixPath(image['file_name'])):
            raise ValueError(
                f'{box.where}: image_id {box.image_id!r} and file name '
                f'{box.file_name!r} are of two images; the annotation file '
                f'has {image["file_name"]!r} by this id')
        return box.image_id

    def _find_by_name(self, box: RawBox) -> Any:
        path = PurePosixPath(box.file_name)
        same = _matching(self._listed, path, box.video)
        if len(same) > 1:
            raise ValueError(
                f'{box.where}: {len(same)} images have the file name '
                f'{box.file_name!r}: ids {[f.image_id for f in same[:3]]}')
        if same:
            return same[0].image_id
        exists = _matching(self._existing, path, box.video)
        return self.NOT_LISTED if exists else None


class _Frame(NamedTuple):
    """A frame's path, the name of its video, and its id if it has one."""
    path: PurePosixPath
    video: Optional[str]
    image_id: Any


def _matching(frames: Mapping[str, List[_Frame]], path: PurePosixPath,
              video: Optional[str]) -> List[_Frame]:
    """The frames of a name; of a bare name, those of the named video."""
    found = frames.get(path.name, ())
    if len(path.parts) > 1:
        return [frame for frame in found if _agree(path, frame.path)]
    if video is None:
        return []
    return [
        frame for frame in found
        if video in (frame.path.parent.name, frame.video)
    ]


def _agree(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether one path is the end of the other."""
    length = min(len(one.parts), len(other.parts))
    return length > 0 and one.parts[-length:] == other.parts[-length:]
