"""Where the wheels that are built here are kept.

The folder belongs to the user, not to the source tree, so that a second clone
or a second environment with the same Python and torch or numpy need not build
again.
"""
import os
import platform
import shutil
import sys
from pathlib import Path


def store(file: Path, folder: Path) -> None:
    """Copy a file into the cache atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f'.{file.name}.{os.getpid()}.part'
    try:
        shutil.copyfile(file, partial)
        os.replace(partial, folder / file.name)
    finally:
        if partial.exists():
            partial.unlink()


def cache_folder() -> Path:
    """The user's cache folder for this project's wheels."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'mmpose_tdmi' / 'wheels'


def wheel_key(against: str, version: str, device: str = '') -> str:
    """Name of the cache shelf: one per Python, machine and what a wheel was
    compiled against, such as ``'torch'``, with which device."""
    python = 'cp{}{}'.format(*sys.version_info[:2])
    key = f'{python}-{platform.machine()}-{against}{version}'
    return f'{key}-{device}' if device else key
