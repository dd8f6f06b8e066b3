"""Checks that the machine has what building mmcv takes."""
import os
import shutil
import sys
import sysconfig
from pathlib import Path


class BuildError(RuntimeError):
    """mmcv could not be built or installed."""


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
                         'Debian or Ubuntu: sudo apt-get install python3-dev')


def require_nvcc() -> None:
    """Check that the CUDA compiler is there."""
    from torch.utils.cpp_extension import CUDA_HOME
    if not CUDA_HOME:
        raise BuildError(
            'torch sees a GPU but there is no CUDA toolkit (nvcc) to build '
            "mmcv's operators with. Either install the toolkit, or take a "
            'prebuilt wheel (mim install mmcv==2.1.0), or build '
            'for the CPU only: build_mmcv.py --cuda off')
