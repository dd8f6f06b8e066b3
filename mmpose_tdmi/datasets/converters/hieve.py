"""HiEve: its annotation formats and their converter.

"HiEve: A Large-Scale Benchmark for Human-Centric Video Analysis in Complex
Events": videos ``1`` to ``32``, V = 14 joints. The training videos' labels
come in two forms: one ``annolist`` json per video
(``labels/train/track2&3/<video>.json``), whose ``x1`` ... ``y2`` is the
*person's* box, and one XML per frame
(``labels/train/all-track/<video>/<frame>.xml``), which also tells which
joints are hidden. There a person is an ``object`` called ``P-<track>``; its
``bndbox`` holds the person's box and one element per body part, ``x,y,flag``:
flag 0 is visible, 1 hidden, -1 not annotated. ``action``, which only this form
has, is what the person does. The test videos' labels are not public: their
frames are listed as unlabelled.

The official release has video files; labels and predictions go by frame
numbers. Frames are extracted to ``images/<split>/<video>/%06d.jpg``, counted
from 0, a whole video or nothing.
"""
import re
import tempfile
from collections import Counter
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple
from xml.etree import ElementTree

import cv2
from defusedxml import DTDForbidden
from defusedxml.ElementTree import fromstring
from mmcv import imwrite

from ..coco_json import (MAX_COORDINATE, AnnolistFile, PathLike, mistake,
                         read_json)
from .common import (HIEVE_KEYPOINT_NAMES, HIEVE_SKELETON, Conversion,
                     ConvertedVideo, DatasetFormat, LabelledFrame, VideoSource,
                     convert_split, frame_number, inner_path, list_frames,
                     number_records, person_category, pose_record)
from .posetrack import annolist_persons

#: Bounds of an XML file: more than any annotation of a frame has.
MAX_BYTES = 16 * 2**20
MAX_DEPTH = 32
_NUMBER = re.compile(r'\s*[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*')
_TOP = ('folder', 'filename', 'path', 'source', 'size', 'segmented', 'object')
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
_TRACK = re.compile(r'P-?([0-9]{1,9})')

#: Suffixes of video files, in lower case.
VIDEO_SUFFIXES = ('.mp4', '.mov', '.avi', '.mkv')
#: Folders of the two forms of labels, below ``labels/<split>``.
LABEL_FOLDERS = dict(json='track2&3', xml='all-track')


class XmlRecord(NamedTuple):
    """An element of an XML file and what names it in messages, such as
    ``000001.xml: annotation/object[2]``."""
    element: ElementTree.Element
    where: str

    @property
    def text(self) -> str:
        return (self.element.text or '').strip()

    def error(self, expected: str) -> ValueError:
        return mistake(self.where, self.text, expected)

    def children(self) -> Iterator[Tuple[str, 'XmlRecord']]:
        """The children in order, each with its name."""
        counts: Counter = Counter()
        for child in self.element:
            where = f'{self.where}/{child.tag}[{counts[child.tag]}]'
            counts[child.tag] += 1
            yield child.tag, XmlRecord(child, where)

    def child(self, tag: str) -> 'XmlRecord':
        found = [child for name, child in self.children() if name == tag]
        if len(found) != 1:
            raise ValueError(f'{self.where} has {len(found)} elements '
                             f'<{tag}>, expected one')
        return found[0]

    def numbers(self, length: int) -> List[float]:
        """Finite numbers separated by commas."""
        parts = self.text.split(',')
        if len(parts) == length and all(
                len(part) <= 40 and _NUMBER.fullmatch(part)
                and abs(float(part)) <= MAX_COORDINATE for part in parts):
            values = map(float, parts)
            return [int(v) if v.is_integer() else v for v in values]
        raise self.error(f'{length} number(s) within +-{MAX_COORDINATE:g}, '
                         'separated by commas')


def read_xml(path: PathLike, root: str) -> XmlRecord:
    """Read an XML file whose root element must have a name; a ValueError at
    any other, at one too large or too deep, or with a type definition."""
    data = Path(path).read_bytes()
    if len(data) > MAX_BYTES:
        raise ValueError(f'{path}: has {len(data)} bytes, expected at most '
                         f'{MAX_BYTES}')
    try:
        element = fromstring(data, forbid_dtd=True)
        level = [element]
        for _ in range(MAX_DEPTH):
            level = [child for parent in level for child in parent]
        if level:
            raise ValueError(f'nested more than {MAX_DEPTH} deep')
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        what: Any = error
        if isinstance(error, DTDForbidden):
            what = 'a document type definition is not allowed'
        raise ValueError(f'{path}: not readable XML: {what}') from error
    if element.tag != root:
        raise ValueError(
            f'{path}: the root element is <{element.tag}>, expected <{root}>')
    return XmlRecord(element, f'{path}: {root}')


def read_frame_xml(path: Path) -> LabelledFrame:
    """Read the labels of a frame; a ValueError names any mistake."""
    root = read_xml(path, 'annotation')
    for tag, element in root.children():
        if tag not in _TOP:
            raise ValueError(
                f'{element.where} is not expected: {", ".join(_TOP)}')
    size = root.child('size')
    width, height = (
        size.child(tag).numbers(1)[0] for tag in ('width', 'height'))
    persons = [_xml_person(e) for tag, e in root.children() if tag == 'object']
    return LabelledFrame(
        int(path.stem), str(path), persons, size=(width, height))


def _xml_person(item: XmlRecord) -> Dict[str, Any]:
    name = item.child('name')
    match = _TRACK.fullmatch(name.text)
    if match is None:
        raise name.error('P-<number>')
    box = item.child('bndbox')
    x1, y1, x2, y2 = (box.child(tag).numbers(1)[0] for tag in _CORNERS)
    joints: Dict[str, List[float]] = {}
    for tag, element in box.children():
        if tag in _CORNERS:
            continue
        part = tag.lower().replace('-', '_')
        if part not in HIEVE_KEYPOINT_NAMES or part in joints:
            raise ValueError(
                f'{element.where} is not expected: a box, and at most once '
                f'each of {list(HIEVE_KEYPOINT_NAMES)}')
        x, y, flag = element.numbers(3)
        if flag not in (-1, 0, 1):
            raise element.error('x,y,flag with the flag 0, 1 or -1')
        joints[part] = [x, y, 2 - flag] if flag >= 0 else [0, 0, 0]
    parts = (joints.get(part, [0, 0, 0]) for part in HIEVE_KEYPOINT_NAMES)
    person = dict(
        pose_record(list(chain(*parts)), [x1, y1, x2 - x1, y2 - y1]),
        track_id=int(match.group(1)))
    if any(tag == 'action' and child.text for tag, child in item.children()):
        person['action'] = item.child('action').text
    return person


def _read_xml_labels(folder: Path) -> List[LabelledFrame]:
    numbers: Dict[int, Path] = {}
    for path in sorted(folder.glob('*.xml')):
        if not re.fullmatch('[0-9]+', path.stem):
            raise ValueError(f'{path} is not named by a frame number such as '
                             '000000.xml')
        if numbers.setdefault(int(path.stem), path) != path:
            raise ValueError(f'{numbers[int(path.stem)]} and {path} are the '
                             'same frame')
    if not numbers:
        raise FileNotFoundError(f'there are no XML files in {folder}')
    return [read_frame_xml(path) for path in numbers.values()]


def _read_json_labels(path: Path) -> List[LabelledFrame]:
    listed = read_json(path, AnnolistFile, strict=True).annolist
    frames: List[LabelledFrame] = []
    numbers: Dict[int, str] = {}
    for index, frame in enumerate(listed):
        place = f'{path}: annolist[{index}]'
        name = inner_path(frame.image[0].name, f'{place}.image[0].name')
        number = frame_number(name, f'{place}.image[0].name')
        if number in numbers:
            raise ValueError(f'{place}.image[0].name is frame {number}, which '
                             f'{numbers[number]} is already')
        numbers[number] = f'annolist[{index}].image[0].name'
        frames.append(LabelledFrame(number, place, []))
    for index, track_id, box, joints in annolist_persons(
            listed, str(path), len(HIEVE_KEYPOINT_NAMES)):
        frames[index].persons.append(
            dict(pose_record(joints.ravel().tolist(), box), track_id=track_id))
    return frames


def video_files(root: Path, split: str) -> List[Path]:
    return sorted(
        path for path in (root / 'videos' / split).glob('*')
        if path.suffix.lower() in VIDEO_SUFFIXES)


def ensure_frames(root: Path, split: str, name: str) -> str:
    """Extract a video's frames unless they are there, to the folder given.

    The video must be read to its end; frames that are there must be as many.
    """
    # video needs datasets, whose frames it numbers alike
    from mmpose_tdmi.video.decoding import open_video
    folder = f'images/{split}/{name}'
    target = root / folder
    videos = [path for path in video_files(root, split) if path.stem == name]
    if len(videos) > 1:
        raise ValueError(f'{videos[0]} and {videos[1]} are the same video '
                         f'{name!r}, expected one file')
    if target.is_dir():
        found = len(list_frames(root, folder, []))
        if videos and found != open_video(videos[0]).num_frames:
            # not every packet of a video is shown: what counts is decoded
            expected = sum(1
                           for _ in open_video(videos[0], on_corrupt='raise'))
            if found != expected:
                raise ValueError(
                    f'{target} has {found} frames, but {videos[0]} has '
                    f'{expected}: remove the folder to have them extracted '
                    'anew')
        return folder
    if not videos:
        raise FileNotFoundError(
            f'there are neither frames in {target} nor a video '
            f'{root / "videos" / split / name}{"|".join(VIDEO_SUFFIXES)}')
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
            prefix=f'.{name}-', dir=target.parent) as temporary:
        frames = Path(temporary) / 'frames'
        frames.mkdir()
        for index, frame in enumerate(
                open_video(videos[0], on_corrupt='raise')):
            path = str(frames / f'{index:06d}.jpg')
            if not imwrite(frame.image, path, [cv2.IMWRITE_JPEG_QUALITY, 95]):
                raise RuntimeError(
                    f'{videos[0]}: frame {index} could not be encoded')
        if not any(frames.iterdir()):
            raise ValueError(f'{videos[0]} has no frames')
        frames.rename(target)
    return folder


def read_hieve_video(source: VideoSource) -> ConvertedVideo:
    """Read one video, extracting its frames if they are not there.

    Its ``annotation`` is a json file, a folder of XML files or None.
    """
    labelled: List[LabelledFrame] = []
    labels = source.annotation
    if labels is not None:
        read = _read_xml_labels if labels.is_dir() else _read_json_labels
        labelled = read(labels)
    folder = ensure_frames(source.root, source.split, source.name)
    frames = list_frames(source.root, folder, [])
    if not frames:
        raise FileNotFoundError(f'there are no frames in '
                                f'{source.root / folder}')
    if labels is None:
        labelled = [
            LabelledFrame(number, source.name, [], dict(is_labeled=False))
            for number in frames
        ]
    return number_records(source, frames, labelled, 10**6, 10**3)


def _find_videos(root: Path,
                 split: str,
                 folder: Path,
                 labels: Optional[str] = None) -> List[VideoSource]:
    """The labelled videos of the training split, all of the test split."""
    annotations: Dict[str, Optional[Path]] = {}
    if split == 'train':
        forms = list(LABEL_FOLDERS) if labels is None else [labels]
        folders = [folder / LABEL_FOLDERS[form] for form in forms]
        where = next(filter(Path.is_dir, folders), None)
        if where is None:
            raise FileNotFoundError('there is no folder of labels, expected '
                                    f'{" or ".join(map(str, folders))}')
        annotations = {path.stem: path for path in where.glob('*.json')}
        if where.name == LABEL_FOLDERS['xml']:
            annotations = {p.name: p for p in where.iterdir() if p.is_dir()}
    else:
        where = root / 'videos' / split
        names = [path.stem for path in video_files(root, split)]
        # hidden folders are unfinished
        names += [
            path.name for path in (root / 'images' / split).glob('[!.]*')
            if path.is_dir()
        ]
        annotations = dict.fromkeys(names)
    for name in annotations:
        if not re.fullmatch('[0-9]{1,4}', name):
            raise ValueError(f'{where}: {name!r} is no video of HiEve, they '
                             'are called by a number')
    if not annotations:
        raise FileNotFoundError(f'there are no videos of the split {split!r} '
                                f'in {where}')
    return [
        VideoSource(root, split, n, annotations[n], int(n))
        for n in sorted(annotations, key=int)
    ]


HIEVE = DatasetFormat('hieve', ('train', 'test'), 'labels/{split}',
                      _find_videos, read_hieve_video,
                      person_category(HIEVE_KEYPOINT_NAMES, HIEVE_SKELETON))


def convert_hieve(data_root: PathLike,
                  split: str = 'train',
                  out: Optional[PathLike] = None,
                  workers: int = 1,
                  progress: bool = False,
                  labels: Optional[str] = None) -> Conversion:
    """Convert a split of HiEve's official folder, 'train' or 'test'.

    The folder holds ``videos/<split>/<n>.mp4``, ``labels/train/track2&3`` or
    ``labels/train/all-track``, and gets ``images/<split>/<n>/%06d.jpg``.
    Result, errors and further arguments are those of
    :func:`.convert_posetrack18`.

    Args:
        labels: Their form, 'json' or 'xml'; by default json if there, else
            XML.
    """
    if labels is not None and labels not in LABEL_FOLDERS:
        raise ValueError(f'labels is {labels!r}, expected '
                         f'{" or ".join(map(repr, LABEL_FOLDERS))}')
    form = HIEVE._replace(find_videos=partial(_find_videos, labels=labels))
    return convert_split(form, data_root, split, out, workers, progress)
