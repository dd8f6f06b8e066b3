"""What a measurement was made on.

Shape shorthand: none.
"""
import os
import platform
import resource
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Dict, Optional, Union

import torch

from mmpose_tdmi.version import __version__

_PACKAGES = ('torch', 'torchvision', 'mmcv', 'mmdet', 'mmpose',
             'opencv-python', 'av')


def describe_machine(
        device: Optional[str] = None) -> Dict[str, Union[str, float]]:
    """The machine, its software and how busy it is.

    Args:
        device (str, optional): A GPU that was used, e.g. ``'cuda'``; its name
            is added. Defaults to ``None``.

    Returns:
        dict: ``processor``, ``cores``, ``threads`` (torch's), ``memory, GB``,
        ``system``, ``load``, the mean number of processes that wanted to run
        in the last minute (this one included), and versions.
    """
    found: Dict[str, Union[str, float]] = {
        'processor': _processor(),
        'cores': os.cpu_count() or 1,
        'threads': torch.get_num_threads(),
        'memory, GB': _memory(),
        'system': f'{platform.system()} {platform.machine()}',
        'load': round(os.getloadavg()[0], 2),
        'python': platform.python_version(),
        'mmpose_tdmi': __version__
    }
    if device is not None and torch.device(device).type == 'cuda':
        found['GPU'] = torch.cuda.get_device_name(device)
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def peak_memory() -> int:
    """The most memory that this process had at once, in bytes.

    Linux starts a program's ``ru_maxrss`` with the peak of the process that
    started it, so that a small one would have a large one's; its ``VmHWM`` is
    the program's own.
    """
    status = Path('/proc/self/status')
    if status.is_file():
        for line in status.read_text(encoding='utf-8').splitlines():
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _processor() -> str:
    """Linux tells more than :mod:`platform`."""
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text(encoding='utf-8').splitlines():
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory() -> float:
    pages = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return round(pages / 2**30, 1)
