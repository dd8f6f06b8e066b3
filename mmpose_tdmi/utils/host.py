"""Where the host keeps its command-line tools.

Several processes on a machine without accelerators.

MMEngine starts its process group on CUDA devices only, but uses one that is
already there; this module starts it with gloo where there is no device. The
model wrapper must then be told that there is none, too:
``model_wrapper_cfg=dict(type='MMDistributedDataParallel', device_ids=None)``.
"""
import os
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Sequence

import torch.distributed
from mmengine.device import get_device


def host_tool(name: str, package: str = 'mmpose') -> Path:
    """The file of one of the host's command-line tools.

    Args:
        name (str): The tool relative to the host's tools folder, e.g.
            ``'train.py'`` or ``'analysis_tools/get_flops.py'``.
        package (str): The OpenMMLab package. Defaults to ``'mmpose'``.

    Returns:
        Path: The tool's file.

    Raises:
        FileNotFoundError: If the package is not installed, or was installed
            without its tools.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f'{package} is not installed: '
                                'python -m mmpose_tdmi.doctor says more')
    tool = Path(spec.origin).parent / '.mim' / 'tools' / name
    if not tool.is_file():
        raise FileNotFoundError(
            f'{package} was installed without its tools: expected {tool}')
    return tool


def run_host_tool(name: str, package: str = 'mmpose') -> None:
    """Run a host tool in this process with the present ``sys.argv``."""
    runpy.run_path(str(host_tool(name, package)), run_name='__main__')


def init_cpu_process_group(arguments: Sequence[str]) -> bool:
    """Start gloo if a CPU-only process was launched as one of several.

    Args:
        arguments (Sequence[str]): The command line; only ``--launcher
            pytorch`` counts.

    Returns:
        bool: Whether the process group was started here.
    """
    launched = 'pytorch' in _launchers(arguments) and 'RANK' in os.environ
    if not launched or get_device() != 'cpu':
        return False
    print('no accelerator: the processes talk through gloo', file=sys.stderr)
    torch.distributed.init_process_group('gloo')
    return True


def _launchers(arguments: Sequence[str]) -> Sequence[str]:
    joined = [
        a.partition('=')[2] for a in arguments if a.startswith('--launcher=')
    ]
    following = [
        b for a, b in zip(arguments, arguments[1:]) if a == '--launcher'
    ]
    return joined + following
