"""The hidden folder of a run that is under way or was interrupted.

Shape shorthand: none.
"""
import fcntl
import json
import shutil
from pathlib import Path
from typing import IO, Any, Dict, Optional

from mmpose_tdmi.utils.files import write_json


class RunFolder:
    """A folder that one process at a time works in.

    The operating system gives the lock up when the process ends, however it
    ends.

    Args:
        path (Path): The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: Optional[IO[str]] = None

    def enter(self, header: Dict[str, Any], resume: bool) -> bool:
        """Lock the folder and make it ready for a run.

        Args:
            header (dict): What the run is; plain values.
            resume (bool): Whether to keep what an interrupted run with the
                same header has left. Everything else is removed.

        Returns:
            bool: Whether something was kept.

        Raises:
            ValueError: If another process works in the folder.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path / 'lock').open('w')
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.leave()
            raise ValueError(f'{self.path}: another process is writing these '
                             'results at this moment') from error
        found = self.path / 'run.json'
        if resume and _read(found) == header:
            return True
        for entry in self.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != 'lock':
                entry.unlink()
        write_json(found, header)
        return False

    def leave(self) -> None:
        """Give the lock up; the folder stays."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Remove the folder and give the lock up."""
        shutil.rmtree(self.path)
        self.leave()


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
