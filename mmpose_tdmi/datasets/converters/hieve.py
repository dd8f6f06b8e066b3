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
import dataclasses
import re
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple
from xml.etree import ElementTree

import cv2
from defusedxml import DTDForbidden
from defusedxml.ElementTree import DefusedXMLParser

from ..coco_json import (MAX_COORDINATE, AnnolistFile, PathLike,
                         collect_annolist, mistake, read_json)
from .common import (HIEVE_KEYPOINT_NAMES, HIEVE_SKELETON, Conversion,
                     ConvertedVideo, DatasetFormat, VideoSource, convert_split,
                     count_joints, frame_number, image_size, inner_path,
                     list_frames, person_category)
from .posetrack import person_fields, visible_joints

#: Bounds of an XML file: more than any annotation of a frame has.
MAX_BYTES = 16 * 2**20
MAX_DEPTH = 32
_NUMBER = re.compile(r'\s*[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*')
_TOP = ('folder', 'filename', 'path', 'source', 'size', 'segmented', 'object')
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
_TRACK = re.compile(r'P-?([0-9]{1,9})')

#: Suffixes of video files, in lower case.
VIDEO_SUFFIXES = ('.mp4', '.mov', '.avi', '.mkv')
JPEG_QUALITY = 95
#: Folders of the two forms of labels, below ``labels/<split>``.
LABEL_FOLDERS = dict(json='track2&3', xml='all-track')
#: Room in the ids for a video's frames and a frame's persons.
MAX_FRAMES, MAX_PERSONS = 10**6, 10**3


class LabelledFrame(NamedTuple):
    """A frame's labels: its number, what names it in messages, its persons
    and, where told, the image's width and height."""
    number: int
    where: str
    persons: List[Dict[str, Any]]
    size: Optional[Tuple[float, float]] = None


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
        counts: Dict[str, int] = {}
        for child in self.element:
            index = counts.setdefault(child.tag, 0)
            counts[child.tag] += 1
            yield child.tag, XmlRecord(child,
                                       f'{self.where}/{child.tag}[{index}]')

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
    parser = DefusedXMLParser(target=_BoundedBuilder(), forbid_dtd=True)
    try:
        parser.feed(data)
        element = parser.close()
    except DTDForbidden as error:
        raise ValueError(f'{path}: not readable XML: a document type '
                         'definition is not allowed') from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise ValueError(f'{path}: not readable XML: {error}') from error
    if element.tag != root:
        raise ValueError(
            f'{path}: the root element is <{element.tag}>, expected <{root}>')
    return XmlRecord(element, f'{path}: {root}')


class _BoundedBuilder(ElementTree.TreeBuilder):
    """Builds the tree, and stops where a file is nested without end."""
    depth = 0

    def start(self, tag: str, attributes: Dict[str, str]) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ValueError(f'nested more than {MAX_DEPTH} deep')
        return super().start(tag, attributes)

    def end(self, tag: str) -> Any:
        self.depth -= 1
        return super().end(tag)


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
    return LabelledFrame(int(path.stem), str(path), persons, (width, height))


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
    keypoints: List[float] = []
    for part in HIEVE_KEYPOINT_NAMES:
        keypoints += joints.get(part, [0, 0, 0])
    box_ = [x1, y1, x2 - x1, y2 - y1]
    person = _person(int(match.group(1)), box_, keypoints)
    if any(tag == 'action' and child.text for tag, child in item.children()):
        person['action'] = item.child('action').text
    return person


def _person(track_id: int, box: List[float],
            keypoints: List[float]) -> Dict[str, Any]:
    return dict(
        track_id=track_id,
        bbox=box,
        area=box[2] * box[3],
        keypoints=keypoints,
        num_keypoints=count_joints(keypoints),
        iscrowd=0)


def _read_xml_labels(folder: Path) -> List[LabelledFrame]:
    numbers: Dict[int, Path] = {}
    for path in sorted(folder.glob('*.xml')):
        if not (path.stem.isascii() and path.stem.isdigit()):
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
    found = collect_annolist(
        listed, str(path), len(HIEVE_KEYPOINT_NAMES), strict=True)
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
    for rect, place, index, joints in zip(found.rects, found.places,
                                          found.frame_index, found.joints):
        track_id, box = person_fields(rect, f'{path}: {place}')
        frames[index].persons.append(
            _person(track_id, box,
                    visible_joints(joints).ravel().tolist()))
    return frames


def video_files(root: Path, split: str) -> List[Path]:
    folder = root / 'videos' / split
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir()
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
            video = open_video(videos[0], on_corrupt='raise')
            expected = sum(1 for _ in video)
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
            done, encoded = cv2.imencode(
                '.jpg', frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            if not done:
                raise RuntimeError(
                    f'{videos[0]}: frame {index} could not be encoded')
            (frames / f'{index:06d}.jpg').write_bytes(encoded.tobytes())
        if not any(frames.iterdir()):
            raise ValueError(f'{videos[0]} has no frames')
        shutil.move(str(frames), str(target))
    return folder


def read_hieve_video(source: VideoSource) -> ConvertedVideo:
    """Read one video, extracting its frames if they are not there.

    Its ``annotation`` is a json file, a folder of XML files or None.
    """
    labelled: List[LabelledFrame] = []
    if source.annotation is not None:
        is_xml = source.annotation.is_dir()
        read = _read_xml_labels if is_xml else _read_json_labels
        labelled = read(source.annotation)
    folder = ensure_frames(source.root, source.split, source.name)
    frames = list_frames(source.root, folder, [])
    if not frames:
        raise FileNotFoundError(f'there are no frames in '
                                f'{source.root / folder}')
    if max(frames) >= MAX_FRAMES:
        raise ValueError(f'{source.root / folder}: the frame number '
                         f'{max(frames)} is beyond {MAX_FRAMES - 1}')
    if source.annotation is None:
        labelled = [LabelledFrame(n, source.name, []) for n in frames]
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    for number, where, persons, size in labelled:
        if number not in frames:
            raise FileNotFoundError(
                f'{where}: there is no frame {number} in '
                f'{source.root / folder}, whose frames are {min(frames)} to '
                f'{max(frames)}')
        if len(persons) > MAX_PERSONS:
            raise ValueError(f'{where} has {len(persons)} persons, the ids '
                             f'hold at most {MAX_PERSONS}')
        width, height = image_size(source.root / frames[number], where)
        if size not in (None, (width, height)):
            raise ValueError(
                f'{where} is of an image of size {size}, expected '
                f'{(width, height)} as {frames[number]} has')
        image_id = source.number * MAX_FRAMES + number
        images.append(
            dict(
                id=image_id,
                file_name=frames[number],
                vid_id=source.name,
                frame_id=number,
                nframes=len(frames),
                width=width,
                height=height,
                is_labeled=source.annotation is not None,
                ignore_regions_x=[],
                ignore_regions_y=[]))
        for index, person in enumerate(persons):
            id_ = image_id * MAX_PERSONS + index
            own = dict(id=id_, image_id=image_id, category_id=1)
            annotations.append({**own, **person})
    return ConvertedVideo(source.name, source.name, frames, images,
                          annotations)


def _find_videos(root: Path,
                 split: str,
                 labels: Optional[str] = None) -> List[VideoSource]:
    """The labelled videos of the training split, all of the test split."""
    annotations: Dict[str, Optional[Path]] = {}
    if split == 'train':
        forms = list(LABEL_FOLDERS) if labels is None else [labels]
        folders = [root / 'labels/train' / LABEL_FOLDERS[f] for f in forms]
        where = next(filter(Path.is_dir, folders), None)
        if where is None:
            raise FileNotFoundError('there is no folder of labels, expected '
                                    f'{" or ".join(map(str, folders))}')
        annotations = {path.stem: path for path in where.glob('*.json')}
        if where.name == LABEL_FOLDERS['xml']:
            annotations = {p.name: p for p in where.iterdir() if p.is_dir()}
    else:
        frames, where = root / 'images' / split, root / 'videos' / split
        names = [path.stem for path in video_files(root, split)]
        if frames.is_dir():
            found = (path.name for path in frames.iterdir() if path.is_dir())
            names += [name for name in found if not name.startswith('.')]
        annotations = dict.fromkeys(names)
    for name in annotations:
        if not (name.isascii() and name.isdigit() and len(name) <= 4):
            raise ValueError(f'{where}: {name!r} is no video of HiEve, they '
                             'are called by a number')
    if not annotations:
        raise FileNotFoundError(f'there are no videos of the split {split!r} '
                                f'in {where}')
    return [
        VideoSource(root, split, n, annotations[n], int(n))
        for n in sorted(annotations, key=int)
    ]


HIEVE = DatasetFormat('hieve', ('train', 'test'),
                      person_category(HIEVE_KEYPOINT_NAMES, HIEVE_SKELETON),
                      'labels/{split}', _find_videos, read_hieve_video)


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
    form = dataclasses.replace(
        HIEVE, find_videos=partial(_find_videos, labels=labels))
    return convert_split(form, data_root, split, out, workers, progress)
