"""Commands, configs and locks of a benchmark's folder.

Shape shorthand: none.
"""
import fcntl
import hashlib
import sys
from contextlib import contextmanager
from pathlib import Path
from pprint import pformat
from typing import Iterator, List

from mmengine.config import Config

from mmpose_tdmi.utils.files import atomic_path
from .composition import config_hash
from .systems import ROOT


def write_config(folder: Path, config: Config) -> Path:
    """Write a config into a folder that has none, or the same.

    Args:
        folder (Path): The folder.
        config (Config): The config.

    Returns:
        Path: ``config.py``.

    Raises:
        ValueError: If the folder was begun with another config.
    """
    path = folder / 'config.py'
    if path.is_file():
        found = config_hash(Config.fromfile(str(path)))
        if found != config_hash(config):
            raise ValueError(f'{path}: begun with another config; remove '
                             f'{folder} or choose another folder')
        return path
    # Config.dump formats its text, which takes seconds
    text = '\n'.join(f'{key} = {pformat(value, sort_dicts=False)}'
                     for key, value in config.to_dict().items())
    with atomic_path(path) as temporary:
        temporary.write_text(text + '\n', encoding='utf-8')
    return path


def training_folder(folder: Path) -> Path:
    """Work folder of a training; its dump of the config must not be ours."""
    return folder / 'training'


def tool(name: str, *arguments: object) -> List[str]:
    """The command of one of the repository's tools."""
    return [sys.executable, str(ROOT / 'tools' / name), *map(str, arguments)]


def module(name: str, *arguments: object) -> List[str]:
    """The command of a module of the package."""
    return [sys.executable, '-m', name, *map(str, arguments)]


def file_hash(path: Path) -> str:
    """Sixteen hexadecimal digits of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes out of a piece; waits for them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
