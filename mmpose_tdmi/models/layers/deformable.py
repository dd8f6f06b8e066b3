"""A modulated deformable convolution (DCNv2) with a choice of backends.

Implements the operator of TDMI's Eq. 4. The layer owns the kernel; offsets
and modulation are inputs. Its parameters (``weight``, ``bias``) are the same
in every backend, so a checkpoint does not know which backend wrote it:

- ``'mmcv'``: ``mmcv.ops.modulated_deform_conv2d``;
- ``'torchvision'``: ``torchvision.ops.deform_conv2d``;
- ``'grid_sample'``: stock PyTorch operators, see ``grid_sample_deform.py``:
  the fast one on CPUs, the only one with double backward, and traceable.
  Without gradients on a CPU, and not while being traced, it takes the form of
  ``blocked_deform.py``, which is faster still;
- ``'auto'``: by the input's device: CUDA takes mmcv's operator, or
  torchvision's where mmcv is built without operators; all else takes
  ``grid_sample``.

The compiled operators do not exist in bfloat16 and lose accuracy in
float16, so the layer runs in float32 inside autocast (float64 input stays
float64).

Shape shorthand: N maps, C input and O output channels, G offset groups, P
points of the kernel, H x W cells.
"""
from typing import Callable, Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.utils import _pair

from .blocked_deform import deform_conv2d_blocked
from .checks import check_choice, check_positive_int
from .grid_sample_deform import deform_conv2d_grid_sample
from .precision import at_least_float32

BACKENDS = ('auto', 'mmcv', 'torchvision', 'grid_sample')


def mmcv_operator() -> Optional[Callable]:
    """mmcv's operator, or ``None`` where mmcv is built without operators."""
    try:
        from mmcv.ops import modulated_deform_conv2d
    except ImportError:
        return None
    return modulated_deform_conv2d


def _old_is_compiling() -> bool:
    import torch._dynamo
    return torch._dynamo.is_compiling()


# torch.compiler has it since torch 2.3
_is_compiling = getattr(torch.compiler, 'is_compiling', _old_is_compiling)


def can_run_blocked(x: Tensor) -> bool:
    """Whether ``x`` is on a CPU, without gradients, and nobody is tracing."""
    return (x.device.type == 'cpu' and not torch.is_grad_enabled()
            and not _is_compiling() and not torch.jit.is_tracing())


class DeformableConv2d(BaseModule):
    """Modulated deformable convolution, kernel only (Eq. 4).

    Args:
        in_channels (int): C, a multiple of ``groups``.
        out_channels (int): O.
        kernel_size (int): Side of the square kernel. Defaults to 3.
        padding (int): Zero padding. Defaults to 1.
        dilation (int): Distance of the kernel's points. Defaults to 1.
        groups (int): G, groups of input channels with offsets of their own.
            Defaults to 12.
        bias (bool): Whether there is a bias. Defaults to ``True``.
        backend (str): ``'auto'``, ``'mmcv'``, ``'torchvision'`` or
            ``'grid_sample'``. Defaults to ``'auto'``.
        init_cfg (dict | list[dict], optional): Initialisation config.

    Raises:
        ValueError: If an argument is out of its range.
        ImportError: If ``backend='mmcv'`` and mmcv has no operators.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 padding: int = 1,
                 dilation: int = 1,
                 groups: int = 12,
                 bias: bool = True,
                 backend: str = 'auto',
                 init_cfg=None) -> None:
        super().__init__(init_cfg)
        check_choice('backend', backend, BACKENDS)
        check_positive_int('kernel_size', kernel_size)
        check_positive_int('dilation', dilation)
        check_positive_int('groups', groups)
        if in_channels % groups:
            raise ValueError(f'groups = {groups} must divide the '
                             f'{in_channels} channels of the map')
        if backend == 'mmcv' and mmcv_operator() is None:
            raise ImportError(
                "backend='mmcv' needs mmcv's operators, and the mmcv "
                "installed has none: install the full mmcv, or use backend="
                "'auto', 'torchvision' or 'grid_sample'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups
        self.backend = backend
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels, *self.kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        nn.init.kaiming_uniform_(self.weight, nonlinearity='relu')
        if bias:
            nn.init.zeros_(self.bias)

    @property
    def num_points(self) -> int:
        """int: P, the number of kernel points."""
        return self.kernel_size[0] * self.kernel_size[1]

    def resolve_backend(self, device: torch.device) -> str:
        """The backend that runs a map on ``device``."""
        if self.backend != 'auto':
            return self.backend
        if device.type != 'cuda':
            return 'grid_sample'
        return 'torchvision' if mmcv_operator() is None else 'mmcv'

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        """Sample ``x`` at the displaced points, scale, and convolve.

        Args:
            x (Tensor): (N, C, H, W).
            offset (Tensor): Displacements in cells of ``x``, (N, 2 * G * P,
                H, W), pairs in the order (dy, dx).
            mask (Tensor): Modulation, (N, G * P, H, W).

        Returns:
            Tensor: (N, O, H, W), float32 (float64 for float64 input).

        Raises:
            ValueError: If the channels of ``offset`` or ``mask`` do not fit
                the kernel.
        """
        expected = self.groups * self.num_points
        if offset.shape[1] != 2 * expected or mask.shape[1] != expected:
            raise ValueError(
                f'{self.groups} groups of {self.num_points} kernel points '
                f'need {2 * expected} offset and {expected} mask channels, '
                f'got {offset.shape[1]} and {mask.shape[1]}')
        with torch.autocast(x.device.type, enabled=False):
            x = at_least_float32(x)
            return self._run(
                x, offset.to(x.dtype), mask.to(x.dtype),
                self.weight.to(x.dtype),
                None if self.bias is None else self.bias.to(x.dtype))

    def _run(self, x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor,
             bias: Optional[Tensor]) -> Tensor:
        backend = self.resolve_backend(x.device)
        if backend == 'grid_sample':
            run = (
                deform_conv2d_blocked
                if can_run_blocked(x) else deform_conv2d_grid_sample)
            return run(
                x,
                offset,
                mask,
                weight,
                bias,
                padding=self.padding,
                dilation=self.dilation)
        if backend == 'torchvision':
            from torchvision.ops import deform_conv2d
            return deform_conv2d(
                x,
                offset,
                weight,
                bias,
                padding=self.padding,
                dilation=self.dilation,
                mask=mask)
        return mmcv_operator()(x.contiguous(), offset.contiguous(),
                               mask.contiguous(), weight, bias, 1,
                               self.padding, self.dilation, 1, self.groups)

    def extra_repr(self) -> str:
        """The layer's options, for ``print(model)``."""
        return (f'{self.in_channels}, {self.out_channels}, '
                f'kernel_size={self.kernel_size}, padding={self.padding}, '
                f'dilation={self.dilation}, groups={self.groups}, '
                f'backend={self.backend!r}')
