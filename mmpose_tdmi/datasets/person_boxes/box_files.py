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

Shape shorthand: none.
"""
import json
import math
import os.path as osp
from reprlib import repr as short
from typing import (AbstractSet, Any, Dict, Iterator, List, NamedTuple,
                    Optional, Sequence)

from mmengine import fileio

from mmpose_tdmi.utils.file_bounds import check_json_size

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
