"""Mixed precision on machines without accelerators."""
from contextlib import contextmanager
from typing import Iterator

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn

__all__ = ['CpuAmpOptimWrapper']


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """The plain optimiser wrapper with bfloat16 autocast on the CPU.

    MMEngine's ``AmpOptimWrapper`` refuses machines without an accelerator. It
    pays only on CPUs that compute in bfloat16 (AMX, AVX512-BF16); on others it
    is slower than float32, and shows that a config trains in mixed precision.

    Args:
        loss_scale: Only ``'dynamic'``, what the host's training tool sets with
            ``--amp``; bfloat16 has float32's range, and gets no scaling.
        **kwargs: Those of MMEngine's ``OptimWrapper``.
    """

    def __init__(self, loss_scale: str = 'dynamic', **kwargs) -> None:
        if loss_scale != 'dynamic':
            raise ValueError('CpuAmpOptimWrapper works in bfloat16, without '
                             f'loss scaling; got loss_scale={loss_scale!r}')
        super().__init__(**kwargs)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        with super().optim_context(model), autocast(
                device_type='cpu', dtype=torch.bfloat16):
            yield
