"""How tools end on errors that are their user's to mend; the host's tools, and
what these lack on machines without accelerators.
"""
import os
import runpy
import sys
import traceback
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, List, Sequence

import torch.distributed
from mmengine.config import Config
from mmengine.device import get_device

_CPU_AMP = 'optim_wrapper.type=CpuAmpOptimWrapper'


@contextmanager
def short_errors(*expected: type) -> Iterator[None]:
    """End the process with one line on bad input, files, configs, and what
    else is ``expected``; what is left, a bug, keeps its traceback.

    A config's are those that come up while it is executed, or that MMEngine
    raises itself: a key that a config lacks, a name that is in no registry.
    """
    try:
        yield
    except Exception as error:
        text, where = str(error), ''
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code is Config.fromfile.__code__:
                where = f'{frame.f_locals["filename"]}: '
        folder = Path(frame.f_code.co_filename).parent.parts[-2:]
        if not isinstance(error, (OSError, ValueError, *expected)):
            text = f'{type(error).__name__}: {text}'
            if not where and folder not in (('mmengine', 'config'),
                                            ('mmengine', 'registry')):
                raise
        raise SystemExit(f'error: {where}{text}') from error


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
