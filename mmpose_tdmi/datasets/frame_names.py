"""What the name of a frame's file tells: its video and its number.

Shape shorthand: none; paths only.
"""
import os.path as osp
import re
from typing import Tuple


def last_number(path: str) -> Tuple[str, int]:
    """Read a frame's number from its name, the last run of digits.

    Args:
        path (str): A frame's path.

    Returns:
        tuple[str, int]: The path with ``*`` for the number, which identifies
        the video, and the number.

    Raises:
        ValueError: If the name has no digits.
    """
    folder, name = osp.split(path)
    stem, suffix = osp.splitext(name)
    match = re.fullmatch(r'(.*?)([0-9]+)([^0-9]*)', stem)
    if match is None:
        raise ValueError('expected a frame number in the file name of '
                         f'{path!r}, such as 000012.jpg')
    head, number, tail = match.groups()
    return osp.join(folder, f'{head}*{tail}{suffix}'), int(number)


def bare_number(path: str) -> Tuple[str, int]:
    """Read a frame's number from its name, which must be nothing else.

    Args:
        path (str): A frame's path, ``<video's folder>/<number>.jpg``.

    Returns:
        tuple[str, int]: As of :func:`last_number`.

    Raises:
        ValueError: If the name is not a number.
    """
    stem = osp.splitext(osp.basename(path))[0]
    if not (stem.isascii() and stem.isdigit()):
        raise ValueError('expected a frame that is named by its number, such '
                         f'as 000012.jpg, got {path!r}')
    return last_number(path)
