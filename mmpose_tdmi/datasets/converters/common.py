"""What all converters have in common.

The official files of a split are read in parallel, one video at a time,
checked against each other and written as one COCO-style json. Beside it a
small file keeps what it was made of, so that a second run leaves it alone.

The converted file::

    info        dataset, split, version, generator
    videos      id, name, file_names, frame_ids: every frame that exists
    images      id, file_name, vid_id, frame_id, nframes, width, height,
                is_labeled, ignore_regions_x, ignore_regions_y
    annotations id, image_id, category_id, track_id, bbox, area, bbox_head,
                keypoints, num_keypoints, iscrowd
    categories  one, with the keypoints' names

V keypoints of a layout: a person's ``keypoints`` are 3 V numbers (x, y, v) in
pixels of the whole image, and a joint is unlabelled exactly if x = y = v = 0.
"""
import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import (Any, Callable, Dict, Iterable, List, NamedTuple, Optional,
                    Sequence, Tuple)

import numpy as np
from msgspec import Struct, to_builtins
from PIL import Image, UnidentifiedImageError

from mmpose_tdmi.utils.files import check_outputs, write_json
from mmpose_tdmi.utils.parallel import run_tasks
from mmpose_tdmi.version import __version__
from ..coco_json import PathLike, mistake, read_json
from ..metainfo import keypoint_definition


def _names(dataset: str) -> Tuple[str, ...]:
    points = keypoint_definition(dataset)['keypoint_info'].values()
    return tuple(point['name'] for point in points)


#: PoseTrack18's V = 17 keypoints in the order of the files, used for all
#: PoseTrack datasets. The ears are never annotated.
KEYPOINT_NAMES = _names('posetrack18')
NUM_KEYPOINTS = len(KEYPOINT_NAMES)

#: Limbs as the official files give them: pairs of 1-based keypoint numbers.
SKELETON = ((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13),
            (6, 7), (6, 8), (7, 9), (8, 10), (9, 11), (2, 3), (1, 2), (1, 3),
            (2, 4), (3, 5), (4, 6), (5, 7))

#: PoseTrack17's joints by their ids 0 to 14, in PoseTrack18's names.
POSETRACK17_POINTS = tuple('head_bottom' if name == 'neck' else name
                           for name in _names('posetrack_eval'))

#: HiEve's V = 14 keypoints by their ids.
HIEVE_KEYPOINT_NAMES = _names('hieve')
#: Limbs: pairs of 1-based keypoint numbers.
HIEVE_SKELETON = ((1, 2), (2, 3), (3, 4), (4, 5), (2, 6), (6, 7), (7, 8),
                  (2, 9), (9, 10), (10, 11), (2, 12), (12, 13), (13, 14))

#: By this share of its extent a person's box is widened on each side.
BOX_MARGIN = 0.15

#: The version is raised whenever the same files would give another result.
_MAKER: Dict[str, Any] = dict(
    version=1, generator=f'mmpose_tdmi {__version__}')
COUNTS = ('videos', 'frames', 'labelled_frames', 'persons', 'joints',
          'boxes_without_pose')

# '00000012', '0012_crop'
_STEM = re.compile(r'([0-9]{1,15})(_.*)?', re.DOTALL)


def person_category(
        names: Sequence[str] = KEYPOINT_NAMES,
        skeleton: Sequence[Tuple[int, int]] = SKELETON) -> Dict[str, Any]:
    """The one category of a file, with keypoint names and limbs."""
    return dict(
        supercategory='person',
        id=1,
        name='person',
        keypoints=list(names),
        skeleton=[list(limb) for limb in skeleton])


def box_from_keypoints(
    keypoints: Sequence[float], head: Sequence[float] = ()) -> List[float]:
    """A person's box by PoseTrack18's rule: x, y, width, height, not clipped
    to the image.

    Args:
        keypoints: 3 V numbers, one joint labelled at least.
        head: The head's box, which one without area (of joints in a row along
            an axis) is widened to hold, too.
    """
    joints = np.asarray(keypoints, dtype=float).reshape(-1, 3)
    xy = joints[np.any(joints != 0, axis=1), :2]
    if not len(xy):
        raise ValueError('a person without labelled joints has no box')
    extent = np.ptp(xy, axis=0)
    corner = xy.min(axis=0) - BOX_MARGIN * extent
    box = [*corner.tolist(), *((1 + 2 * BOX_MARGIN) * extent).tolist()]
    if not len(head) or (box[2] > 0 and box[3] > 0):
        return box
    corner, size = np.hsplit(np.array([box, head], dtype=float), 2)
    low, high = corner.min(axis=0), (corner + size).max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def count_joints(keypoints: Sequence[float]) -> int:
    """How many joints of 3 V numbers are labelled."""
    return sum(any(keypoints[i:i + 3]) for i in range(0, len(keypoints), 3))


def pose_record(keypoints: List[float],
                box: Optional[List[float]] = None,
                head: Optional[List[float]] = None) -> Dict[str, Any]:
    """The fields of a person's pose, with the boxes that there are."""
    record: Dict[str, Any] = dict(
        keypoints=keypoints, num_keypoints=count_joints(keypoints), iscrowd=0)
    if box:
        record.update(bbox=box, area=box[2] * box[3])
    if head:
        record.update(bbox_head=head)
    return record


@dataclass(frozen=True)
class VideoSource:
    """Where a video's official files are."""
    root: Path
    split: str
    name: str  #: The stem of its annotation file
    #: That file, or the folder of those of its frames; None without labels.
    annotation: Optional[Path]
    number: int = 0  #: From which ids are made, where the format needs it


@dataclass
class ConvertedVideo:
    """A video in the form of the converted file."""
    name: str
    #: Its id by the official files, which two videos may share.
    vid_id: str
    #: The frames that exist: paths in the data root by number, ascending.
    frames: Dict[int, str]
    #: The frames that the official file lists, and their persons.
    images: List[Dict[str, Any]]
    annotations: List[Dict[str, Any]]


class LabelledFrame(NamedTuple):
    """A frame that an official file lists."""
    number: int
    where: str  #: What names it in messages
    persons: List[Dict[str, Any]]  #: Its persons, without ids
    #: What its record has beside or instead of the common fields.
    fields: Dict[str, Any] = {}
    size: Optional[Tuple[float, float]] = None  #: Width, height, where told


def number_records(source: VideoSource, frames: Dict[int, str],
                   listed: List[LabelledFrame], max_frames: int,
                   max_persons: int) -> ConvertedVideo:
    """A video of the frames that exist, with ids that have room for so many
    frames of a video and persons of a frame."""
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    numbers = sorted(frame.number for frame in listed)
    has_room = max(numbers, default=0) < max_frames
    in_ids = dict(zip(numbers, numbers if has_room else range(len(numbers))))
    for number, where, persons, fields, size in listed:
        if number not in frames:
            known = list(frames.values()) or ['nowhere']
            raise FileNotFoundError(
                f'{where}: there is no frame {number} of the video, whose '
                f'frames are {known[0]} to {known[-1]}')
        if len(persons) > max_persons:
            raise ValueError(
                f'{where} has {len(persons)}, more than {max_persons} '
                f'persons: the ids hold at most {max_persons}')
        found = image_size(source.root / frames[number], where)
        if size not in (None, found):
            raise ValueError(
                f'{where} is of an image of size {size}, expected '
                f'{found} as {frames[number]} has')
        image_id = source.number * max_frames + in_ids[number]
        image = dict(
            id=image_id,
            file_name=frames[number],
            frame_id=number,
            nframes=len(frames),
            width=found[0],
            height=found[1],
            is_labeled=True,
            ignore_regions_x=[],
            ignore_regions_y=[])
        images.append(dict(image, **fields))
        for index, person in enumerate(persons):
            own = dict(
                id=image_id * max_persons + index,
                image_id=image_id,
                category_id=1)
            annotations.append(dict(own, **person))
    return ConvertedVideo(source.name, source.name, frames, images,
                          annotations)


class DatasetFormat(NamedTuple):
    """How one dataset's official folder is read."""
    name: str
    splits: Tuple[str, ...]
    annotation_folder: str  #: Where annotation files are, with ``{split}``
    #: A split's videos, ordered by name, by root, split and that folder.
    find_videos: Callable[[Path, str, Path], List[VideoSource]]
    read_video: Callable[[VideoSource], ConvertedVideo]
    category: Dict[str, Any] = person_category()


class Conversion(NamedTuple):
    """A converted split."""
    path: Path
    #: See :data:`COUNTS`; ``persons`` have a pose, ``boxes_without_pose`` not.
    counts: Dict[str, int]
    written: bool  #: False if the file was there and up to date


class _MadeOf(Struct):
    """What a result was made of, to know it again."""
    version: int
    generator: str
    result: str  #: Its digest
    counts: Dict[str, int]
    #: By name, the folder of its frames and the digest of its sources.
    videos: Dict[str, Dict[str, str]]


def convert_split(form: DatasetFormat,
                  data_root: PathLike,
                  split: str,
                  out: Optional[PathLike] = None,
                  workers: int = 1,
                  progress: bool = False) -> Conversion:
    """Convert a split, unless that is done already; see convert_posetrack18
    for the arguments."""
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
    videos = form.find_videos(root, split, official)
    path = folder / f'{form.name}_{split}.json'
    made_of = path.with_name(f'{path.stem}.sources.json')
    if path.is_file() and made_of.is_file():
        with suppress(ValueError):  # of a file that check_outputs refuses
            found = read_json(made_of, _MadeOf, strict=True)
            folders = {k: v.get('frames', '') for k, v in found.videos.items()}
            if found == _made_of(path, found.counts, videos, folders):
                return Conversion(path, found.counts, written=False)
    check_outputs([path, made_of],
                  [v.annotation for v in videos if v.annotation is not None])
    converted = list(
        run_tasks(form.read_video, videos, workers, f'{form.name} {split}',
                  'video', progress))
    content = _merge_videos(form, split, videos, converted)
    joints = [a['num_keypoints'] for a in content['annotations']]
    counts = dict(
        videos=len(converted),
        frames=sum(len(video.frames) for video in converted),
        labelled_frames=sum(i['is_labeled'] for i in content['images']),
        persons=sum(n > 0 for n in joints),
        joints=sum(joints),
        boxes_without_pose=sum(n == 0 for n in joints))
    write_json(path, content)
    folders = {
        video.name: str(Path(next(iter(video.frames.values()))).parent)
        for video in converted
    }
    made = _made_of(path, counts, videos, folders)
    write_json(made_of, to_builtins(made), indent=1)
    return Conversion(path, counts, written=True)


def _made_of(path: Path, counts: Dict[str, int], videos: List[VideoSource],
             folders: Dict[str, str]) -> _MadeOf:
    """What there is now; the folders are those of frames in the root."""
    sources = {}
    for video in videos:
        frames, labels = folders.get(video.name, ''), video.annotation
        listing = sorted((path.name, path.stat().st_size)
                         for path in (video.root / frames).glob('*'))
        paths = [labels] if labels else []
        if labels and labels.is_dir():
            paths = sorted(labels.iterdir())
        digest = _digest(paths, repr((video.number, listing)))
        sources[video.name] = dict(frames=frames, digest=digest)
    return _MadeOf(
        **_MAKER, result=_digest([path]), counts=counts, videos=sources)


def _digest(paths: Iterable[Path], text: str = '') -> str:
    digest = hashlib.sha256(text.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _merge_videos(form: DatasetFormat, split: str, sources: List[VideoSource],
                  videos: List[ConvertedVideo]) -> Dict[str, Any]:
    """Join converted videos and make ids unique where that is ours to do.

    Videos that share a ``vid_id`` get their names instead. Annotations
    whose id is missing or taken get fresh ones above all others.
    """
    shared = [video.vid_id for video in videos]
    names = {video.name for video in videos}
    taken: Dict[Tuple[str, Any], str] = {}
    records, images, annotations = [], [], []
    for source, video in zip(sources, videos):
        where = str(source.annotation or source.name)
        vid_id = video.vid_id
        if shared.count(vid_id) > 1 or vid_id in names:
            vid_id = video.name
        frames = dict(
            file_names=list(video.frames.values()),
            frame_ids=list(video.frames))
        records.append(dict(id=vid_id, name=video.name, **frames))
        for index, image in enumerate(video.images):
            for field in ('id', 'file_name'):
                value = image[field]
                if (field, value) in taken:
                    raise ValueError(
                        f'{where}: images[{index}].{field} {value} is already '
                        f'used in {taken[field, value]}')
                taken[field, value] = where
            images.append(dict(image, vid_id=vid_id))
        annotations += video.annotations
    make_annotation_ids_unique(annotations)
    return dict(
        info=dict(dataset=form.name, split=split, **_MAKER),
        videos=records,
        images=images,
        annotations=annotations,
        categories=[form.category])


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


def inner_path(text: str, where: str) -> str:
    """A path inside the data root, with forward slashes.

    Stricter than the datasets: a path that some system cannot have is none.
    """
    path = PurePosixPath(text.replace('\\', '/'))
    if (path.is_absolute() or '..' in path.parts or '\0' in text
            or PureWindowsPath(text).drive or len(text) > 1000
            or any(len(part.encode()) > 255 for part in path.parts)):
        raise mistake(where, text, 'a path inside the data root, with "/"')
    return str(path)


def frame_number(name: str, where: str) -> int:
    """The number of a frame by its file's name, which is a number, alone or
    with ``_`` and more behind it (``0012_crop.jpg``), and a suffix."""
    path = Path(name)
    match = _STEM.fullmatch(path.stem)
    suffixes = '.jpg', '.jpeg', '.png'
    if match is None or path.suffix.lower() not in suffixes:
        raise ValueError(f'{where}: {path.name!r} is not named as a frame, by '
                         'its number such as 000012.jpg')
    return int(match.group(1))


def list_frames(root: Path, folder: str,
                preferred: Sequence[str]) -> Dict[int, str]:
    """The frames that exist in a folder of the root, by number, ascending.

    Files that are not named as frames are passed over. If two frames have the
    same number, exactly one of them must be among the ``preferred`` paths.
    """
    path = root / folder
    if not path.is_dir():
        raise FileNotFoundError(f'there is no folder {path} with frames')
    found: Dict[int, List[str]] = {}
    for entry in sorted(path.iterdir()):
        with suppress(ValueError):
            number = frame_number(entry.name, '')
            found.setdefault(number, []).append(entry.name)
    chosen = {Path(name).name for name in preferred}
    frames: Dict[int, str] = {}
    for number, names in sorted(found.items()):
        if len(names) > 1:
            names = [name for name in names if name in chosen]
            if len(names) != 1:
                raise ValueError(f'{path}: {" and ".join(found[number])} have '
                                 'the same frame number')
        frames[number] = f'{folder}/{names[0]}'
    return frames


def image_size(path: Path, where: str) -> Tuple[int, int]:
    """An image's width and height in pixels, by its header."""
    if not path.is_file():
        raise FileNotFoundError(f'{where}: no image at {path}')
    try:
        with Image.open(path) as image:  # reads the header only
            return image.size
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f'{where}: {path} is not a readable image') from error
