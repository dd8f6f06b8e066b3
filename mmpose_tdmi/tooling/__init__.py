"""The host's tools, and what they lack on machines without accelerators."""
import os
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import List, Sequence

import torch.distributed
from mmengine.device import get_device

_CPU_AMP = 'optim_wrapper.type=CpuAmpOptimWrapper'


def run_host_tool(name: str) -> None:
    """Run one of MMPose's tools in this process with the present command line.

    MMEngine refuses mixed precision where there is no accelerator, and starts
    a process group on CUDA devices only, but uses one that is already there.
    The model wrapper must then be told that there is no device, too:
    ``model_wrapper_cfg=dict(type='MMDistributedDataParallel',
    device_ids=None)``. ``name`` is relative to MMPose's tools folder.
    """
    package = Path(find_spec('mmpose').origin).parent
    tool = package / '.mim' / 'tools' / name
    if not tool.is_file():
        raise FileNotFoundError(
            f'mmpose was installed without its tools: expected {tool}')
    if get_device() == 'cpu':
        launched = '--launcher=pytorch' in sys.argv or (
            '--launcher', 'pytorch') in zip(sys.argv, sys.argv[1:])
        if launched and 'RANK' in os.environ:
            notice = 'no accelerator: processes talk through gloo'
            print(notice, file=sys.stderr)
            torch.distributed.init_process_group('gloo')
        sys.argv = cpu_amp_arguments(sys.argv)
    runpy.run_path(str(tool), run_name='__main__')


def cpu_amp_arguments(arguments: Sequence[str]) -> List[str]:
    """A training's command line, so that ``--amp`` works on CPUs: by
    ``--cfg-options``, which the host's tool applies after its own wrapper."""
    arguments = list(arguments)
    if '--amp' not in arguments:
        return arguments
    notice = 'no accelerator: --amp is bfloat16 autocast on the CPU'
    print(notice, file=sys.stderr)
    if '--cfg-options' not in arguments:
        return [*arguments, '--cfg-options', _CPU_AMP]
    place = arguments.index('--cfg-options') + 1
    return [*arguments[:place], _CPU_AMP, *arguments[place:]]
