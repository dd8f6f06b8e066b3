"""Reading json files whose every mistake is named.

A :class:`Record` is a value of a file together with its place in it, such as
``images[3].file_name``. Asking it for a kind of value (``integer()``,
``numbers(4)`` ...) gives that value or raises a ValueError that names the
file, the place, the value found and what was expected. Files come from
outside: numbers that are not finite, keys given twice and nesting without end
are mistakes like any other.

Shape shorthand: none.
"""
import gc
import json
import math
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from mmpose_tdmi.utils.file_bounds import check_json_size

#: Coordinates beyond this are no pixels, and their products may overflow.
MAX_COORDINATE = 1e6
#: Ids beyond this are not exact in every reader of json.
MAX_ID = 2**53

PathLike = Union[str, Path]


class Record:
    """A value of a json file and its place there.

    Args:
        value: The value, as json gives it.
        file (str): The file, for messages.
        place (str): Where in the file. Defaults to '', the whole content.
    """
    __slots__ = ('value', 'file', 'place')

    def __init__(self, value: Any, file: str, place: str = '') -> None:
        self.value = value
        self.file = file
        self.place = place

    @property
    def where(self) -> str:
        """str: File and place."""
        return f'{self.file}: {self.place}' if self.place else self.file

    def error(self, expected: str) -> ValueError:
        """The error to raise when the value is not what was expected."""
        return ValueError(
            f'{self.where} is {shown(self.value)}, expected {expected}')

    # Structure

    def object(self) -> Dict[str, Any]:
        """dict: The value, an object."""
        if not isinstance(self.value, dict):
            raise self.error('an object')
        return self.value

    def list(self) -> List[Any]:
        """list: The value, a list."""
        if not isinstance(self.value, list):
            raise self.error('a list')
        return self.value

    def __getitem__(self, field: str) -> 'Record':
        """The value of a field that an object must have."""
        found = self.get(field)
        if found is None:
            place = f'{self.place}.{field}' if self.place else field
            raise ValueError(f'{self.file}: {place} is missing')
        return found

    def get(self, field: str) -> Optional['Record']:
        """The value of a field, None if the object does not have it."""
        values = self.object()
        if field not in values:
            return None
        place = f'{self.place}.{field}' if self.place else field
        return Record(values[field], self.file, place)

    def __iter__(self) -> Iterator['Record']:
        """The elements of a list."""
        for index, value in enumerate(self.list()):
            yield Record(value, self.file, f'{self.place}[{index}]')

    def single(self) -> 'Record':
        """The element of a list of one, as MATLAB's scalars are written."""
        if not isinstance(self.value, list) or len(self.value) != 1:
            raise self.error('a list of one element')
        return Record(self.value[0], self.file, f'{self.place}[0]')

    # Values

    def string(self) -> str:
        """str: A text, not empty, that can be encoded."""
        if not isinstance(self.value, str) or not self.value:
            raise self.error('a text')
        try:
            self.value.encode('utf-8')
        except UnicodeEncodeError:
            raise self.error('a text without lone surrogates') from None
        return self.value

    def path(self) -> str:
        """str: A path inside the data root, with forward slashes."""
        text = self.string()
        path = PurePosixPath(text)
        if (path.is_absolute() or '..' in path.parts or '\0' in text
                or '\\' in text or len(text) > 1000
                or any(len(part.encode()) > 255 for part in path.parts)):
            raise self.error('a path inside the data root, with "/"')
        return str(path)

    def boolean(self) -> bool:
        """bool: True or false, no number."""
        if not isinstance(self.value, bool):
            raise self.error('true or false')
        return self.value

    def flag(self) -> bool:
        """bool: True, false, 1 or 0."""
        if self.value not in (0, 1):
            raise self.error('0 or 1')
        return bool(self.value)

    def integer(self, low: int = 1 - MAX_ID, high: int = MAX_ID) -> int:
        """int: A whole number, ``low`` <= number < ``high``."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if (not isinstance(value, int) or isinstance(value, bool)
                or not low <= value < high):
            bounds = '' if (low, high) == (1 - MAX_ID,
                                           MAX_ID) else f' in [{low}, {high})'
            raise self.error(f'an integer{bounds}')
        return value

    def number(self) -> float:
        """float: A finite number that can be a pixel coordinate."""
        if not is_coordinate(self.value):
            raise self.error(f'a number within +-{MAX_COORDINATE:g}')
        return self.value

    def numbers(self, length: Optional[int] = None) -> List[float]:
        """list[float]: Finite numbers, ``length`` of them if given."""
        values = self.list()
        if length is not None and len(values) != length:
            raise ValueError(f'{self.where} has {len(values)} numbers, '
                             f'expected {length}')
        if not all(map(is_coordinate, values)):
            for element in self:
                element.number()
        return values


def shown(value: Any) -> str:
    """str: A value as it is shown in a message, never long."""
    if isinstance(value, (dict, list)):
        kind = 'object' if isinstance(value, dict) else 'list'
        if not value:
            return f'an empty {kind}'
        return f'{"an" if kind == "object" else "a"} {kind} of {len(value)}'
    # a number of thousands of digits cannot be printed at all
    if isinstance(value, int) and abs(value) >= 10**30:
        return f'a number of {value.bit_length()} bits'
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + '...'


def is_coordinate(value: Any) -> bool:
    """bool: Whether a value is a number that can be a coordinate."""
    kind = type(value)  # not isinstance: a bool is no number
    if kind is float:
        return math.isfinite(value) and abs(value) <= MAX_COORDINATE
    return kind is int and abs(value) <= MAX_COORDINATE


def read_json(path: PathLike) -> Record:
    """Read a json file.

    Args:
        path (str | Path): The file, UTF-8.

    Returns:
        Record: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is too large, or not json by the letter: also on NaN
            and infinity, on a key that an object has twice (one value would
            get lost), and on nesting too deep to read.
    """
    check_json_size(path)
    data = Path(path).read_bytes()
    try:
        with _no_collection():
            content = json.loads(
                data.decode('utf-8'),
                object_pairs_hook=_unique_keys,
                parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        what = ('nested too deeply'
                if isinstance(error, RecursionError) else error)
        raise ValueError(f'{path}: not valid json: {what}') from error
    return Record(content, str(path))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep from looking for garbage among a file's millions of values.

    There is none in what json gives, and looking for it takes longer than
    reading the file.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _unique_keys(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'an object has the key {repeated!r} twice')
    return content


def _no_constant(text: str) -> None:
    raise ValueError(f'{text} is no json number')
