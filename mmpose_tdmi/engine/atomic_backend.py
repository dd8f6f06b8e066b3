"""Local files that are written whole or not at all.

The host's local backend opens the file itself for writing: a process that is
killed meanwhile leaves a part of the new file in place of the old one.

Shape shorthand: none.
"""
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional, Tuple, Union

from mmengine.fileio import LocalBackend, register_backend

PathLike = Union[str, Path]

#: How the name of a file ends that is being written.
PARTIAL = '.partial'


@register_backend('atomic_local')
class AtomicLocalBackend(LocalBackend):
    """The host's local backend with atomic writes and patient removals.

    A file is written beside its place, forced to the disk, and moved there.
    Used by its name, ``backend_args=dict(backend='atomic_local')``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: Optional[List[Tuple[str, int]]] = None

    def put(self, obj: bytes, filepath: PathLike) -> None:
        """Write bytes to a file.

        Args:
            obj (bytes): The content.
            filepath (str | Path): The file; missing folders are made.
        """
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f'.{path.name}{PARTIAL}')
        with partial.open('wb') as file:
            file.write(obj)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)

    def put_text(self,
                 obj: str,
                 filepath: PathLike,
                 encoding: str = 'utf-8') -> None:
        """Write text to a file; as :meth:`put`."""
        self.put(obj.encode(encoding), filepath)

    def remove(self, filepath: PathLike) -> None:
        """Remove a file, within :meth:`removals_last` at its end."""
        if self._waiting is None:
            super().remove(filepath)
        else:
            self._waiting.append((str(filepath), os.stat(filepath).st_ino))

    @contextmanager
    def removals_last(self) -> Iterator[None]:
        """Let removals wait for the end of the block, and its success."""
        self._waiting = []
        try:
            yield
            waiting = self._waiting
        finally:
            self._waiting = None
        for path, inode in waiting:
            # a file written anew in the meantime is another one
            if self.isfile(path) and os.stat(path).st_ino == inode:
                super().remove(path)


def remove_partial_files(folder: PathLike) -> List[Path]:
    """Remove what killed processes left behind.

    Args:
        folder (str | Path): A folder of checkpoints; it may not exist.

    Returns:
        list[Path]: The files removed.
    """
    found = sorted(Path(folder).glob(f'.*{PARTIAL}'))
    for path in found:
        path.unlink()
    return found


def _sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk, where the system can."""
    if os.name != 'posix':
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
