"""Checks that the machine has what building mmcv takes.

As a script, before anything is downloaded: where no wheel of mmcv is kept for
this Python, a compiler has to be there.
"""
import os
import shutil
import sys
import sysconfig
from pathlib import Path

from wheel_cache import cache_folder, wheel_key


class BuildError(RuntimeError):
    """A package could not be built or installed."""


def import_torch():
    """Import torch with a clear error where it is missing."""
    try:
        import torch
    except ImportError as error:
        raise BuildError(
            f'{sys.executable} cannot import torch: {error}. Install torch '
            'and torchvision first.') from error
    return torch


def require_compiler() -> None:
    """Check that a C++ compiler and Python's headers are there."""
    compiler = os.environ.get('CXX', 'g++').split()[0]
    if not (shutil.which(compiler) or shutil.which('c++')):
        raise BuildError(f'no C++ compiler ({compiler}) found; on Debian or '
                         'Ubuntu: sudo apt-get install g++')
    header = Path(sysconfig.get_paths()['include']) / 'Python.h'
    if not header.exists():
        raise BuildError(f"Python's headers are missing ({header}); on "
                         'Debian or Ubuntu: sudo apt-get install '
                         'python{}.{}-dev'.format(*sys.version_info[:2]))


def has_nvcc() -> bool:
    """Whether the CUDA compiler is there."""
    from torch.utils.cpp_extension import CUDA_HOME
    return bool(CUDA_HOME)


if __name__ == '__main__':
    if not list(cache_folder().glob(wheel_key('torch', '*/mmcv-*.whl'))):
        try:
            require_compiler()
        except BuildError as error:
            sys.exit(f'[setup] error: {error}')
