"""Person boxes in files, and which image of an annotation file each is of.

Three forms of box files are told apart by their content, none by a name:

* COCO-style: a list of ``dict(image_id, category_id, bbox, score)``; the
  entries may carry a ``file_name`` and a ``track_id``;
* PoseTrack-style: a dict with ``images`` (``id``, ``file_name``) and
  ``annotations`` (``image_id``, ``bbox``, ``score``, perhaps ``track_id``),
  of one video or of many;
* per frame: a dict of the frames' file names, each with the list of its
  boxes, ``dict(bbox, score)``, perhaps with a ``track_id``.

A path may be such a file, or a folder with one of them for each video, named
``<video>.json``. Boxes are always x, y, width, height in pixels of the image.

A file names images by id, by file name, or by both. Where it gives both, both
must mean the same image: ids that were numbered anew, or names of another
split, are found here and not in a bad score.
"""
import os.path as osp
from collections import defaultdict
from pathlib import PurePosixPath
from typing import (Annotated, Any, Dict, Hashable, Iterator, List, Mapping,
                    NamedTuple, Optional, Sequence, Set, Tuple, Union)

from mmengine import fileio
from msgspec import UNSET, Meta, Struct, UnsetType

from .coco_json import (Coordinate, Id, PoseVideo, Side, Text, check,
                        check_image_ids, read_json, unique_ids)

#: The category of persons in COCO and in PoseTrack.
PERSON = 1


class _Box(Struct, kw_only=True):
    bbox: Annotated[List[Coordinate], Meta(min_length=4)]
    score: Coordinate
    category_id: Id = PERSON
    track_id: Union[int, UnsetType] = UNSET
    file_name: Optional[Text] = None


class _PosetrackBox(_Box, kw_only=True):
    image_id: Id


class _CocoBox(_PosetrackBox, kw_only=True):
    category_id: Id


class _BoxFrame(Struct):
    id: Id
    file_name: Text


class _PosetrackBoxes(Struct):
    images: List[_BoxFrame]
    annotations: List[_PosetrackBox]


class ImageFields(Struct, kw_only=True):
    """What is used of an image's record, where it is there."""
    id: Union[Id, UnsetType] = UNSET
    file_name: Union[Text, UnsetType] = UNSET
    vid_id: Union[Id, UnsetType] = UNSET
    width: Union[Side, UnsetType] = UNSET
    height: Union[Side, UnsetType] = UNSET


class _Image(ImageFields, kw_only=True):
    id: Id
    file_name: Text


class _Annotation(Struct):
    image_id: Id


class VideoFields(PoseVideo):
    """What a video's record must have."""
    file_names: List[str]


class _AnnotationFile(Struct):
    images: List[_Image]
    annotations: List[_Annotation] = []
    videos: List[VideoFields] = []


class RawBox(NamedTuple):
    record: dict  # what the file says of it, checked: bbox, score, ...
    is_person: bool
    image_id: Any  # None if the file has no ids
    file_name: Optional[str]
    #: The video that the file is named after, if images are found by name.
    video: Optional[str]
    path: str
    place: str  # in the file

    @property
    def where(self) -> str:
        return f'{self.path}: {self.place}'


def read_box_file(path: str) -> List[RawBox]:
    """Read the boxes of a file or of a folder's ``*.json``, in alphabetical
    order and without hidden ones."""
    if not fileio.exists(path):
        raise FileNotFoundError(f'bbox_file {path} does not exist')
    if not fileio.isdir(path):
        return list(_read_boxes(path))
    names = sorted(
        name for name in fileio.list_dir_or_file(path, list_dir=False)
        if name.endswith('.json') and not osp.basename(name).startswith('.'))
    if not names:
        raise ValueError(f'{path}: the folder has no json file; expected one '
                         '<video>.json for each video')
    return [box for name in names for box in _read_boxes(osp.join(path, name))]


def _read_boxes(path: str) -> Iterator[RawBox]:
    content = read_json(path)
    is_dict = isinstance(content, dict)
    keys = set(content) if is_dict else set()
    tables = keys & {'images', 'annotations', 'annolist'}
    if isinstance(content, list):
        for number, box in enumerate(check(content, List[_CocoBox], path)):
            yield RawBox(content[number], box.category_id == PERSON,
                         box.image_id, box.file_name, None, path,
                         f'entry {number}')
    elif tables >= {'images', 'annotations'}:
        yield from _read_posetrack(content, path)
    elif is_dict and not tables and all(
            isinstance(boxes, list) for boxes in content.values()):
        yield from _read_frames(content, path)
    else:
        raise ValueError(
            f'{path}: expected a list of detections or another form of box '
            f'file, got a {type(content).__name__}'
            f'{f" with {list(content)[:5]}" if is_dict else ""}. The forms '
            'are a COCO-style list of boxes, a PoseTrack-style dict with '
            '"images" and "annotations", or a dict of the frames\' file '
            'names, each with its list of boxes')


def _read_posetrack(content: dict, path: str) -> Iterator[RawBox]:
    file = check(content, _PosetrackBoxes, path)
    names: Dict[Any, str] = {}
    for number, image in enumerate(file.images):
        if names.setdefault(image.id, image.file_name) != image.file_name:
            raise ValueError(
                f'{path}: images[{number}]: the id {image.id!r} is that of '
                f'two frames, {names[image.id]!r} and {image.file_name!r}')
    check_image_ids(file.annotations, names, path)
    for number, box in enumerate(file.annotations):
        yield RawBox(
            _essentials(content['annotations'][number]),
            box.category_id == PERSON, box.image_id, names[box.image_id], None,
            path, f'annotations[{number}]')


def _read_frames(content: dict, path: str) -> Iterator[RawBox]:
    video = osp.splitext(osp.basename(path))[0]
    for name, records in content.items():
        bare = [isinstance(record, list) for record in records]
        if any(bare):
            raise ValueError(
                f'{path}: {name!r}[{bare.index(True)}]: expected dict(bbox='
                '[x, y, width, height], score=...), got a list: from bare '
                'numbers one cannot tell corners from sizes')
        boxes = check(records, List[_Box], path, repr(name))
        for number, box in enumerate(boxes):
            yield RawBox(
                _essentials(records[number]), box.category_id == PERSON, None,
                name, video, path, f'{name!r}[{number}]')


def _essentials(record: dict) -> dict:
    """Without keypoints and the like, of which files can be full."""
    keys = ('bbox', 'score', 'track_id')
    return {key: record[key] for key in keys if key in record}


class AnnotationRecords(NamedTuple):
    images: dict  # by id
    annotations: List[dict]
    videos: List[dict]


def read_annotation_records(ann_file: str) -> AnnotationRecords:
    """Read and check what boxes need of a COCO-style annotation file."""
    content = read_json(ann_file)
    file = check(content, _AnnotationFile, ann_file)
    places = unique_ids([image.id for image in file.images], ann_file,
                        'ids of images')
    check_image_ids(file.annotations, places, ann_file)
    images = {image['id']: image for image in content['images']}
    return AnnotationRecords(images, content.get('annotations', []),
                             content.get('videos', []))


def known_size(image: dict) -> Optional[Tuple[int, int]]:
    """An image record's width and height in pixels, if it tells."""
    has_size = 'width' in image and 'height' in image
    return (image['width'], image['height']) if has_size else None


class FrameIndex:
    """Finds the images of boxes.

    Names agree if one is the end of the other, folder by folder:
    ``000001.jpg`` agrees with ``images/val/000342_mpii_test/000001.jpg``.
    A bare name, which a frame of every video may have, is looked for in the
    video that the boxes' file is named after: that is the image's folder, or
    what ``videos`` call it.

    Args:
        images: The annotation's image records by id; one without ``file_name``
            is found by id alone.
        videos: Its records of videos, with the frames that exist.
    """

    #: Stands for a frame that ``videos`` have and ``images`` do not.
    NOT_LISTED = object()

    def __init__(
        self, images: Mapping[Hashable,
                              dict], videos: Sequence[dict] = ()) -> None:
        self._images = images
        titles = {video['id']: video['name'] for video in videos}
        frames = [(image['file_name'], titles.get(image.get('vid_id')), id_)
                  for id_, image in images.items() if 'file_name' in image]
        frames += [(name, video['name'], self.NOT_LISTED) for video in videos
                   for name in video['file_names']]
        self._frames: Dict[str, List[_Frame]] = defaultdict(list)
        for name, title, image_id in frames:
            path = _path(name)
            known = {path.parent.name, title} - {None}
            self._frames[path.name].append(_Frame(path, known, image_id))
        self._cache: Dict[tuple, Any] = {}

    def find(self, box: RawBox) -> Any:
        """The id of a box's image, :attr:`NOT_LISTED`, or None for an unknown
        frame; a ValueError if the box's id and file name are of two images, or
        its file name of several."""
        key = (box.image_id, box.file_name, box.video)
        if key not in self._cache:
            self._cache[key] = self._find(box)
        return self._cache[key]

    def _find(self, box: RawBox) -> Any:
        image = self._images.get(box.image_id)
        if box.file_name is None:
            return None if image is None else box.image_id
        path = _path(box.file_name)
        if image is None:
            found = self._matching(path, box.video)
            ids = [id_ for id_ in found if id_ is not self.NOT_LISTED]
            if ids and box.image_id is not None:
                raise ValueError(
                    f'{box.where}: image_id {box.image_id!r} is not in the '
                    f'annotation file, but its file name {box.file_name!r} '
                    f'is: there it has the id {ids[0]!r}')
            if len(ids) > 1:
                raise ValueError(
                    f'{box.where}: {len(ids)} images have the file name '
                    f'{box.file_name!r}: ids {ids[:3]}')
            return next(iter(ids or found), None)
        if 'file_name' in image and not _agree(path, _path(
                image['file_name'])):
            raise ValueError(
                f'{box.where}: image_id {box.image_id!r} and file name '
                f'{box.file_name!r} are of two images; the annotation file '
                f'has {image["file_name"]!r} by this id')
        return box.image_id

    def _matching(self, path: PurePosixPath,
                  video: Optional[str]) -> List[Any]:
        """The ids of a name's frames; of a bare one's, in the named video."""
        is_bare = len(path.parts) < 2
        return [
            f.image_id for f in self._frames.get(path.name, ())
            if (video in f.videos if is_bare else _agree(path, f.path))
        ]


class _Frame(NamedTuple):
    path: PurePosixPath
    videos: Set[str]
    image_id: Any


def _path(name: str) -> PurePosixPath:
    """A file's name, which may come from Windows."""
    return PurePosixPath(name.replace('\\', '/'))


def _agree(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether one path is the end of the other."""
    length = min(len(one.parts), len(other.parts))
    return length > 0 and one.parts[-length:] == other.parts[-length:]
