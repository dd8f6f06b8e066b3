"""Whole-or-nothing file output."""
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Union

import numpy as np


@contextmanager
def atomic_path(path: Union[str, Path]) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it on success.

    The temporary name keeps the suffix, which tells writers such as video
    encoders their format. If the block raises, the temporary file is removed
    and what was at ``path`` before stays as it was.

    Args:
        path (str | Path): Where the finished file goes. Missing parent
            folders are made.

    Yields:
        Path: Where to write.
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

    Numpy scalars and arrays are written as numbers and lists. NaN is refused
    (it is not json): write None.

    Args:
        path (str | Path): The file.
        content: Anything json can hold, numpy included.
        **kwargs: Passed to :func:`json.dumps`.
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
