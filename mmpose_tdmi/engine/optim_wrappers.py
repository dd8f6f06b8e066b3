"""Optimiser wrappers.

``--amp`` of the training tool on a machine without accelerators.

Mixed precision where there is no accelerator.

MMEngine's ``AmpOptimWrapper`` refuses to be built on a machine without one,
although its autocast works on CPUs. This wrapper is the plain optimiser
wrapper with that autocast around the forward pass, in bfloat16, which has
float32's range: there is nothing to scale.
"""
import sys
from contextlib import contextmanager
from typing import Iterator, List, Sequence

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn

__all__ = ['CpuAmpOptimWrapper']

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


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """bfloat16 autocast on the CPU.

    It pays only on CPUs that compute in bfloat16 (AMX, AVX512-BF16); on
    others it is much slower than float32, and shows that a config trains
    under mixed precision.

    Args:
        loss_scale (str): Only ``'dynamic'``, what the host's training tool
            sets with ``--amp``; bfloat16 needs no scaling and gets none.
        **kwargs: Those of MMEngine's ``OptimWrapper``.

    Raises:
        ValueError: If a loss scale is asked for.
    """

    def __init__(self, loss_scale: str = 'dynamic', **kwargs) -> None:
        if loss_scale != 'dynamic':
            raise ValueError('CpuAmpOptimWrapper works in bfloat16, without '
                             f'loss scaling; got loss_scale={loss_scale!r}')
        super().__init__(**kwargs)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The host's context, with autocast.

        Args:
            model (nn.Module): The training model.
        """
        with super().optim_context(model), autocast(
                device_type='cpu', dtype=torch.bfloat16):
            yield
