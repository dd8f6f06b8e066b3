"""Fingerprints that tell whether finished results are still what a run gives.

Files are told apart by size, time of change and what is at both ends, so that
looking at a thousand long videos takes no longer than opening them. Weights
are read in whole.

Shape shorthand: none.
"""
import glob
import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

from mmengine.config import Config

_END = 1 << 20  # bytes looked at at both ends of a file


def digest_of(content: Any) -> str:
    """str: SHA-256 of plain values; anything else counts as its text."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def identify_input(source: str) -> Optional[Union[Dict[str, Any], List[Any]]]:
    """What tells an input from a changed one of the same name.

    Args:
        source (str): A file, a folder or a glob.

    Returns:
        dict | list | None: Plain values: of a file its size, time of change
        and the SHA-256 of its first and last megabyte; of a folder or glob
        the names, sizes and times of the files. None for anything else.
    """
    if os.path.isfile(source):
        return _file_ends(source)
    if os.path.isdir(source):
        paths = [entry.path for entry in os.scandir(source)]
    else:
        paths = glob.glob(source)
    found = []
    for path in sorted(paths):
        state = os.stat(path)
        found.append([Path(path).name, state.st_size, state.st_mtime_ns])
    return found or None


def identify_config(config: str) -> Optional[str]:
    """The content of a config with its base files, or None without a file.

    Args:
        config (str): Path of a config, or any text.

    Returns:
        str | None: SHA-256 of the resolved config.
    """
    if not os.path.isfile(config):
        return None
    return digest_of(Config.fromfile(config).to_dict())


def identify_weights(checkpoint: str) -> Optional[str]:
    """SHA-256 of a checkpoint, or None if it is no file.

    Args:
        checkpoint (str): Path of a file, or any text.
    """
    if not os.path.isfile(checkpoint):
        return None
    state = os.stat(checkpoint)
    return _whole_file(checkpoint, state.st_size, state.st_mtime_ns)


def _file_ends(path: str) -> Dict[str, Any]:
    state = os.stat(path)
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        digest.update(file.read(_END))
        if state.st_size > 2 * _END:
            file.seek(-_END, os.SEEK_END)
        digest.update(file.read())
    return dict(
        size=state.st_size, time=state.st_mtime_ns, ends=digest.hexdigest())


@lru_cache(maxsize=32)
def _whole_file(path: str, size: int, time: int) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(_END), b''):
            digest.update(block)
    return digest.hexdigest()
