"""Files that are written whole or not at all, over nothing of the user's, and
bounds on those read.

What is written goes through :func:`atomic_path`, which replaces only what this
package wrote. Files are marked with their size and SHA-256, so that one that
somebody has changed is not taken for it: in an extended attribute or, on file
systems without, in a hidden folder ``.mmpose_tdmi`` beside them. Tools ask
:func:`check_outputs` before they begin.

Annotations, boxes and predictions come from outside. Json takes some ten
times its size in memory. A path in one could name any file that the process
may read, and a picture of it could end up in a report; a video's name becomes
that of a file which is written.
"""
import hashlib
import json
import math
import os
import re
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Iterable, Iterator, Set, Union

import numpy as np

PathLike = Union[str, Path]
#: Name of the environment variable that overrides the bound.
VARIABLE = 'MMPOSE_TDMI_MAX_JSON_BYTES'
#: The bound; PoseTrack21's annotations, merged, take about 200 MB.
MAX_JSON_BYTES = 2**30

#: The attribute with the mark, and the folder where there are none.
_MARK = 'user.mmpose_tdmi'
RECORDS = '.mmpose_tdmi'
#: Folders in which runs keep what is unfinished; theirs as a whole.
_SCRATCH = re.compile(r'\..*\.partial')
#: Of larger files the mark has the SHA-256 of both ends, bytes.
_MAX_DIGESTED = 2**28


def check_outputs(
    outputs: Iterable[PathLike], inputs: Iterable[Any] = ()) -> None:
    """Refuse files to write that would destroy something.

    That is one of ``inputs``, whatever name or link leads there; what this
    package did not write, or somebody has changed since; and another one of
    ``outputs``. Inputs that are no files, such as URLs, are passed over.

    Raises:
        ValueError: If a file must not be written.
        NotADirectoryError: If its folder is a file.
        PermissionError: If its folder cannot be written to.
    """
    given = {
        _identity(path): path
        for path in inputs if isinstance(path, (str, Path))
    }
    places: Set[str] = set()
    for output in outputs:
        path = Path(output)
        place = os.path.join(os.path.realpath(path.parent), path.name)
        if place in places:
            raise ValueError(f'{path}: two outputs, expected a file for each')
        places.add(place)
        folder = next(p for p in path.absolute().parents if os.path.lexists(p))
        if not folder.is_dir():
            raise NotADirectoryError(f'{path}: {folder} is no folder')
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f'{path}: {folder} cannot be written to')
        if path.exists() and _identity(path) in given:
            raise ValueError(
                f'{path} would be written over the input '
                f'{given[_identity(path)]}: choose another place for outputs')
        if os.path.lexists(path) and not _is_own(path):
            raise ValueError(
                f'{path} is there and was not written by mmpose_tdmi, or has '
                'been changed since: it is not overwritten. Choose another '
                'place for outputs, or move it away')


def remove_output(path: PathLike) -> None:
    """Remove a file that this package wrote, if it is there."""
    check_outputs([path])
    Path(path).unlink(missing_ok=True)
    (Path(path).parent / RECORDS / Path(path).name).unlink(missing_ok=True)


def remove_outputs(folder: PathLike) -> None:
    """Remove from a folder, and those in it, what this package wrote there;
    what is empty then goes, anything else stays."""
    for place, _, names in os.walk(folder, topdown=False):
        for path in (Path(place, name) for name in names):
            if _is_own(path):
                remove_output(path)
        for empty in (Path(place, RECORDS), Path(place)):
            with suppress(OSError):
                empty.rmdir()


def _identity(path: PathLike) -> Any:
    """What the names of one file have in common."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):  # a URL, a dangling link
        return os.fspath(path)
    return state.st_dev, state.st_ino


def hash_file(path: PathLike, most: float = math.inf) -> str:
    """SHA-256 of a file; of one that has more than ``most`` bytes that of its
    first and last MiB."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        if os.stat(path).st_size > most:
            digest.update(file.read(2**20))
            file.seek(-2**20, os.SEEK_END)
        while data := file.read(2**16):
            digest.update(data)
    return digest.hexdigest()


def _content(path: Path) -> str:
    return f'{os.stat(path).st_size} {hash_file(path, _MAX_DIGESTED)}'


def _is_own(path: Path) -> bool:
    """Whether a file is as this package wrote it."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        marks = [os.getxattr(path, _MARK).decode()]
    except (AttributeError, OSError):  # not Linux, or nothing is there
        record = path.parent / RECORDS / path.name
        marks = record.read_text().splitlines() if record.is_file() else []
    return _content(path) in marks


def _mark(temporary: Path, path: Path) -> None:
    """Mark a file as written by this package, before it is at its place."""
    content = _content(temporary)
    try:
        os.setxattr(temporary, _MARK, content.encode())
    except (AttributeError, OSError):
        record = path.parent / RECORDS / path.name
        old = record.read_text().splitlines() if record.is_file() else []
        record.parent.mkdir(exist_ok=True)
        new = record.with_name(secrets.token_hex(8))
        # what is there until the file is at its place is known, too
        new.write_text('\n'.join([content, *old[:1]]))
        os.replace(new, record)


def _prefix(path: Path) -> str:
    """How the names of unfinished files begin, short enough for any name."""
    stem = os.fsencode(path.stem)[:200 - len(os.fsencode(path.suffix))]
    return f'.{os.fsdecode(stem)}-mmpose_tdmi-'


def remove_leftovers(path: Path) -> None:
    """Remove what a killed process has left of an unfinished file."""
    name = re.compile(
        re.escape(_prefix(path)) + r'[a-z0-9_]{8}' + re.escape(path.suffix))
    if path.parent.is_dir():
        for entry in path.parent.iterdir():
            if name.fullmatch(entry.name):
                entry.unlink()


@contextmanager
def atomic_path(path: PathLike, is_own: bool = False) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it on success.

    It keeps the suffix, which tells video encoders their format. If the block
    raises, it is removed, and what was at ``path`` before stays as it was.
    Missing parent folders are made.

    Args:
        path: The file. Inside a hidden folder ``.<name>.partial`` whatever is
            there is a run's own.
        is_own: Whether the caller knows what is there to be its own, such as
            a page of this repository or a file of a training's work_dir.

    Raises:
        ValueError: If what is there was not written by this package, see
            :func:`check_outputs`.
    """
    path = Path(path)
    is_own = is_own or any(
        _SCRATCH.fullmatch(folder.name) for folder in path.absolute().parents)
    if not is_own:
        check_outputs([path])
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(
        f'{_prefix(path)}{secrets.token_hex(4)}{path.suffix}')
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        if not is_own:
            check_outputs([path])  # somebody may have put a file there
            _mark(temporary, path)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: PathLike,
               content: Any,
               is_own: bool = False,
               **kwargs: Any) -> None:
    """Write ``content`` as json, whole or not at all, as :func:`atomic_path`.

    Numpy scalars and arrays are written as numbers and lists. NaN, which is
    not json, is refused: write None. ``kwargs`` go to :func:`json.dumps`.
    """
    with atomic_path(path, is_own) as temporary:
        # json.dump, which writes piece by piece, takes three times as long
        text = json.dumps(content, default=_plain, allow_nan=False, **kwargs)
        temporary.write_text(text, encoding='utf-8')


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f'{type(value).__name__} cannot be written as json')


def check_json_size(path: PathLike) -> None:
    """Refuse a local file that is too large to be what it should be."""
    size = os.stat(path).st_size
    text = os.environ.get(VARIABLE, str(MAX_JSON_BYTES))
    bound = int(text) if text.isdecimal() else 0
    if bound == 0:
        raise ValueError(f'{VARIABLE} must be a positive number of bytes, '
                         f'got {text!r}')
    if size > bound:
        raise ValueError(f'{path}: has {size} bytes, expected at most {bound} '
                         f'({VARIABLE} sets another bound)')


def check_inner_path(path: str, where: str) -> str:
    """Refuse a path that leads out of its root: absolute, with ``..`` as a
    part, a scheme (``http://``), or a NUL; give it back, with ``/`` in place
    of the backslashes of Windows.

    Links that lie in the data root are the user's own, and are followed.
    ``where`` is what it is called in messages.
    """
    if path[:1] != '/' and not any(c in path for c in ('..', ':', '\\', '\0')):
        return path  # nearly all
    plain = path.replace('\\', '/')
    if (plain[:1] == '/' or '..' in PurePosixPath(plain).parts or '\0' in path
            or '://' in plain or PureWindowsPath(path).drive):
        raise ValueError(
            f'{where} {path!r:.200} leads out of the data root; expected a '
            'path relative to it without "..". Files from a source that you '
            'trust are allowed to by allow_outside_paths=True of the dataset')
    return plain


def check_file_name(name: str, where: str) -> str:
    """Refuse a name that would be a file of another folder; give it back."""
    if (not name or name in ('.', '..') or len(name.encode()) > 200
            or any(c in name for c in '/\\\0')):
        raise ValueError(f'{where} {name!r:.200} cannot be a file name: '
                         'expected one without "/", "\\" and NUL')
    return name
