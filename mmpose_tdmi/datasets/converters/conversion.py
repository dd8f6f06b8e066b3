"""Reading json files whose every mistake is named.

A :class:`Record` is a value of a file together with its place in it, such as
``images[3].file_name``. Asking it for a kind of value (``integer()``,
``numbers(4)`` ...) gives that value or raises a ValueError that names the
file, the place, the value found and what was expected. Files come from
outside: numbers that are not finite, keys given twice and nesting without end
are mistakes like any other.

Reading small XML files whose every mistake is named.

As :mod:`.reading` for json. Files come from outside: one with a document type
definition is refused before anything in it is expanded, and size and depth
are bounded.

The keypoint layouts of the datasets, and boxes around keypoints.

Shape shorthand: V keypoints of a layout; a person's ``keypoints`` are 3 V
numbers (x, y, v) in pixels of the whole image, and a joint is unlabelled
exactly if x = y = v = 0.

From one video after the other to one annotation file per split.

What is common to all datasets: the official files of a split are read in
parallel, one video at a time, checked against each other and written as one
COCO-style json, whole or not at all. Beside it a small file keeps what it was
made of, so that a second run finds it unchanged and leaves it alone.

The converted file::

    info        dataset, split, version, generator
    videos      id, name, file_names, frame_ids: every frame that exists
    images      id, file_name, vid_id, frame_id, nframes, width, height,
                is_labeled, ignore_regions_x, ignore_regions_y
    annotations id, image_id, category_id, track_id, bbox, area, bbox_head,
                keypoints, num_keypoints, iscrowd
    categories  one, with the keypoints' names

Shape shorthand: V keypoints of the layout.

The frames of a video on disk.
"""
import gc
import hashlib
import json
import math
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import (Any, Callable, Dict, Iterator, List, NamedTuple, Optional,
                    Sequence, Tuple, Union)
from xml.etree import ElementTree

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmpose_tdmi.utils.files import check_json_size, write_json
from mmpose_tdmi.utils.parallel import run_tasks
from mmpose_tdmi.version import __version__

#: Coordinates beyond this are no pixels, and their products may overflow.
MAX_COORDINATE = 1e6
#: Ids beyond this are not exact in every reader of json.
MAX_ID = 2**53

PathLike = Union[str, Path]


class Record:
    """A value of a json file and its place there.

    Args:
        value: The value, as json gives it.
        file (str): The file, for messages.
        place (str): Where in the file. Defaults to '', the whole content.
    """
    __slots__ = ('value', 'file', 'place')

    def __init__(self, value: Any, file: str, place: str = '') -> None:
        self.value = value
        self.file = file
        self.place = place

    @property
    def where(self) -> str:
        """str: File and place."""
        return f'{self.file}: {self.place}' if self.place else self.file

    def error(self, expected: str) -> ValueError:
        """The error to raise when the value is not what was expected."""
        return ValueError(
            f'{self.where} is {shown(self.value)}, expected {expected}')

    # Structure

    def object(self) -> Dict[str, Any]:
        """dict: The value, an object."""
        if not isinstance(self.value, dict):
            raise self.error('an object')
        return self.value

    def list(self) -> List[Any]:
        """list: The value, a list."""
        if not isinstance(self.value, list):
            raise self.error('a list')
        return self.value

    def __getitem__(self, field: str) -> 'Record':
        """The value of a field that an object must have."""
        found = self.get(field)
        if found is None:
            place = f'{self.place}.{field}' if self.place else field
            raise ValueError(f'{self.file}: {place} is missing')
        return found

    def get(self, field: str) -> Optional['Record']:
        """The value of a field, None if the object does not have it."""
        values = self.object()
        if field not in values:
            return None
        place = f'{self.place}.{field}' if self.place else field
        return Record(values[field], self.file, place)

    def __iter__(self) -> Iterator['Record']:
        """The elements of a list."""
        for index, value in enumerate(self.list()):
            yield Record(value, self.file, f'{self.place}[{index}]')

    def single(self) -> 'Record':
        """The element of a list of one, as MATLAB's scalars are written."""
        if not isinstance(self.value, list) or len(self.value) != 1:
            raise self.error('a list of one element')
        return Record(self.value[0], self.file, f'{self.place}[0]')

    # Values

    def string(self) -> str:
        """str: A text, not empty, that can be encoded."""
        if not isinstance(self.value, str) or not self.value:
            raise self.error('a text')
        try:
            self.value.encode('utf-8')
        except UnicodeEncodeError:
            raise self.error('a text without lone surrogates') from None
        return self.value

    def path(self) -> str:
        """str: A path inside the data root, with forward slashes."""
        text = self.string()
        path = PurePosixPath(text)
        if (path.is_absolute() or '..' in path.parts or '\0' in text
                or '\\' in text or len(text) > 1000
                or any(len(part.encode()) > 255 for part in path.parts)):
            raise self.error('a path inside the data root, with "/"')
        return str(path)

    def boolean(self) -> bool:
        """bool: True or false, no number."""
        if not isinstance(self.value, bool):
            raise self.error('true or false')
        return self.value

    def flag(self) -> bool:
        """bool: True, false, 1 or 0."""
        if self.value not in (0, 1):
            raise self.error('0 or 1')
        return bool(self.value)

    def integer(self, low: int = 1 - MAX_ID, high: int = MAX_ID) -> int:
        """int: A whole number, ``low`` <= number < ``high``."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if (not isinstance(value, int) or isinstance(value, bool)
                or not low <= value < high):
            bounds = '' if (low, high) == (1 - MAX_ID,
                                           MAX_ID) else f' in [{low}, {high})'
            raise self.error(f'an integer{bounds}')
        return value

    def number(self) -> float:
        """float: A finite number that can be a pixel coordinate."""
        if not is_coordinate(self.value):
            raise self.error(f'a number within +-{MAX_COORDINATE:g}')
        return self.value

    def numbers(self, length: Optional[int] = None) -> List[float]:
        """list[float]: Finite numbers, ``length`` of them if given."""
        values = self.list()
        if length is not None and len(values) != length:
            raise ValueError(f'{self.where} has {len(values)} numbers, '
                             f'expected {length}')
        if not all(map(is_coordinate, values)):
            for element in self:
                element.number()
        return values


def shown(value: Any) -> str:
    """str: A value as it is shown in a message, never long."""
    if isinstance(value, (dict, list)):
        kind = 'object' if isinstance(value, dict) else 'list'
        if not value:
            return f'an empty {kind}'
        return f'{"an" if kind == "object" else "a"} {kind} of {len(value)}'
    # a number of thousands of digits cannot be printed at all
    if isinstance(value, int) and abs(value) >= 10**30:
        return f'a number of {value.bit_length()} bits'
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + '...'


def is_coordinate(value: Any) -> bool:
    """bool: Whether a value is a number that can be a coordinate."""
    kind = type(value)  # not isinstance: a bool is no number
    if kind is float:
        return math.isfinite(value) and abs(value) <= MAX_COORDINATE
    return kind is int and abs(value) <= MAX_COORDINATE


def read_json(path: PathLike) -> Record:
    """Read a json file.

    Args:
        path (str | Path): The file, UTF-8.

    Returns:
        Record: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is too large, or not json by the letter: also on NaN
            and infinity, on a key that an object has twice (one value would
            get lost), and on nesting too deep to read.
    """
    check_json_size(path)
    data = Path(path).read_bytes()
    try:
        with _no_collection():
            content = json.loads(
                data.decode('utf-8'),
                object_pairs_hook=_unique_keys,
                parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        what = ('nested too deeply'
                if isinstance(error, RecursionError) else error)
        raise ValueError(f'{path}: not valid json: {what}') from error
    return Record(content, str(path))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep from looking for garbage among a file's millions of values.

    There is none in what json gives, and looking for it takes longer than
    reading the file.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _unique_keys(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'an object has the key {repeated!r} twice')
    return content


def _no_constant(text: str) -> None:
    raise ValueError(f'{text} is no json number')


#: More than any annotation of a frame has.
MAX_BYTES = 16 * 2**20
MAX_DEPTH = 32
_NUMBER = re.compile(r'[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?')


class XmlRecord:
    """An element of an XML file and its place there.

    Args:
        element (xml.etree.ElementTree.Element): The element.
        file (str): The file, for messages.
        place (str): Where in the file, e.g. ``annotation/object[2]``.
    """
    __slots__ = ('element', 'file', 'place')

    def __init__(self, element: ElementTree.Element, file: str,
                 place: str) -> None:
        self.element = element
        self.file = file
        self.place = place

    @property
    def tag(self) -> str:
        """str: The element's name."""
        return self.element.tag

    @property
    def where(self) -> str:
        """str: File and place."""
        return f'{self.file}: {self.place}'

    def error(self, expected: str) -> ValueError:
        """The error to raise when the text is not what was expected."""
        return ValueError(
            f'{self.where} is {shown(self.text)}, expected {expected}')

    @property
    def text(self) -> str:
        """str: The element's text without blanks around it."""
        return (self.element.text or '').strip()

    def __iter__(self) -> Iterator['XmlRecord']:
        """The children, in order."""
        counts: Dict[str, int] = {}
        for child in self.element:
            index = counts.setdefault(child.tag, 0)
            counts[child.tag] += 1
            yield XmlRecord(child, self.file,
                            f'{self.place}/{child.tag}[{index}]')

    def children(self, tag: str) -> List['XmlRecord']:
        """list[XmlRecord]: The children of one name."""
        return [child for child in self if child.tag == tag]

    def child(self, tag: str) -> 'XmlRecord':
        """The one child of a name.

        Raises:
            ValueError: If there is none, or more than one.
        """
        found = self.children(tag)
        if len(found) != 1:
            raise ValueError(f'{self.where} has {len(found)} elements '
                             f'<{tag}>, expected one')
        return found[0]

    def numbers(self, length: int) -> List[float]:
        """list[float]: Finite numbers separated by commas."""
        parts = self.text.split(',')
        values = [v for v in map(_number, parts) if v is not None]
        if not len(values) == len(parts) == length:
            raise self.error(f'{length} number(s) within '
                             f'+-{MAX_COORDINATE:g}, separated by commas')
        return values


def read_xml(path: PathLike, root: str) -> XmlRecord:
    """Read an XML file.

    Args:
        path (str | Path): The file.
        root (str): The name that its root element must have.

    Returns:
        XmlRecord: The root element.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is too large, is not well-formed, has a document
            type definition, is nested too deeply, or has another root.
    """
    data = Path(path).read_bytes()
    if len(data) > MAX_BYTES:
        raise ValueError(f'{path}: has {len(data)} bytes, expected at most '
                         f'{MAX_BYTES}')
    parser = ElementTree.XMLParser(target=_BoundedBuilder())
    try:
        parser.feed(data)
        element = parser.close()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise ValueError(f'{path}: not readable XML: {error}') from error
    if element.tag != root:
        raise ValueError(
            f'{path}: the root element is <{element.tag}>, expected <{root}>')
    return XmlRecord(element, str(path), root)


class _BoundedBuilder(ElementTree.TreeBuilder):
    """Builds the tree, and stops where a file asks for too much."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, *args: Any) -> None:
        raise ValueError('a document type definition is not allowed')

    def start(self, tag: str, attributes: Dict[str, str]) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f'nested more than {MAX_DEPTH} deep')
        return super().start(tag, attributes)

    def end(self, tag: str) -> Any:
        self._depth -= 1
        return super().end(tag)


def _number(text: str) -> Optional[float]:
    """The number that a text is, None if it is none."""
    text = text.strip()
    if len(text) > 40 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    if abs(value) > MAX_COORDINATE:
        return None
    return int(value) if value.is_integer() else value


#: PoseTrack18's V = 17 keypoints in the order of the files, used for all
#: PoseTrack datasets. The ears are never annotated.
KEYPOINT_NAMES = ('nose', 'head_bottom', 'head_top', 'left_ear', 'right_ear',
                  'left_shoulder', 'right_shoulder', 'left_elbow',
                  'right_elbow', 'left_wrist', 'right_wrist', 'left_hip',
                  'right_hip', 'left_knee', 'right_knee', 'left_ankle',
                  'right_ankle')
NUM_KEYPOINTS = len(KEYPOINT_NAMES)

#: Limbs as the official files give them: pairs of 1-based keypoint numbers.
SKELETON = ((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13),
            (6, 7), (6, 8), (7, 9), (8, 10), (9, 11), (2, 3), (1, 2), (1, 3),
            (2, 4), (3, 5), (4, 6), (5, 7))

#: PoseTrack17's joints by their ids 0 to 14, in PoseTrack18's names.
POSETRACK17_POINTS = ('right_ankle', 'right_knee', 'right_hip', 'left_hip',
                      'left_knee', 'left_ankle', 'right_wrist', 'right_elbow',
                      'right_shoulder', 'left_shoulder', 'left_elbow',
                      'left_wrist', 'head_bottom', 'nose', 'head_top')

#: HiEve's V = 14 keypoints by their ids.
HIEVE_KEYPOINT_NAMES = ('nose', 'chest', 'right_shoulder', 'right_elbow',
                        'right_wrist', 'left_shoulder', 'left_elbow',
                        'left_wrist', 'right_hip', 'right_knee', 'right_ankle',
                        'left_hip', 'left_knee', 'left_ankle')
#: Limbs: pairs of 1-based keypoint numbers.
HIEVE_SKELETON = ((1, 2), (2, 3), (3, 4), (4, 5), (2, 6), (6, 7), (7, 8),
                  (2, 9), (9, 10), (10, 11), (2, 12), (12, 13), (13, 14))

#: A person's box is its labelled joints' extent, widened on each side by
#: this share of the extent.
BOX_MARGIN = 0.15


def person_category() -> Dict[str, Any]:
    """dict: PoseTrack's one category, keypoint names and limbs included."""
    return _category(KEYPOINT_NAMES, SKELETON)


def hieve_category() -> Dict[str, Any]:
    """dict: HiEve's one category, keypoint names and limbs included."""
    return _category(HIEVE_KEYPOINT_NAMES, HIEVE_SKELETON)


def _category(names: Sequence[str],
              skeleton: Sequence[Tuple[int, int]]) -> Dict[str, Any]:
    return dict(
        supercategory='person',
        id=1,
        name='person',
        keypoints=list(names),
        skeleton=[list(limb) for limb in skeleton])


def box_from_keypoints(keypoints: Sequence[float]) -> List[float]:
    """A person's box by PoseTrack18's rule.

    Args:
        keypoints (Sequence[float]): 3 V numbers, image pixels.

    Returns:
        list[float]: x, y, width, height in image pixels, not clipped to the
        image.

    Raises:
        ValueError: If no joint is labelled.
    """
    joints = np.asarray(keypoints, dtype=float).reshape(-1, 3)
    xy = joints[np.any(joints != 0, axis=1), :2]
    if not len(xy):
        raise ValueError('a person without labelled joints has no box')
    extent = np.ptp(xy, axis=0)
    corner = xy.min(axis=0) - BOX_MARGIN * extent
    return [*corner.tolist(), *((1 + 2 * BOX_MARGIN) * extent).tolist()]


def box_of_joints_and_head(keypoints: Sequence[float],
                           head: Sequence[float]) -> List[float]:
    """A person's box where no official one is given.

    That of :func:`box_from_keypoints`; if it has no area (a single joint, or
    joints in a row along an axis), widened to hold the head box too.

    Args:
        keypoints (Sequence[float]): 3 V numbers, image pixels.
        head (Sequence[float]): x, y, width, height of the head box.

    Returns:
        list[float]: x, y, width, height in image pixels.

    Raises:
        ValueError: If no joint is labelled.
    """
    box = box_from_keypoints(keypoints)
    if box[2] > 0 and box[3] > 0:
        return box
    corners = np.array([box, head], dtype=float)
    corners[:, 2:] += corners[:, :2]
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def count_joints(keypoints: Sequence[float]) -> int:
    """int: How many joints of 3 V numbers are labelled."""
    return sum(any(keypoints[i:i + 3]) for i in range(0, len(keypoints), 3))


#: Raised whenever the same official files would give another result.
FORMAT_VERSION = 1
COUNTS = ('videos', 'frames', 'labelled_frames', 'persons', 'joints',
          'boxes_without_pose')


@dataclass(frozen=True)
class VideoSource:
    """Where a video's official files are.

    Args:
        root (Path): The data root.
        split (str): Its split.
        name (str): Its name, the stem of its annotation file.
        annotation (Path, optional): The annotation file, or the folder of
            the files of its frames. None if the split has no labels.
        number (int): A number of the video, from which ids are made. Not
            used by all formats.
    """
    root: Path
    split: str
    name: str
    annotation: Optional[Path]
    number: int = 0


@dataclass
class ConvertedVideo:
    """A video in the form of the converted file.

    Args:
        name (str): Its name.
        vid_id (str): Its id by the official files, which two videos may
            share.
        frames (dict[int, str]): The frames that exist: file names relative
            to the data root by frame number, ascending.
        images (list[dict]): The frames that the official file lists.
        annotations (list[dict]): Their persons.
    """
    name: str
    vid_id: str
    frames: Dict[int, str]
    images: List[Dict[str, Any]]
    annotations: List[Dict[str, Any]]


@dataclass(frozen=True)
class DatasetFormat:
    """How one dataset's official folder is read.

    Args:
        name (str): The dataset's name.
        splits (tuple[str, ...]): The splits that it has.
        category (dict): Its one category.
        annotation_folder (str): Where annotation files are, with ``{split}``.
        find_videos (Callable): ``find_videos(root, split)`` gives the
            sources of a split's videos, ordered by name.
        read_video (Callable): ``read_video(source)`` gives one of them
            converted. Must be a function of a module, for other processes.
    """
    name: str
    splits: Tuple[str, ...]
    category: Dict[str, Any]
    annotation_folder: str
    find_videos: Callable[[Path, str], List[VideoSource]]
    read_video: Callable[[VideoSource], ConvertedVideo]


class Conversion(NamedTuple):
    """A converted split.

    Attributes:
        path (Path): The converted file.
        counts (dict[str, int]): See :data:`COUNTS`; ``persons`` have a
            pose, ``boxes_without_pose`` do not.
        written (bool): False if the file was there and up to date.
    """
    path: Path
    counts: Dict[str, int]
    written: bool


def convert_split(form: DatasetFormat,
                  data_root: PathLike,
                  split: str,
                  out: Optional[PathLike] = None,
                  workers: int = 1,
                  progress: bool = False) -> Conversion:
    """Convert a split, unless that is done already.

    Args:
        form (DatasetFormat): The dataset.
        data_root (str | Path): Its official folder.
        split (str): The split.
        out (str | Path, optional): Folder of the result, which is called
            ``<dataset>_<split>.json``. Defaults to None, ``annotations`` in
            the data root.
        workers (int): Processes, see :func:`.run_tasks`. Defaults to 1.
        progress (bool): Show a progress bar. Defaults to False.

    Returns:
        Conversion: The result.

    Raises:
        FileNotFoundError: If a file or folder that is needed is missing.
        ValueError: On a mistake in an official file; the message names file,
            place, value and what was expected.
    """
    root = Path(data_root)
    if split not in form.splits:
        raise ValueError(f'{form.name} has no split {split!r}, expected '
                         f'{" or ".join(map(repr, form.splits))}')
    if not root.is_dir():
        raise FileNotFoundError(f'there is no folder {root}')
    folder = root / 'annotations' if out is None else Path(out)
    official = root / form.annotation_folder.format(split=split)
    if folder.resolve() == official.resolve():
        raise ValueError(f'{folder} holds the official files: choose another '
                         'folder for the result')
    videos = form.find_videos(root, split)
    path = folder / f'{form.name}_{split}.json'
    made_of = path.with_name(f'{path.stem}.sources.json')
    counts = _up_to_date(made_of, path, videos)
    if counts is not None:
        return Conversion(path, counts, written=False)
    converted = list(
        run_tasks(form.read_video, videos, workers, f'{form.name} {split}',
                  'video', progress))
    content = merge_videos(form, split, videos, converted)
    counts = count(content)
    write_json(path, content)
    write_json(
        made_of,
        dict(
            version=FORMAT_VERSION,
            generator=_generator(),
            result=_digest([path]),
            counts=counts,
            videos={
                source.name:
                dict(
                    frames=_folder_of(video),
                    digest=_source_digest(source, _folder_of(video)))
                for source, video in zip(videos, converted)
            }),
        indent=1)
    return Conversion(path, counts, written=True)


def merge_videos(form: DatasetFormat, split: str, sources: List[VideoSource],
                 videos: List[ConvertedVideo]) -> Dict[str, Any]:
    """Join converted videos and make ids unique where that is ours to do.

    Videos that share a ``vid_id`` get their names instead. Annotations
    whose id is missing or taken get fresh ones above all others.

    Raises:
        ValueError: If two images have the same id or file.
    """
    shared = [video.vid_id for video in videos]
    names = {video.name for video in videos}
    ids: Dict[int, str] = {}
    files: Dict[str, str] = {}
    content: Dict[str, Any] = dict(
        info=dict(
            dataset=form.name,
            split=split,
            version=FORMAT_VERSION,
            generator=_generator()),
        videos=[],
        images=[],
        annotations=[],
        categories=[form.category])
    for source, video in zip(sources, videos):
        where = str(source.annotation or source.name)
        vid_id = video.vid_id
        if shared.count(vid_id) > 1 or vid_id in names:
            vid_id = video.name
        content['videos'].append(
            dict(
                id=vid_id,
                name=video.name,
                file_names=list(video.frames.values()),
                frame_ids=list(video.frames)))
        for index, image in enumerate(video.images):
            for field, taken in (('id', ids), ('file_name', files)):
                value = image[field]
                if value in taken:
                    raise ValueError(
                        f'{where}: images[{index}].{field} {value} is '
                        f'already used in {taken[value]}')
                taken[value] = where
            content['images'].append({**image, 'vid_id': vid_id})
        content['annotations'] += video.annotations
    make_annotation_ids_unique(content['annotations'])
    return content


def make_annotation_ids_unique(annotations: List[Dict[str, Any]]) -> None:
    """Give annotations without an id, or with one that is taken, a new one."""
    given = [a['id'] for a in annotations if a.get('id') is not None]
    fresh = max(given, default=0) + 1
    taken = set()
    for annotation in annotations:
        if annotation.get('id') is None or annotation['id'] in taken:
            annotation['id'] = fresh
            fresh += 1
        taken.add(annotation['id'])


def count(content: Dict[str, Any]) -> Dict[str, int]:
    """dict[str, int]: :data:`COUNTS` of a converted file's content."""
    joints = [a['num_keypoints'] for a in content['annotations']]
    return dict(
        videos=len(content['videos']),
        frames=sum(len(v['file_names']) for v in content['videos']),
        labelled_frames=sum(i['is_labeled'] for i in content['images']),
        persons=sum(n > 0 for n in joints),
        joints=sum(joints),
        boxes_without_pose=sum(n == 0 for n in joints))


def _generator() -> str:
    return f'mmpose_tdmi {__version__}'


def _up_to_date(made_of: Path, path: Path,
                sources: List[VideoSource]) -> Optional[Dict[str, int]]:
    """The counts of a result that is up to date, else None."""
    if not made_of.is_file() or not path.is_file():
        return None
    try:
        found = read_json(made_of).object()
    except ValueError:
        return None  # it is ours: made anew
    videos = found.get('videos', {})
    if (found.get('version') != FORMAT_VERSION
            or found.get('generator') != _generator()
            or list(videos) != [source.name for source in sources]
            or found.get('result') != _digest([path])):
        return None
    if any(videos[source.name]['digest'] != _source_digest(
            source, videos[source.name]['frames']) for source in sources):
        return None
    return found['counts']


def _folder_of(video: ConvertedVideo) -> str:
    return str(Path(next(iter(video.frames.values()))).parent)


def _source_digest(source: VideoSource, frames: str) -> str:
    """What a video is made of: annotation, and names and sizes of frames."""
    paths = []
    if source.annotation is not None:
        paths = ([source.annotation] if source.annotation.is_file() else
                 sorted(source.annotation.iterdir()))
    folder = source.root / frames
    listing = sorted((entry.name, entry.stat().st_size)
                     for entry in folder.iterdir()) if folder.is_dir() else []
    return _digest(paths, repr((source.number, listing)))


def _digest(paths: List[Path], text: str = '') -> str:
    digest = hashlib.sha256(text.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


#: What the frames of all official releases are stored as.
SUFFIXES = ('.jpg', '.jpeg', '.png')
# '00000012', '0012_crop'
_STEM = re.compile(r'([0-9]{1,15})(_.*)?', re.DOTALL)


def frame_number(name: str) -> int:
    """The number of a frame by its file's name.

    Args:
        name (str): A number, alone or with ``_`` and more behind it (some
            of PoseTrack17's are called ``0012_crop.jpg``), and a suffix.

    Returns:
        int: The number.

    Raises:
        ValueError: If it is no such name.
    """
    path = Path(name)
    match = _STEM.fullmatch(path.stem)
    if match is None or path.suffix.lower() not in SUFFIXES:
        raise ValueError(f'{name!r} is not named as a frame, by its number '
                         'such as 000012.jpg')
    return int(match.group(1))


def list_frames(root: Path, folder: str,
                preferred: Sequence[str]) -> Dict[int, str]:
    """The frames that exist in a folder.

    Args:
        root (Path): The data root.
        folder (str): The folder, relative to it.
        preferred (Sequence[str]): Names of files that decide if two have
            the same number.

    Returns:
        dict[int, str]: File names by frame number, ascending. Files that are
        not named as frames are passed over.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If two frames have the same number, and not exactly one
            of them is preferred.
    """
    path = root / folder
    if not path.is_dir():
        raise FileNotFoundError(f'there is no folder {path} with frames')
    found: Dict[int, List[str]] = {}
    for entry in sorted(path.iterdir()):
        try:
            found.setdefault(frame_number(entry.name), []).append(entry.name)
        except ValueError:
            continue
    frames: Dict[int, str] = {}
    chosen = set(preferred)
    for number in sorted(found):
        names = found[number]
        if len(names) > 1:
            names = [name for name in names if name in chosen]
            if len(names) != 1:
                raise ValueError(f'{path}: {" and ".join(found[number])} have '
                                 'the same frame number')
        frames[number] = names[0]
    return frames


def image_size(path: Path, where: str) -> Tuple[int, int]:
    """An image's size, by its header.

    Args:
        path (Path): The image.
        where (str): What names it, for messages.

    Returns:
        tuple[int, int]: Width and height in pixels.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{where}: no image at {path}')
    try:
        with Image.open(path) as image:  # reads the header only
            return image.size
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f'{where}: {path} is not a readable image') from error
