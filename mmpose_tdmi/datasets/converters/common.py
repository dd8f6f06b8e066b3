"""From official files, one video after the other, to one json per split.

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

V keypoints of a layout: a person's ``keypoints`` are 3 V numbers (x, y, v) in
pixels of the whole image, and a joint is unlabelled exactly if x = y = v = 0.
"""
import argparse
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import (Any, Callable, Dict, List, NamedTuple, Optional, Sequence,
                    Tuple)

import numpy as np
from PIL import Image, UnidentifiedImageError
from tabulate import tabulate

from mmpose_tdmi.utils.files import check_outputs, write_json
from mmpose_tdmi.utils.parallel import run_tasks
from mmpose_tdmi.version import __version__
from ..coco_json import PathLike, mistake, read_json

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

#: Raised whenever the same official files would give another result.
FORMAT_VERSION = 1
_MAKER = dict(version=FORMAT_VERSION, generator=f'mmpose_tdmi {__version__}')
COUNTS = ('videos', 'frames', 'labelled_frames', 'persons', 'joints',
          'boxes_without_pose')
#: Videos per split and pose annotations in all, of section 4.1 of "Mutual
#: Information-Based Temporal Difference Learning for Human Pose Estimation
#: in Video", CVPR 2023, which gives them per dataset, not per split.
PAPER_FIGURES: Dict[str, Dict[str, Any]] = dict(
    posetrack17=dict(videos=dict(train=250, val=50), persons=80144),
    posetrack18=dict(videos=dict(train=593, val=170), persons=153615),
    posetrack21=dict(videos=dict(train=593, val=170), persons=177164),
    hieve=dict(videos=dict(train=19, test=13), persons=1099357))

#: What the frames of all official releases are stored as.
SUFFIXES = ('.jpg', '.jpeg', '.png')
# '00000012', '0012_crop'
_STEM = re.compile(r'([0-9]{1,15})(_.*)?', re.DOTALL)


def person_category(
        names: Sequence[str] = KEYPOINT_NAMES,
        skeleton: Sequence[Tuple[int, int]] = SKELETON) -> Dict[str, Any]:
    """dict: PoseTrack's one category, keypoint names and limbs included."""
    return dict(
        supercategory='person',
        id=1,
        name='person',
        keypoints=list(names),
        skeleton=[list(limb) for limb in skeleton])


def box_from_keypoints(
    keypoints: Sequence[float], head: Sequence[float] = ()) -> List[float]:
    """A person's box by PoseTrack18's rule.

    Args:
        keypoints: 3 V numbers, one joint labelled at least.
        head: x, y, width, height of the head box. A box that has no area (a
            single joint, or joints in a row along an axis) is widened to hold
            it, too.

    Returns:
        x, y, width, height, not clipped to the image.
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


@dataclass(frozen=True)
class VideoSource:
    """Where a video's official files are."""
    root: Path
    split: str
    #: The stem of its annotation file.
    name: str
    #: The annotation file, or the folder of the files of its frames; None if
    #: the split has no labels.
    annotation: Optional[Path]
    #: From which ids are made, where the format needs it.
    number: int = 0


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


@dataclass(frozen=True)
class DatasetFormat:
    """How one dataset's official folder is read."""
    name: str
    splits: Tuple[str, ...]
    category: Dict[str, Any]
    #: Where annotation files are, with ``{split}``.
    annotation_folder: str
    #: ``find_videos(root, split)``: a split's videos, ordered by name.
    find_videos: Callable[[Path, str], List[VideoSource]]
    #: To be called in other processes, too.
    read_video: Callable[[VideoSource], ConvertedVideo]


class Conversion(NamedTuple):
    """A converted split."""
    path: Path
    #: See :data:`COUNTS`; ``persons`` have a pose, ``boxes_without_pose`` not.
    counts: Dict[str, int]
    #: False if the file was there and up to date.
    written: bool


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
    videos = form.find_videos(root, split)
    path = folder / f'{form.name}_{split}.json'
    made_of = path.with_name(f'{path.stem}.sources.json')
    counts = _up_to_date(made_of, path, videos)
    if counts is not None:
        return Conversion(path, counts, written=False)
    check_outputs([path, made_of],
                  [v.annotation for v in videos if v.annotation is not None])
    converted = list(
        run_tasks(form.read_video, videos, workers, f'{form.name} {split}',
                  'video', progress))
    content = _merge_videos(form, split, videos, converted)
    joints = [a['num_keypoints'] for a in content['annotations']]
    counts = dict(
        videos=len(content['videos']),
        frames=sum(len(v['file_names']) for v in content['videos']),
        labelled_frames=sum(i['is_labeled'] for i in content['images']),
        persons=sum(n > 0 for n in joints),
        joints=sum(joints),
        boxes_without_pose=sum(n == 0 for n in joints))
    write_json(path, content)
    sources = {}
    for source, video in zip(videos, converted):
        frames = str(Path(next(iter(video.frames.values()))).parent)
        digest = _source_digest(source, frames)
        sources[source.name] = dict(frames=frames, digest=digest)
    result = _digest([path])
    write_json(
        made_of,
        dict(_MAKER, result=result, counts=counts, videos=sources),
        indent=1)
    return Conversion(path, counts, written=True)


def _merge_videos(form: DatasetFormat, split: str, sources: List[VideoSource],
                  videos: List[ConvertedVideo]) -> Dict[str, Any]:
    """Join converted videos and make ids unique where that is ours to do.

    Videos that share a ``vid_id`` get their names instead. Annotations
    whose id is missing or taken get fresh ones above all others.
    """
    shared = [video.vid_id for video in videos]
    names = {video.name for video in videos}
    taken: Dict[Tuple[str, Any], str] = {}
    content: Dict[str, Any] = dict(
        info=dict(dataset=form.name, split=split, **_MAKER),
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
            for field in ('id', 'file_name'):
                value = image[field]
                if (field, value) in taken:
                    raise ValueError(
                        f'{where}: images[{index}].{field} {value} is already '
                        f'used in {taken[field, value]}')
                taken[field, value] = where
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


def _up_to_date(made_of: Path, path: Path,
                sources: List[VideoSource]) -> Optional[Dict[str, int]]:
    """The counts of a result that is up to date, else None."""
    if not made_of.is_file() or not path.is_file():
        return None
    try:
        found = read_json(made_of, Dict[str, Any], strict=True)
    except ValueError:
        return None  # it is ours: made anew
    videos = found.get('videos', {})
    names = [source.name for source in sources]
    if (dict(found, **_MAKER) != found or list(videos) != names
            or found.get('result') != _digest([path])):
        return None
    for source, video in zip(sources, videos.values()):
        if video['digest'] != _source_digest(source, video['frames']):
            return None
    return found['counts']


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
    if match is None or path.suffix.lower() not in SUFFIXES:
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
        try:
            number = frame_number(entry.name, str(path))
        except ValueError:
            continue
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


def describe(counts: Dict[str, Dict[str, int]]) -> str:
    """A table of what splits hold; ``persons`` are pose annotations."""
    rows = [['split', *(name.replace('_', ' ') for name in COUNTS)]]
    for split, found in counts.items():
        rows.append([split, *(f'{found[name]:,}' for name in COUNTS)])
    return tabulate(
        rows, tablefmt='plain', stralign='right', disable_numparse=True)


def compare_with_paper(dataset: str,
                       counts: Dict[str, Dict[str, int]]) -> List[str]:
    """Compare converted splits with the paper's figures, a line for each.

    A split with fewer videos than the paper's is a part of the set, about
    which the figures say nothing. Persons are compared where all splits are
    whole and have labels.
    """

    def verdict(found: int, expected: int) -> str:
        difference = found - expected
        return f'differs by {difference:+,}' if difference else 'equal'

    paper, lines, whole = PAPER_FIGURES[dataset], [], True
    for split, expected in paper['videos'].items():
        found = counts.get(split, {}).get('videos', 0)
        whole &= found == expected
        if not found:
            said = 'not converted, not checked'
        elif found < expected:
            said = 'partial set, not checked'
        else:
            said = verdict(found, expected)
        lines.append(f'{split}: {found:,} videos, {expected:,} in the paper: '
                     f'{said}')
    persons = sum(counts[split]['persons'] for split in paper['videos']
                  if split in counts)
    expected = paper['persons']
    if not whole:
        said = 'partial set, not checked'
    elif 'test' in paper['videos'] and not counts['test']['persons']:
        said = ('not checked: the figure counts the test videos, whose '
                'labels are not public')
    else:
        said = verdict(persons, expected)
    lines.append(
        f'{persons:,} pose annotations, {expected:,} in the paper: {said}')
    return lines


def make_parser(description: str,
                form: DatasetFormat) -> argparse.ArgumentParser:
    """The arguments that all datasets' converters have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        'data_root', type=Path, help='the official folder, as unpacked')
    parser.add_argument(
        '--split',
        nargs='+',
        choices=form.splits,
        default=list(PAPER_FIGURES[form.name]['videos']),
        help='splits to convert (default: %(default)s)')
    parser.add_argument(
        '--out',
        type=Path,
        help='folder of the results (default: DATA_ROOT/annotations)')
    parser.add_argument(
        '--workers', type=int, default=1, help='processes (default 1)')
    return parser


def run(form: DatasetFormat, convert: Callable[..., Conversion],
        parser: argparse.ArgumentParser) -> None:
    """Convert the splits asked for and print what they hold.

    What else the parser takes is passed to ``convert`` by name.
    """
    options: Dict[str, Any] = vars(parser.parse_args())
    root, splits = options.pop('data_root'), options.pop('split')
    counts = {}
    for split in dict.fromkeys(splits):
        try:
            result = convert(root, split, progress=True, **options)
        except (FileNotFoundError, ValueError) as error:
            raise SystemExit(f'error: {error}') from error
        counts[split] = result.counts
        print(f'{result.path}: '
              f'{"written" if result.written else "unchanged, kept"}')
    print(describe(counts))
    print('\n'.join(compare_with_paper(form.name, counts)))
