"""Reading of annotation files, COCO style, and their checks.

Every field that the datasets use is checked here or where it is used, so that
a damaged file is an error that names the file, the record and the field. The
host's reader indexes by id and silently keeps the last of two records with
one id, and silently drops persons of images that the file does not list.

Shape shorthand: K keypoints.
"""
import json
import math
from array import array
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

from mmengine import fileio

from mmpose_tdmi.utils.files import check_json_size

_NUMBER_TYPES = frozenset((int, float))


@dataclass
class AnnotationFile:
    """What a file holds, as it holds it.

    Args:
        path (str): The file, for messages.
        images (dict[int, dict]): Image records by id, in the file's order.
        persons (dict[int, list[dict]]): Annotations by image id, each image's
            in the file's order; images without any are absent. Finite
            ``keypoints`` are an ``array`` of doubles instead of a list.
        categories (list[dict]): Categories.
        videos (list[dict], optional): The table of the frames that exist, see
            :class:`~mmpose_tdmi.datasets.VideoTable`; None where the file has
            none.
    """
    path: str
    images: Dict[int, dict]
    persons: Dict[int, List[dict]]
    categories: List[dict]
    videos: Optional[List[dict]]


def load_annotation_file(path: str,
                         keypoint_names: Sequence[str]) -> AnnotationFile:
    """Read an annotation file.

    Args:
        path (str): The json file; its backend is told by its prefix.
        keypoint_names (Sequence[str]): The dataset's K keypoints, which a
            category that names its own must have in the same order.

    Returns:
        AnnotationFile: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such a file: too large, not json, a table
            missing or not of records, an id missing, of another type than int
            or repeated, a person of an image that is not listed, or other
            keypoints.
    """
    content = _read(path)
    if not isinstance(content, dict):
        raise ValueError(f'{path}: expected an object with images and '
                         f'annotations, got {type(content).__name__}')
    categories = _table(path, content, 'categories', default=[])
    _check_keypoint_names(path, categories, keypoint_names)

    images: Dict[int, dict] = {}
    for where, image in _records(path, content, 'images'):
        name = image.get('file_name')
        if not isinstance(name, str) or not name:
            raise ValueError(f'{where}.file_name must be a path, got {name!r}')
        if not isinstance(image.get('is_labeled', True), (bool, int)):
            raise ValueError(f'{where}.is_labeled must be true or false, got '
                             f'{image["is_labeled"]!r}')
        images[image['id']] = image

    persons: Dict[int, List[dict]] = {}
    for where, person in _records(path, content, 'annotations'):
        image_id = person.get('image_id')
        if not is_integer(image_id) or image_id not in images:
            raise ValueError(
                f'{where}.image_id {image_id!r} is not the id of one of the '
                f'{len(images)} images, such as {list(images)[:3]}')
        persons.setdefault(image_id, []).append(person)

    videos = None
    if 'videos' in content:
        videos = _table(path, content, 'videos')
    return AnnotationFile(path, images, persons, categories, videos)


def is_integer(value: Any) -> bool:
    """Whether a json value is an integer; ``true`` is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _read(path: str) -> Any:
    if not fileio.exists(path):
        raise FileNotFoundError(f'annotation file {path} does not exist')
    with fileio.get_local_path(path) as local:
        check_json_size(local)
        with open(local, encoding='utf-8') as file:
            try:
                return json.load(file, object_hook=_compact)
            except (ValueError, RecursionError) as error:
                raise ValueError(f'{path}: not valid json: {error}') from error


def _compact(record: dict) -> dict:
    """A person's keypoints take a quarter of the memory in an array."""
    values = record.get('keypoints')
    if isinstance(values, list) and _NUMBER_TYPES.issuperset(
            map(type, values)):
        try:
            # one NaN or infinity makes the sum such
            if math.isfinite(sum(values)):
                record['keypoints'] = array('d', values)
        except OverflowError:  # an integer past any double: left as it is
            pass
    return record


def _table(path: str,
           content: dict,
           field: str,
           default: Optional[list] = None) -> List[dict]:
    table = content.get(field, default)
    if not isinstance(table, list):
        raise ValueError(f'{path}: {field} must be a list of records, got '
                         f'{type(table).__name__}')
    for index, record in enumerate(table):
        if not isinstance(record, dict):
            raise ValueError(f'{path}: {field}[{index}] must be an object, '
                             f'got {record!r:.80}')
    return table


def _records(path: str, content: dict, field: str):
    """The records of a table with what to call each; ids are checked."""
    seen, repeated = set(), []
    for index, record in enumerate(_table(path, content, field)):
        id_ = record.get('id')
        where = f'{path}: {field}[{index}]'
        if not is_integer(id_):
            raise ValueError(f'{where}.id must be an integer, got {id_!r:.80}')
        if id_ in seen:
            repeated.append(id_)
        seen.add(id_)
        yield where, record
    if repeated:
        raise ValueError(
            f'{path}: ids of {field} must be unique, but {len(repeated)} '
            f'occur more than once: {repeated[:3]}')


def _check_keypoint_names(path: str, categories: Sequence[dict],
                          expected: Sequence[str]) -> None:
    for category in categories:
        names = category.get('keypoints', list(expected))
        if names != list(expected):
            raise ValueError(
                f'{path}: category {category.get("name")!r} has the keypoints '
                f'{names}; expected, in order: {list(expected)}')
