"""The one reader of annotations, boxes and predictions in json.

Two families of files: COCO-style ones (PoseTrack18 and 21, everything that
the converters write) and ``annolist`` ones, MATLAB structures in which every
scalar is a list of one (PoseTrack17, HiEve). Their schemas are typed, so that
reading a file checks it: a mistake is a ValueError that names the file, the
field, what was found and what was expected. Files come from outside: numbers
are finite, and :mod:`~mmpose_tdmi.utils.files` bounds size and nesting.

V joints of an official layout, R persons of a file.
"""
import codecs
import gc
import json
import math
import re
import warnings
from array import array
from itertools import chain
from pathlib import Path
from typing import (Annotated, Any, Callable, Collection, Dict, Iterator, List,
                    NamedTuple, Optional, Sequence, Tuple, Union)

import msgspec
import numpy as np
from mmengine import fileio
from msgspec import UNSET, Meta, Struct, UnsetType

from mmpose_tdmi.utils.files import PathLike, check_json_size

#: No image is larger: a coordinate or side beyond it is taken for a mistake.
MAX_COORDINATE = 10**6
#: Integers beyond this are not exact in every reader of json.
MAX_ID = 2**53

_ID, _COUNT = Meta(gt=-MAX_ID, lt=MAX_ID), Meta(ge=0, lt=MAX_ID)
_POSITIVE, _WHOLE = Meta(ge=1, lt=MAX_ID), Meta(multiple_of=1)
_PIXELS = Meta(ge=-MAX_COORDINATE, le=MAX_COORDINATE)
_SIDE = Meta(gt=0, le=MAX_COORDINATE)

Text = Annotated[str, Meta(min_length=1)]
Integer = Annotated[int, _ID]
Id = Union[Integer, str]
#: Integers, also those that are written as 3.0; from 0; from 1.
Whole = Union[Integer, Annotated[float, _ID, _WHOLE]]
Count = Union[Annotated[int, _COUNT], Annotated[float, _COUNT, _WHOLE]]
Positive = Union[Annotated[int, _POSITIVE], Annotated[float, _POSITIVE,
                                                      _WHOLE]]
#: Whether something is so, by 1 and 0 or true and false.
Flag = Union[bool, Annotated[int, Meta(ge=0, le=1)]]
_LARGEST = float(np.finfo(float).max)
Finite = Union[Annotated[int, Meta(ge=-2**63, le=2**63 - 1)],
               Annotated[float, Meta(ge=-_LARGEST, le=_LARGEST)]]
Coordinate = Union[Annotated[int, _PIXELS], Annotated[float, _PIXELS]]
#: A side of an image.
Side = Union[Annotated[int, _SIDE], Annotated[float, _SIDE]]


class Image(Struct):
    """Fields that are not here, also of persons, are for users to check."""
    id: Integer
    file_name: Text
    is_labeled: Union[bool, int] = True

    def __post_init__(self) -> None:
        # written on Windows
        self.file_name = self.file_name.replace('\\', '/')


class Annotation(Struct):
    image_id: Integer
    id: Integer


class Category(Struct):
    name: Any = None
    keypoints: Optional[List[str]] = None


class CocoFile(Struct):
    """What the datasets need of an annotation file."""
    images: List[Image]
    annotations: List[Annotation]
    categories: List[Category] = []
    videos: Union[List[Dict[str, Any]], UnsetType] = UNSET


class PoseImage(Image):
    vid_id: Optional[Id] = None
    # a single region may stand without its list
    ignore_regions_x: Optional[List[Union[List[Finite], Finite]]] = None
    ignore_regions_y: Optional[List[Union[List[Finite], Finite]]] = None


class Pose(Struct):
    image_id: Integer
    track_id: Optional[Whole] = None
    keypoints: Optional[List[Finite]] = None
    scores: Optional[List[Finite]] = None
    bbox: Optional[List[Finite]] = None
    bbox_head: Optional[List[Finite]] = None


class PoseVideo(Struct):
    id: Id
    name: str


class AnnoPoint(Struct, gc=False):
    id: Tuple[Whole]
    x: Tuple[Finite]
    y: Tuple[Finite]
    is_visible: Optional[Annotated[List[Union[bool, Finite]],
                                   Meta(max_length=1)]] = None
    score: Optional[Annotated[List[Finite], Meta(max_length=1)]] = None


class AnnoPoints(Struct, forbid_unknown_fields=True):
    """Only points: nothing is to be overlooked that is called otherwise."""
    point: Optional[List[AnnoPoint]] = None


class AnnoRect(Struct):
    """A person; x1 ... y2 is PoseTrack17's head box, HiEve's person box."""
    x1: Union[Tuple[Finite], UnsetType] = UNSET
    y1: Union[Tuple[Finite], UnsetType] = UNSET
    x2: Union[Tuple[Finite], UnsetType] = UNSET
    y2: Union[Tuple[Finite], UnsetType] = UNSET
    track_id: Optional[Annotated[List[Whole], Meta(max_length=1)]] = None
    annopoints: Union[None, AnnoPoints, Annotated[List[Optional[AnnoPoints]],
                                                  Meta(max_length=1)]] = None

    @property
    def points(self) -> Optional[List[AnnoPoint]]:
        found = self.annopoints
        if isinstance(found, list):
            found = found[0] if found else None
        return None if found is None else found.point

    def corners(self, place: str) -> List[float]:
        """x1, y1, x2, y2; a ValueError where one is missing."""
        for field in ('x1', 'y1', 'x2', 'y2'):
            if getattr(self, field) is UNSET:
                raise ValueError(f'{place}.{field} is missing')
        return [*self.x1, *self.y1, *self.x2, *self.y2]


class AnnoName(Struct):
    name: Text


class AnnoCorner(Struct):
    x: Tuple[Finite]
    y: Tuple[Finite]


class AnnoRegion(Struct):
    point: List[AnnoCorner]


class AnnoFrame(Struct):
    image: Tuple[AnnoName]
    annorect: List[AnnoRect] = []
    is_labeled: Union[None, Flag, Annotated[List[Flag],
                                            Meta(max_length=1)]] = None
    # a single region may stand without its list
    ignore_regions: Union[None, AnnoRegion, List[AnnoRegion]] = None

    @property
    def labelled(self) -> bool:
        # a frame that does not tell is
        return self.is_labeled in (None, [], True, [True])

    @property
    def regions(self) -> Iterator[Tuple[List[float], List[float]]]:
        """x and y of each ignore region's corners."""
        found = self.ignore_regions or []
        for region in [found] if isinstance(found, AnnoRegion) else found:
            yield ([corner.x[0] for corner in region.point],
                   [corner.y[0] for corner in region.point])


class AnnolistFile(Struct):
    annolist: List[AnnoFrame]
    info: Any = None


class PoseFile(Struct):
    """What the metrics need of a COCO-style file."""
    images: List[PoseImage]
    annotations: List[Pose]
    categories: List[Category]
    videos: Optional[List[PoseVideo]] = None
    info: Any = None


class _Record(Struct):
    pass


class _AnyPoseFile(Struct):
    annolist: Union[List[_Record], UnsetType] = UNSET


_ERRORS = (ValueError, RecursionError, msgspec.MsgspecError)


def read_json(path: PathLike, schema: Any = Any, strict: bool = False) -> Any:
    """Read a json file, UTF-8, by the backend that its prefix tells.

    Args:
        path: The file.
        schema: What it must hold, and in which form to return it.
        strict: Take json by the letter: also refuse a key that an object has
            twice (one value would get lost), NaN and infinity.
    """
    path = str(path)
    if not fileio.isfile(path):
        raise FileNotFoundError(f'the file {path} does not exist')
    with fileio.get_local_path(path) as local:
        check_json_size(local)
        data = Path(local).read_bytes().removeprefix(codecs.BOM_UTF8)
    # there is no garbage among a file's millions of values, and looking for
    # it takes longer than reading the file
    enabled = gc.isenabled()
    gc.disable()
    try:
        if strict:
            json.loads(
                data.decode('utf-8'),
                object_pairs_hook=_check_keys,
                parse_constant=_refuse_constant)
        try:
            return msgspec.json.decode(data, type=schema)
        except _ERRORS:
            # slower, but json knows NaN, and says more of what is no json
            content = msgspec.json.decode(data) if strict else json.loads(
                data.decode('utf-8'))
    except _ERRORS as error:
        what = ('nested too deeply'
                if isinstance(error, RecursionError) else error)
        raise ValueError(f'{path}: not valid json: {what}') from error
    finally:
        if enabled:
            gc.enable()
    return check(content, schema, path)


def read_poses(path: PathLike) -> Union[AnnolistFile, PoseFile]:
    """Read a file of poses of either family, seen from its content."""
    is_annolist = read_json(path, _AnyPoseFile).annolist is not UNSET
    return read_json(path, AnnolistFile if is_annolist else PoseFile)


def _check_keys(pairs: List[Tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'an object has the key {repeated!r} twice')


def _refuse_constant(text: str) -> None:
    raise ValueError(f'{text} is no json number')


def check(content: Any, schema: Any, file: str, place: str = '') -> Any:
    """Json's content as the schema has it; a ValueError at anything else."""
    try:
        return msgspec.convert(content, schema)
    except UnicodeEncodeError as error:
        raise ValueError(f'{file}: a text is no Unicode: {error}') from None
    except msgspec.ValidationError as error:
        message, path = re.fullmatch(r'(.*?)(?: - at `\$(.*)`)?', str(error),
                                     re.DOTALL).groups(default='')
    for field, index in re.findall(r'\.(\w+)|\[(\d+)\]', path):
        content = content[field] if field else content[int(index)]
    place = (place + path).lstrip('.')
    field = re.search('field `(.*)`', message)
    if field is not None:
        place = f'{place}.{field.group(1)}'.lstrip('.')
        what = 'missing' if 'missing' in message else 'not expected'
        raise ValueError(f'{file}: {place} is {what}')
    expected = message.partition('Expected ')[2].partition(', got')[0]
    expected = re.sub('`(.*?)`', _kinds, expected)
    if isinstance(content, float) and not math.isfinite(content):
        expected = 'a finite number'
    raise mistake(f'{file}: {place or "the content"}', content, expected)


_KINDS = {
    'array': 'a list',
    'object': 'an object',
    'str': 'a text',
    'int': 'an integer',
    'float': 'a number',
    'bool': 'true or false'
}


def _kinds(names: re.Match) -> str:
    kinds = names[1].replace('int | float', 'float').split(' | ')
    return ' or '.join(_KINDS.get(kind, kind) for kind in kinds)


def mistake(place: str, value: Any, expected: str) -> ValueError:
    """The error to raise where a value is not what was expected."""
    found = 'missing' if value is UNSET else shown(value)
    return ValueError(f'{place} is {found}, expected {expected}')


def shown(value: Any) -> str:
    """A value as it is shown in a message, never long."""
    if isinstance(value, dict):
        return f'an object of {len(value)}' if value else 'an empty object'
    if isinstance(value, list):
        return f'a list of {len(value)}' if value else 'an empty list'
    # a number of thousands of digits cannot be printed at all
    if isinstance(value, int) and abs(value) >= 10**30:
        return f'a number of {value.bit_length()} bits'
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + '...'


def is_integer(value: Any) -> bool:
    """Whether a json value is an integer; ``true`` is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def number_rows(rows: Sequence[Optional[List[float]]], width: int,
                place: Callable[[int], str]) -> np.ndarray:
    """n lists of numbers, (n, width); one of another length is called
    ``place(index)``."""
    for index, row in enumerate(rows):
        if row is None or len(row) != width:
            found = UNSET if row is None else list(row)
            raise mistake(place(index), found, f'a list of {width} numbers')
    return np.fromiter(chain.from_iterable(rows), float,
                       len(rows) * width).reshape(-1, width)


def unique_ids(ids: Sequence[Any], file: str, what: str) -> Dict[Any, int]:
    """The place of each of a table's ids; a ValueError if one is repeated."""
    places = {id_: index for index, id_ in enumerate(ids)}
    repeated = [id_ for index, id_ in enumerate(ids) if places[id_] != index]
    if repeated:
        raise ValueError(f'{file}: {what} must be unique, but '
                         f'{repeated[:3]} occur more than once')
    return places


class AnnotationFile(NamedTuple):
    """What an annotation file holds, as it holds it."""
    path: str
    #: Image records by id, in the file's order.
    images: Dict[int, dict]
    #: Annotations by image id, if any, in the file's order. Finite
    #: ``keypoints`` are an ``array`` of doubles instead of a list, which takes
    #: a quarter of the memory.
    persons: Dict[int, List[dict]]
    categories: List[dict]
    #: The frames that exist, if told: see :class:`.VideoTable`.
    videos: Optional[List[dict]]


def load_annotation_file(path: str,
                         keypoint_names: Sequence[str]) -> AnnotationFile:
    """Read the annotation file of a dataset.

    Refused are, besides what :class:`CocoFile` does not allow, a repeated id
    and a person of an image that is not listed, which the host's reader drops
    silently, and a category with others than the ``keypoint_names``.
    """
    content = read_json(path)
    file: CocoFile = check(content, CocoFile, path)
    for index, category in enumerate(file.categories):
        if category.keypoints not in (None, list(keypoint_names)):
            raise ValueError(
                f'{path}: categories[{index}].keypoints is '
                f'{category.keypoints}, expected {list(keypoint_names)}')
    places = unique_ids([i.id for i in file.images], path, 'ids of images')
    unique_ids([p.id for p in file.annotations], path, 'ids of annotations')
    check_image_ids(file.annotations, places, path)
    persons: Dict[int, List[dict]] = {}
    for person in content['annotations']:
        values = person.get('keypoints')
        if isinstance(values, list) and {int, float}.issuperset(
                map(type, values)):
            try:
                # one NaN or infinity makes the sum such
                if math.isfinite(sum(values)):
                    person['keypoints'] = array('d', values)
            except OverflowError:  # an integer past any double: left as it is
                pass
        persons.setdefault(person['image_id'], []).append(person)
    return AnnotationFile(path, dict(zip(places, content['images'])), persons,
                          content.get('categories', []), content.get('videos'))


def check_image_ids(persons: Sequence[Any], known: Collection[Any],
                    file: str) -> None:
    """Refuse persons of images that the file does not list."""
    for index, person in enumerate(persons):
        if person.image_id not in known:
            raise mistake(
                f'{file}: annotations[{index}].image_id', person.image_id,
                f'the id of one of the {len(known)} images, such as '
                f'{list(known)[:3]}')


class Annolist(NamedTuple):
    """The R persons of an annolist file's frames, V joints each."""
    rects: List[AnnoRect]
    places: List[str]  # in the file
    frame_index: np.ndarray  # (R, ), ascending
    #: x, y in pixels, ``is_visible`` and ``score`` of each joint, (R, V, 4);
    #: NaN where the file does not tell, all of them without a point.
    joints: np.ndarray


def collect_annolist(frames: Sequence[AnnoFrame],
                     file: str,
                     num_joints: int,
                     strict: bool = False) -> Annolist:
    """Put the points of the persons in a file's frames where they belong.

    With ``strict``, as the converters need it, of all persons; refused are
    then points that share an id, coordinates that are no pixels, and an
    ``is_visible`` that is neither 0 nor 1. Else as poseval has it: of persons
    with a list of points, be it empty; of points that share an id the first
    counts, with a warning.
    """
    index, places, rects, lists = [], [], [], []
    for i, frame in enumerate(frames):
        for j, rect in enumerate(frame.annorect):
            if strict or rect.points is not None:
                index.append(i)
                places.append(f'annolist[{i}].annorect[{j}]')
                rects.append(rect)
                lists.append(rect.points or ())
    points = list(chain.from_iterable(lists))
    person = np.repeat(np.arange(len(rects)), list(map(len, lists)))
    nan = [math.nan]
    values = np.array([(p.id[0], p.x[0], p.y[0], (p.is_visible or nan)[0],
                        (p.score or nan)[0])
                       for p in points], float).reshape(-1, 5)

    def refuse(wrong: np.ndarray, field: str, expected: str) -> None:
        if wrong.any():
            index = int(np.argmax(wrong))
            first = int(np.searchsorted(person, person[index]))
            value = getattr(points[index], field)[0]
            raise mistake(
                f'{file}: {places[person[index]]}.annopoints[0]'
                f'.point[{index - first}].{field}[0]', value, expected)

    refuse(~np.isin(values[:, 0], np.arange(num_joints)), 'id',
           f'an integer from 0 to {num_joints - 1}')
    slots = person * num_joints + values[:, 0].astype(np.int64)
    slots, first = np.unique(slots, return_index=True)
    if strict:
        repeated = np.ones(len(values), dtype=bool)
        repeated[first] = False
        refuse(repeated, 'id', 'one that no earlier point of the person has')
        for column, field in ((1, 'x'), (2, 'y')):
            refuse(
                np.abs(values[:, column]) > MAX_COORDINATE, field,
                f'a number within +-{MAX_COORDINATE:g}')
        refuse(~(np.isnan(values[:, 3]) | np.isin(values[:, 3], (0, 1))),
               'is_visible', '0 or 1')
    elif len(first) < len(values):
        warnings.warn(f'{file}: {len(values) - len(first)} points repeat the '
                      'id of another one of their person; the first counts')
    joints = np.full((len(rects) * num_joints, 4), np.nan)
    joints[slots] = values[first, 1:]
    return Annolist(rects, places, np.array(index, dtype=np.int64),
                    joints.reshape(len(rects), num_joints, 4))
