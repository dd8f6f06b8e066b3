"""Reading numbers and records out of json, each flaw a named error.

Files are read by the thousand numbers, so that the usual, correct case costs
one pass in C; only if that fails is the culprit looked for.

Shape shorthand: n values of w numbers each.
"""
import json
import struct
import sys
from itertools import chain
from pathlib import Path
from typing import Any, Callable, List, Sequence, Tuple, Type, Union

import numpy as np

from mmpose_tdmi.utils.file_bounds import check_json_size


def read_json(path: Union[str, Path]) -> Any:
    """The content of a json file.

    Args:
        path (str | Path): The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not json, or too large.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'annotation file {path} does not exist')
    check_json_size(path)
    try:
        return json.loads(path.read_text(encoding='utf-8-sig'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: not a json file: {error}') from error


def field_column(records: Sequence[dict], key: str, types: Tuple[Type, ...],
                 describe: Callable[[int], str], *default: Any) -> List[Any]:
    """A field of every record.

    Args:
        records (Sequence[dict]): The records.
        key (str): The field's name.
        types (tuple[type]): What it may be, exactly: True is no int.
        describe (Callable[[int], str]): Names the file and a record.
        *default: Stands for the field where it is missing. Without, it must
            be there.

    Raises:
        ValueError: If it is missing or of another type.
    """
    values = [record.get(key, *default) for record in records]
    if set(map(type, values)) <= set(types):
        return values
    for index, value in enumerate(values):
        if type(value) not in types:
            if key not in records[index]:
                raise ValueError(f'{describe(index)} has no "{key}"')
            raise ValueError(f'{describe(index)}: "{key}" is '
                             f'{shorten(value)}, expected '
                             f'{" or ".join(t.__name__ for t in types)}')
    return values


def get_records(content: Any, key: str, where: str) -> List[dict]:
    """A list of records in a json object.

    Args:
        content: The object.
        key (str): The name of the list.
        where (str): The file, for the error.

    Raises:
        ValueError: If it is missing or not a list of objects.
    """
    if not isinstance(content, dict) or key not in content:
        found = list(content)[:5] if isinstance(content,
                                                dict) else shorten(content)
        raise ValueError(f'{where}: has no "{key}", found {found}')
    records = content[key]
    if not isinstance(records, list):
        raise ValueError(f'{where}: "{key}" is {shorten(records)}, expected '
                         'a list of objects')
    if not all(isinstance(record, dict) for record in records):
        index = [isinstance(record, dict) for record in records].index(False)
        raise ValueError(f'{where}: {key}[{index}] is '
                         f'{shorten(records[index])}, expected an object')
    return records


def number_table(values: Sequence[Any], width: int,
                 describe: Callable[[int], str], key: str) -> np.ndarray:
    """Rows of numbers as one array.

    Args:
        values (Sequence): n rows, each meant to be a list of w numbers.
        width (int): w.
        describe (Callable[[int], str]): Names the file and record of a row.
        key (str): The field that the rows come from.

    Returns:
        np.ndarray: (n, w) float64.

    Raises:
        ValueError: If a row is anything but w finite numbers.
    """
    try:
        fits = set(map(len, values)) <= {width}
        # stricter than numpy, which takes strings for numbers, and faster
        packed = struct.pack(f'{len(values) * width}d',
                             *chain.from_iterable(values)) if fits else b''
    except (TypeError, OverflowError, struct.error):
        fits = False
    if fits:
        table = np.frombuffer(packed).reshape(len(values), width).copy()
        if np.isfinite(table).all():
            return table
    for index, value in enumerate(values):
        if not _is_row(value, width):
            raise ValueError(f'{describe(index)}: "{key}" is '
                             f'{shorten(value)}, expected a list of {width} '
                             f'finite number{"s" if width != 1 else ""}')
    raise AssertionError(f'"{key}": no row is wrong, but the table is')


def shorten(value: Any, length: int = 60) -> str:
    """str: ``repr(value)``, cut to ``length`` characters."""
    text = repr(value)
    return text if len(text) <= length else f'{text[:length - 3]}...'


def _is_row(value: Any, width: int) -> bool:
    return isinstance(value, list) and len(value) == width and all(
        isinstance(number, (int, float)) and abs(number) <= sys.float_info.max
        for number in value)
