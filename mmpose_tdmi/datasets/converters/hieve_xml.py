"""Reading HiEve's XML labels, one file per frame.

A person is an ``object`` called ``P-<track>``; its ``bndbox`` holds the
person's box and one element per body part, ``x,y,flag``: flag 0 is visible, 1
hidden, -1 not annotated. ``action``, which only this form has, is what the
person does.

Shape shorthand: V = 14 keypoints.
"""
import re
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .layouts import HIEVE_KEYPOINT_NAMES
from .reading_xml import XmlRecord, read_xml

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
