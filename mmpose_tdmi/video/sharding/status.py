"""What became of each video, in a file per video beside the results.

Shape shorthand: none.
"""
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

from mmpose_tdmi.utils.files import write_json


@dataclass
class JobStatus:
    """What became of a video.

    Args:
        name (str): The video's name.
        input (str): The video.
        fingerprint (str): What the results depend on.
        state (str): ``'finished'`` or ``'failed'``.
        attempts (int): How often it was tried.
        seconds (float): How long the last try took.
        outputs (dict[str, int]): Sizes of the written files in bytes.
        summary (dict): Counts of a finished video; plain values.
        error (str, optional): Why it failed.
    """
    name: str
    input: str
    fingerprint: str
    state: str
    attempts: int
    seconds: float
    outputs: Dict[str, int] = field(default_factory=dict)
    summary: Dict[str, Any] = field(default_factory=dict)
    error: Optional[str] = None


class StatusFolder:
    """The folder of the statuses, ``<name>.json`` each.

    Args:
        path (Path): The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, status: JobStatus) -> None:
        """Store a status in place of the video's former one.

        Args:
            status (JobStatus): The status.
        """
        write_json(self._file(status.name), asdict(status), indent=1)

    def read(self, name: str) -> Optional[JobStatus]:
        """The status of a video.

        Args:
            name (str): The video's name.

        Returns:
            JobStatus | None: None if there is none.

        Raises:
            ValueError: If the file is no status.
        """
        path = self._file(name)
        if not path.is_file():
            return None
        try:
            return JobStatus(**json.loads(path.read_text(encoding='utf-8')))
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f'{path} is no status of a video ({error}); '
                             'remove it to have the video done') from error

    def is_finished(self, name: str, fingerprint: str) -> bool:
        """Whether a video need not be done again.

        Args:
            name (str): The video's name.
            fingerprint (str): What its results would depend on now.

        Returns:
            bool: Whether it was finished with this fingerprint and all its
            files are there in the size that they had.
        """
        status = self.read(name)
        return (status is not None and status.state == 'finished'
                and status.fingerprint == fingerprint
                and status.outputs == file_sizes(list(status.outputs)))

    def _file(self, name: str) -> Path:
        return self.path / f'{name}.json'


def file_sizes(paths: Sequence[str]) -> Dict[str, int]:
    """dict[str, int]: The sizes in bytes of those files that exist."""
    return {
        str(path): Path(path).stat().st_size
        for path in paths if Path(path).is_file()
    }
