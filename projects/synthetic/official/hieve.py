"""Generated videos as HiEve's official folder.

Videos ``1``, ``2`` ... (test: ``20``, ``21`` ...) as mp4; the labels of the
training videos as ``annolist`` json, as one XML per frame, or both. All
frames of a training video are labelled, those of the test videos are not.

Of the 14 joints the chest is the base of the neck; it counts as hidden where
both shoulders are.

Shape shorthand: none.
"""
import dataclasses
from pathlib import Path
from typing import Any, Dict, List, Tuple
from xml.etree import ElementTree

from mmpose_tdmi.datasets.converters.common import (HIEVE_KEYPOINT_NAMES,
                                                    KEYPOINT_NAMES)
from mmpose_tdmi.utils.files import atomic_path, write_json
from mmpose_tdmi.utils.video import VideoWriter
from ..settings import FRAME_RATE
from ..skeleton import JOINT_INDEX
from .drawing import DrawnFrame, VideoTask, draw

LABELS = ('json', 'xml', 'both')
FIRST_VIDEO = dict(train=1, test=20)
_QUALITY = 16  # x264's crf
#: With what is turned off here, x264's files differ from run to run on
#: processors with AVX-512.
_REPRODUCIBLE = {'x264-params': 'mbtree=0:weightp=0'}

#: x, y and HiEve's flag: 0 visible, 1 hidden, -1 not annotated.
_Joint = Tuple[float, float, int]


def label_path(task: VideoTask) -> Path:
    """Path: The file of a video that is written last."""
    name = video_name(task)
    if task.split == 'test':
        return task.root / f'videos/test/{name}.mp4'
    if task.option == 'xml':
        last = task.settings.frames - 1
        return task.root / f'labels/train/all-track/{name}/{last:06d}.xml'
    return task.root / f'labels/train/track2&3/{name}.json'


def video_name(task: VideoTask) -> str:
    """str: A video's name, its number."""
    return str(FIRST_VIDEO[task.split] + task.number)


def write_video(task: VideoTask) -> Path:
    """Write one video and its labels.

    Args:
        task (VideoTask): The video; ``option`` is one of :data:`LABELS`.

    Returns:
        Path: What was written last.
    """
    name = video_name(task)
    settings = dataclasses.replace(
        task.settings, label_margin=0, label_every=1)
    frames = []
    with VideoWriter(task.root / f'videos/{task.split}/{name}.mp4', FRAME_RATE,
                     _QUALITY, _REPRODUCIBLE) as video:
        for drawn in draw(dataclasses.replace(task, settings=settings)):
            video.write(drawn.image)
            frames.append((drawn.image.shape, [(person, _joints(drawn, person))
                                               for person in drawn.persons]))
    if task.split == 'train':
        if task.option != 'json':
            _write_xml(task.root / f'labels/train/all-track/{name}', frames)
        if task.option != 'xml':
            write_json(
                task.root / f'labels/train/track2&3/{name}.json',
                dict(annolist=[
                    _annolist_frame(index, persons)
                    for index, (_, persons) in enumerate(frames)
                ]))
    return label_path(task)


def _joints(drawn: DrawnFrame, person: Dict[str, Any]) -> List[_Joint]:
    """The person's 14 joints."""
    joints = []
    for name in HIEVE_KEYPOINT_NAMES:
        if name == 'chest':
            joints.append(_chest(drawn, person))
            continue
        place = KEYPOINT_NAMES.index(name)
        x, y, v = person['keypoints'][3 * place:3 * place + 3]
        joints.append((x, y, person['occluded'][place] if v else -1))
    return joints


def _chest(drawn: DrawnFrame, person: Dict[str, Any]) -> _Joint:
    track = drawn.frame.tracks[person['track_id']]
    x, y = track.pixels[drawn.frame.index, JOINT_INDEX['neck_base']].tolist()
    height, width = drawn.image.shape[:2]
    if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
        return 0, 0, -1
    hidden = all(person['occluded'][KEYPOINT_NAMES.index(f'{side}_shoulder')]
                 for side in ('left', 'right'))
    return round(x, 3), round(y, 3), int(hidden)


def _corners(person: Dict[str, Any]) -> List[float]:
    x, y, width, height = person['bbox']
    return [x, y, round(x + width, 3), round(y + height, 3)]


def _annolist_frame(index: int, persons: List[tuple]) -> Dict[str, Any]:
    rects = []
    for person, joints in persons:
        rect = {
            field: [value]
            for field, value in zip(('x1', 'y1', 'x2', 'y2'), _corners(person))
        }
        rect.update(
            score=[1],
            track_id=[person['track_id']],
            annopoints=[
                dict(point=[
                    dict(id=[number], x=[x], y=[y], score=[1])
                    for number, (x, y, flag) in enumerate(joints) if flag >= 0
                ])
            ])
        rects.append(rect)
    return dict(
        image=[dict(name=f'{index:06d}.jpg')],
        ignore_regions=[],
        annorect=rects)


def _write_xml(folder: Path, frames: List[tuple]) -> None:
    for index, (shape, persons) in enumerate(frames):
        root = ElementTree.Element('annotation')
        _add(root, 'folder', folder.name)
        _add(root, 'filename', f'{index}.jpg')
        _add(_add(root, 'source'), 'database', 'Unknown')
        size = _add(root, 'size')
        for tag, value in zip(('height', 'width', 'depth'), shape):
            _add(size, tag, value)
        _add(root, 'segmented', 0)
        for person, joints in persons:
            item = _add(root, 'object')
            for tag, value in (('name', f'P-{person["track_id"]}'),
                               ('action', 'walking-alone'),
                               ('pose', 'unspecified'), ('truncated',
                                                         0), ('difficult', 0)):
                _add(item, tag, value)
            box = _add(item, 'bndbox')
            for tag, value in zip(('xmin', 'ymin', 'xmax', 'ymax'),
                                  _corners(person)):
                _add(box, tag, round(value))
            for name, (x, y, flag) in zip(HIEVE_KEYPOINT_NAMES, joints):
                _add(box,
                     name.replace('_', '-').capitalize(),
                     f'{round(x)},{round(y)},{flag}')
        ElementTree.indent(root)
        with atomic_path(folder / f'{index:06d}.xml') as temporary:
            ElementTree.ElementTree(root).write(temporary)


def _add(parent: ElementTree.Element,
         tag: str,
         value: Any = None) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag)
    if value is not None:
        child.text = str(value)
    return child
