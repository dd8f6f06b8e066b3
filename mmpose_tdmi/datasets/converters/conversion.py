"""From one video after the other to one annotation file per split.

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
"""
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.utils.parallel import run_tasks
from mmpose_tdmi.version import __version__
from .reading import PathLike, read_json

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
