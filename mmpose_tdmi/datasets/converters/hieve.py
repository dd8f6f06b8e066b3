"""Reading HiEve's XML labels, one file per frame.

A person is an ``object`` called ``P-<track>``; its ``bndbox`` holds the
person's box and one element per body part, ``x,y,flag``: flag 0 is visible, 1
hidden, -1 not annotated. ``action``, which only this form has, is what the
person does.

Shape shorthand: V = 14 keypoints.

HiEve's videos as frames on disk.

The official release has video files; labels and predictions go by frame
numbers. Frames are extracted to ``images/<split>/<video>/%06d.jpg``, counted
from 0, a whole video or nothing.

HiEve's annotation formats and their converter.

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
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import cv2

from .conversion import (HIEVE_KEYPOINT_NAMES, Conversion, ConvertedVideo,
                         DatasetFormat, PathLike, Record, VideoSource,
                         XmlRecord, convert_split, count_joints, frame_number,
                         hieve_category, image_size, list_frames, read_json,
                         read_xml)
from .posetrack17 import corner_box, read_points, scalar

_TOP = ('folder', 'filename', 'path', 'source', 'size', 'segmented', 'object')
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
_TRACK = re.compile(r'P-?([0-9]{1,9})')
#: v of a converted keypoint by the flag.
_VISIBILITY = {0: 2, 1: 1}

#: Track id, box (x, y, width, height), 3 V keypoint numbers and the action.
Person = Tuple[int, List[float], List[float], Optional[str]]


def read_frame_xml(path: Path) -> Tuple[Tuple[float, float], List[Person]]:
    """Read the labels of a frame.

    Args:
        path (Path): The file.

    Returns:
        tuple: The image's width and height in pixels, and its persons.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: On any mistake; the message names it.
    """
    root = read_xml(path, 'annotation')
    for element in root:
        if element.tag not in _TOP:
            raise ValueError(
                f'{element.where} is not expected: {", ".join(_TOP)}')
    size = root.child('size')
    width, height = (
        size.child(tag).numbers(1)[0] for tag in ('width', 'height'))
    return (width, height), [_person(item) for item in root.children('object')]


def _person(item: XmlRecord) -> Person:
    name = item.child('name')
    match = _TRACK.fullmatch(name.text)
    if match is None:
        raise name.error('P-<number>')
    box = item.child('bndbox')
    corners = {tag: box.child(tag).numbers(1)[0] for tag in _CORNERS}
    joints: Dict[str, List[float]] = {}
    for element in box:
        if element.tag in corners:
            continue
        part = element.tag.lower().replace('-', '_')
        if part not in HIEVE_KEYPOINT_NAMES or part in joints:
            raise ValueError(
                f'{element.where} is not expected: a box, and at most once '
                f'each of {list(HIEVE_KEYPOINT_NAMES)}')
        x, y, number = element.numbers(3)
        flag = int(number)
        if number not in (-1, 0, 1):
            raise element.error('x,y,flag with the flag 0, 1 or -1')
        joints[part] = [x, y, _VISIBILITY[flag]] if flag >= 0 else [0, 0, 0]
    keypoints: List[float] = []
    for part in HIEVE_KEYPOINT_NAMES:
        keypoints += joints.get(part, [0, 0, 0])
    return int(match.group(1)), [
        corners['xmin'], corners['ymin'], corners['xmax'] - corners['xmin'],
        corners['ymax'] - corners['ymin']
    ], keypoints, _action(item)


def _action(item: XmlRecord) -> Optional[str]:
    if not item.children('action'):
        return None
    return item.child('action').text or None


#: Suffixes of video files, in lower case.
VIDEO_SUFFIXES = ('.mp4', '.mov', '.avi', '.mkv')
JPEG_QUALITY = 95


def find_video(root: Path, split: str, name: str) -> Optional[Path]:
    """The video file ``videos/<split>/<name>.*``, None if there is none.

    Raises:
        ValueError: If there is more than one.
    """
    found = [path for path in video_files(root, split) if path.stem == name]
    if len(found) > 1:
        raise ValueError(f'{found[0]} and {found[1]} are the same video '
                         f'{name!r}, expected one file')
    return found[0] if found else None


def video_files(root: Path, split: str) -> List[Path]:
    """list[Path]: The video files of a split."""
    folder = root / 'videos' / split
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir()
                  if path.suffix.lower() in VIDEO_SUFFIXES)


def ensure_frames(root: Path, split: str, name: str) -> str:
    """Extract a video's frames unless they are there.

    Args:
        root (Path): The data root.
        split (str): The video's split.
        name (str): Its name.

    Returns:
        str: The folder of the frames, relative to the data root.

    Raises:
        FileNotFoundError: If there are neither frames nor a video.
        VideoReadError: If the video cannot be read to its end.
        ValueError: If there are frames, but not as many as the video has.
    """
    folder = f'images/{split}/{name}'
    target, video = root / folder, find_video(root, split, name)
    if target.is_dir():
        if video is not None:
            _check_number(root, folder, video)
        return folder
    if video is None:
        raise FileNotFoundError(
            f'there are neither frames in {target} nor a video '
            f'{root / "videos" / split / name}{"|".join(VIDEO_SUFFIXES)}')
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
            prefix=f'.{name}-', dir=target.parent) as temporary:
        frames = Path(temporary) / 'frames'
        frames.mkdir()
        for index, image in _open(video):
            done, encoded = cv2.imencode(
                '.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            if not done:
                raise RuntimeError(
                    f'{video}: frame {index} could not be encoded')
            (frames / f'{index:06d}.jpg').write_bytes(encoded.tobytes())
        shutil.move(str(frames), str(target))
    return folder


def _open(video: Path) -> Any:
    from mmpose_tdmi.video.decoding import open_frames
    return open_frames(video)


def _check_number(root: Path, folder: str, video: Path) -> None:
    found = len(list_frames(root, folder, []))
    reader = _open(video)
    if found == len(reader):
        return
    # not every packet of every video is shown: what counts is decoded
    expected = sum(1 for _ in reader)
    if found != expected:
        raise ValueError(
            f'{root / folder} has {found} frames, but {video} has {expected}: '
            'remove the folder to have them extracted anew')


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
        frames.append(
            (number, record.where,
             [_hieve_person(rect) for rect in record['annorect']], None))
    return frames


def _hieve_person(rect: Record) -> Dict[str, Any]:
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
