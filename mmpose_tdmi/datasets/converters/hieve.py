"""HiEve's annotation formats and their converter.

"HiEve: A Large-Scale Benchmark for Human-Centric Video Analysis in Complex
Events": videos ``1`` to ``32``, 14 joints. The training videos' labels come
in two forms: one ``annolist`` json per video
(``labels/train/track2&3/<video>.json``), whose ``x1`` ... ``y2`` is the
*person's* box, and one XML per frame
(``labels/train/all-track/<video>/<frame>.xml``), which also tells which
joints are hidden. The test videos' labels are not public: their frames are
listed as unlabelled.

Shape shorthand: V = 14 keypoints.
"""
import functools
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .annolist import corner_box, read_points, scalar
from .conversion import (Conversion, ConvertedVideo, DatasetFormat,
                         VideoSource, convert_split)
from .frames import frame_number, image_size, list_frames
from .hieve_frames import ensure_frames, video_files
from .hieve_xml import read_frame_xml
from .layouts import HIEVE_KEYPOINT_NAMES, count_joints, hieve_category
from .reading import PathLike, Record, read_json

#: Folders of the two forms of labels, below ``labels/<split>``.
LABEL_FOLDERS = dict(json='track2&3', xml='all-track')
#: Room in the ids for a video's frames and a frame's persons.
MAX_FRAMES, MAX_PERSONS = 10**6, 10**3

#: A labelled frame: its number, what names it in messages, its persons and,
#: where told, the image's size.
_Frame = Tuple[int, str, List[Dict[str, Any]], Optional[Tuple[float, float]]]


def read_hieve_video(source: VideoSource) -> ConvertedVideo:
    """Read one video, extracting its frames if they are not there.

    Args:
        source (VideoSource): The video; ``annotation`` is a json file, a
            folder of XML files or None.

    Returns:
        ConvertedVideo: The video.

    Raises:
        FileNotFoundError: If frames and video, or a labelled frame, are
            missing.
        ValueError: On any mistake; the message names it.
    """
    labelled: List[_Frame] = []
    if source.annotation is not None:
        labelled = (
            _read_xml(source.annotation)
            if source.annotation.is_dir() else _read_json(source.annotation))
    folder = ensure_frames(source.root, source.split, source.name)
    frames = {
        number: f'{folder}/{name}'
        for number, name in list_frames(source.root, folder, []).items()
    }
    if not frames:
        raise FileNotFoundError(f'there are no frames in '
                                f'{source.root / folder}')
    if max(frames) >= MAX_FRAMES:
        raise ValueError(f'{source.root / folder}: the frame number '
                         f'{max(frames)} is beyond {MAX_FRAMES - 1}')
    is_labeled = source.annotation is not None
    if not is_labeled:
        labelled = [(number, source.name, [], None) for number in frames]
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    for number, where, persons, size in labelled:
        if number not in frames:
            raise FileNotFoundError(
                f'{where}: there is no frame {number} in '
                f'{source.root / folder}, whose frames are {min(frames)} to '
                f'{max(frames)}')
        image = _image(source, frames, number, where, size, is_labeled)
        images.append(image)
        if len(persons) > MAX_PERSONS:
            raise ValueError(f'{where} has {len(persons)} persons, the ids '
                             f'hold at most {MAX_PERSONS}')
        annotations += [
            dict(
                id=image['id'] * MAX_PERSONS + index,
                image_id=image['id'],
                category_id=1,
                **person) for index, person in enumerate(persons)
        ]
    return ConvertedVideo(source.name, source.name, frames, images,
                          annotations)


def _read_json(path: Path) -> List[_Frame]:
    frames: List[_Frame] = []
    numbers: Dict[int, str] = {}
    for record in read_json(path)['annolist']:
        name = scalar(record, 'image')['name']
        try:
            number = frame_number(Path(name.path()).name)
        except ValueError as error:
            raise ValueError(f'{name.where}: {error}') from None
        if number in numbers:
            raise ValueError(f'{name.where} is frame {number}, which '
                             f'{numbers[number]} is already')
        numbers[number] = name.place
        frames.append((number, record.where,
                       [_person(rect) for rect in record['annorect']], None))
    return frames


def _person(rect: Record) -> Dict[str, Any]:
    joints = read_points(rect, len(HIEVE_KEYPOINT_NAMES))
    return make_person(
        scalar(rect, 'track_id').integer(), corner_box(rect),
        joints.ravel().tolist())


def make_person(track_id: int,
                box: List[float],
                keypoints: Sequence[float],
                action: Optional[str] = None) -> Dict[str, Any]:
    """dict: What a converted annotation says of a person."""
    person = dict(
        track_id=track_id,
        bbox=box,
        area=box[2] * box[3],
        keypoints=list(keypoints),
        num_keypoints=count_joints(keypoints),
        iscrowd=0)
    if action is not None:
        person['action'] = action
    return person


def _read_xml(folder: Path) -> List[_Frame]:
    frames: List[_Frame] = []
    numbers: Dict[int, Path] = {}
    for path in sorted(folder.glob('*.xml')):
        if not (path.stem.isascii() and path.stem.isdigit()):
            raise ValueError(f'{path} is not named by a frame number such as '
                             '000000.xml')
        number = int(path.stem)
        if number in numbers:
            raise ValueError(f'{numbers[number]} and {path} are the same '
                             'frame')
        numbers[number] = path
        size, persons = read_frame_xml(path)
        frames.append(
            (number, str(path), [make_person(*person)
                                 for person in persons], size))
    if not frames:
        raise FileNotFoundError(f'there are no XML files in {folder}')
    return frames


def _image(source: VideoSource, frames: Dict[int, str], number: int,
           where: str, size: Optional[Tuple[float, float]],
           is_labeled: bool) -> Dict[str, Any]:
    width, height = image_size(source.root / frames[number], where)
    if size is not None and size != (width, height):
        raise ValueError(f'{where} is of an image of size {size}, expected '
                         f'{(width, height)} as {frames[number]} has')
    return dict(
        id=source.number * MAX_FRAMES + number,
        file_name=frames[number],
        vid_id=source.name,
        frame_id=number,
        nframes=len(frames),
        width=width,
        height=height,
        is_labeled=is_labeled,
        ignore_regions_x=[],
        ignore_regions_y=[])


def _find_videos(root: Path,
                 split: str,
                 labels: Optional[str] = None) -> List[VideoSource]:
    """The labelled videos of the training split, all of the test split."""
    annotations: Dict[str, Optional[Path]] = {}
    if split == 'train':
        folder = _label_folder(root, labels)
        annotations = {path.stem: path for path in folder.glob('*.json')}
        if folder.name == LABEL_FOLDERS['xml']:
            annotations = {p.name: p for p in folder.iterdir() if p.is_dir()}
        where = folder
    else:
        frames, where = root / 'images' / split, root / 'videos' / split
        names = [path.stem for path in video_files(root, split)]
        if frames.is_dir():
            names += [
                path.name for path in frames.iterdir()
                if path.is_dir() and not path.name.startswith('.')
            ]
        annotations = dict.fromkeys(names)
    for name in annotations:
        if not (name.isascii() and name.isdigit() and len(name) <= 4):
            raise ValueError(f'{where}: {name!r} is no video of HiEve, they '
                             'are called by a number')
    if not annotations:
        raise FileNotFoundError(f'there are no videos of the split {split!r} '
                                f'in {where}')
    return [
        VideoSource(root, split, name, annotations[name], int(name))
        for name in sorted(annotations, key=int)
    ]


def _label_folder(root: Path, labels: Optional[str]) -> Path:
    forms = list(LABEL_FOLDERS) if labels is None else [labels]
    folders = [root / 'labels/train' / LABEL_FOLDERS[form] for form in forms]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise FileNotFoundError('there is no folder of labels, expected '
                            f'{" or ".join(map(str, folders))}')


HIEVE = DatasetFormat(
    name='hieve',
    splits=('train', 'test'),
    category=hieve_category(),
    annotation_folder='labels/{split}',
    find_videos=_find_videos,
    read_video=read_hieve_video)


def convert_hieve(data_root: PathLike,
                  split: str = 'train',
                  out: Optional[PathLike] = None,
                  workers: int = 1,
                  progress: bool = False,
                  labels: Optional[str] = None) -> Conversion:
    """Convert a split of HiEve's official folder.

    The folder holds ``videos/<split>/<n>.mp4``, ``labels/train/track2&3`` or
    ``labels/train/all-track``, and gets ``images/<split>/<n>/%06d.jpg``.

    Args:
        data_root (str | Path): The folder.
        split (str): 'train' or 'test'. Defaults to 'train'.
        out (str | Path, optional): Folder of the result,
            ``hieve_<split>.json``. Defaults to None, ``annotations`` in
            the data root.
        workers (int): Processes, see :func:`.run_tasks`. Defaults to 1.
        progress (bool): Show a progress bar. Defaults to False.
        labels (str, optional): The form of the labels, 'json' or 'xml'.
            Defaults to None, json if it is there, else XML.

    Returns:
        Conversion: Path and counts.

    Raises:
        FileNotFoundError: If a file or folder that is needed is missing.
        ValueError: On a mistake in an official file; the message names file,
            place, value and what was expected.
    """
    if labels is not None and labels not in LABEL_FOLDERS:
        raise ValueError(f'labels is {labels!r}, expected '
                         f'{" or ".join(map(repr, LABEL_FOLDERS))}')
    form = DatasetFormat(
        **{
            **vars(HIEVE), 'find_videos':
            functools.partial(_find_videos, labels=labels)
        })
    return convert_split(form, data_root, split, out, workers, progress)
