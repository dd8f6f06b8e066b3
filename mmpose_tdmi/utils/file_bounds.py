"""How large a file may be that is read whole.

Annotations, boxes and predictions come from outside, and json takes some ten
times its size in memory. Nesting is bounded by Python's own recursion limit,
which the readers turn into an error that names the file.

Shape shorthand: none.
"""
import os
from pathlib import Path
from typing import Union

#: Name of the environment variable that overrides the bound.
VARIABLE = 'MMPOSE_TDMI_MAX_JSON_BYTES'
#: The bound; PoseTrack21's annotations, merged, take about 200 MB.
MAX_JSON_BYTES = 2**30


def max_json_bytes() -> int:
    """The bound that holds.

    Returns:
        int: Bytes.

    Raises:
        ValueError: If the environment variable is no positive integer.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        return MAX_JSON_BYTES
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(f'{VARIABLE} must be a positive number of bytes, '
                         f'got {text!r}')
    return int(text)


def check_json_size(path: Union[str, Path], size: int = -1) -> None:
    """Refuse a file that is too large to be what it should be.

    Args:
        path (str | Path): The file.
        size (int): Its size, bytes. Defaults to -1: that of the local file.

    Raises:
        FileNotFoundError: If there is no such local file.
        ValueError: If it is too large.
    """
    if size < 0:
        size = os.stat(path).st_size
    bound = max_json_bytes()
    if size > bound:
        raise ValueError(f'{path}: has {size} bytes, expected at most {bound} '
                         f'({VARIABLE} sets another bound)')
