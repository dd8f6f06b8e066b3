"""Files that are written whole or not at all, and bounds on those read.

Annotations, boxes and predictions come from outside. Json takes some ten
times its size in memory; its nesting is bounded by Python's own recursion
limit, which the readers turn into an error that names the file. A path in
one could name any file that the process may read, and a picture of it could
end up in a report; a video's name becomes that of a file which is written.
"""
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Iterator, Union

import numpy as np

#: Name of the environment variable that overrides the bound.
VARIABLE = 'MMPOSE_TDMI_MAX_JSON_BYTES'
#: The bound; PoseTrack21's annotations, merged, take about 200 MB.
MAX_JSON_BYTES = 2**30


@contextmanager
def atomic_path(path: Union[str, Path]) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it on success.

    It keeps the suffix, which tells video encoders their format. If the block
    raises, it is removed, and what was at ``path`` before stays as it was.
    Missing parent folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f'.{path.stem}-', suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes the file private; give it the usual permissions
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Union[str, Path], content: Any, **kwargs: Any) -> None:
    """Write ``content`` as json, whole or not at all.

    Numpy scalars and arrays are written as numbers and lists. NaN, which is
    not json, is refused: write None. ``kwargs`` go to :func:`json.dumps`.
    """
    with atomic_path(path) as temporary:
        with temporary.open('w', encoding='utf-8') as file:
            # json.dump, which writes piece by piece, takes three times as long
            file.write(
                json.dumps(content, default=_plain, allow_nan=False, **kwargs))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f'{type(value).__name__} cannot be written as json')


def check_json_size(path: Union[str, Path], size: int = -1) -> None:
    """Refuse a file that is too large to be what it should be; its size,
    bytes, is by default that of the local file."""
    if size < 0:
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
    part, a scheme (``http://``), or a NUL; give it back.

    Links that lie in the data root are the user's own, and are followed.
    ``where`` is what it is called in messages.
    """
    if path[:1] not in '/\\' and not ('..' in path or ':' in path
                                      or '\0' in path):
        return path  # nearly all
    parts = PurePosixPath(path.replace('\\', '/')).parts
    if (path[:1] in ('/', '\\') or '..' in parts or '\0' in path
            or '://' in path or PureWindowsPath(path).drive):
        raise ValueError(
            f'{where} {path!r:.200} leads out of the data root; expected a '
            'path relative to it without "..". Files from a source that you '
            'trust are allowed to by allow_outside_paths=True of the dataset')
    return path


def check_file_name(name: str, where: str) -> str:
    """Refuse a name that would be a file of another folder; give it back."""
    if (not name or name in ('.', '..') or len(name.encode()) > 200
            or any(c in name for c in '/\\\0')):
        raise ValueError(f'{where} {name!r:.200} cannot be a file name: '
                         'expected one without "/", "\\" and NUL')
    return name
