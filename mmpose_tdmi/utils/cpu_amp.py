"""``--amp`` of the training tool on a machine without accelerators.

Shape shorthand: none.
"""
import sys
from typing import List, Sequence

from mmengine.device import get_device

_OPTION = 'optim_wrapper.type=CpuAmpOptimWrapper'


def cpu_amp_arguments(arguments: Sequence[str]) -> List[str]:
    """The training tool's command line, so that ``--amp`` works on CPUs.

    The host's tool names its own wrapper first and applies ``--cfg-options``
    afterwards, where
    :class:`~mmpose_tdmi.engine.CpuAmpOptimWrapper` takes its place.

    Args:
        arguments (Sequence[str]): The command line.

    Returns:
        list[str]: The same; with ``--amp`` and without an accelerator, the
        wrapper's name is among the options.
    """
    arguments = list(arguments)
    if '--amp' not in arguments or get_device() != 'cpu':
        return arguments
    print(
        'no accelerator: --amp is bfloat16 autocast on the CPU',
        file=sys.stderr)
    if '--cfg-options' not in arguments:
        return [*arguments, '--cfg-options', _OPTION]
    place = arguments.index('--cfg-options') + 1
    return [*arguments[:place], _OPTION, *arguments[place:]]
