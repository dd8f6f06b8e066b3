"""Modulated deformable convolution (DCNv2) of Eq. 4, and its steering, Eq. 3.

The operator of Zhu et al., "Deformable ConvNets v2". Offsets and modulation
are inputs, the layer owns the kernel, the same in every backend:

- ``'mmcv'``: ``mmcv.ops.modulated_deform_conv2d``;
- ``'torchvision'``: ``torchvision.ops.deform_conv2d``;
- ``'grid_sample'``: stock PyTorch operators, here. The same values, and what
  the compiled operators lack: several CPU threads, double backward, export by
  tracing. Without gradients on a CPU, and not while being traced, it goes
  block by block, which is faster still;
- ``'auto'``: on CUDA mmcv's operator, or torchvision's where mmcv has none
  for it; elsewhere ``'grid_sample'``.

The compiled operators do not exist in bfloat16 and lose accuracy in float16,
so the layer runs in float32 inside autocast (float64 input stays float64).

Shape letters: N maps, C input and O output channels, G offset groups, P points
of the kernel (kh * kw), H x W input and H' x W' output cells.
"""
from typing import Callable, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, constant_init, normal_init
from torch import Tensor, nn
from torch.nn.modules.utils import _pair

from .blocks import at_least_float32, check_choice, check_positive_int, conv3x3

#: Offset groups in a block, at least: fewer make the steps too short.
_MIN_BLOCK = 4


def deform_conv2d_grid_sample(
    x: Tensor,
    offset: Tensor,
    mask: Optional[Tensor],
    weight: Tensor,
    bias: Optional[Tensor] = None,
    stride: Tuple[int, int] = (1, 1),
    padding: Tuple[int, int] = (0, 0),
    dilation: Tuple[int, int] = (1, 1)
) -> Tensor:
    """Modulated deformable convolution with ungrouped weights.

    Args:
        x: (N, C, H, W).
        offset: In input cells, (N, G * P * 2, H', W'), pairs (dy, dx).
        mask: Modulation, (N, G * P, H', W').
        weight, bias: (O, C, kh, kw) and (O, ).
        stride, padding, dilation: (vertical, horizontal).

    Returns:
        (N, O, H', W').
    """
    num, channels, height, width = x.shape
    out_height, out_width = offset.shape[-2:]
    points = weight.shape[-2] * weight.shape[-1]
    groups = offset.shape[1] // (2 * points)
    base_y, base_x = _sampled_cells(x, weight.shape[-2:],
                                    (out_height, out_width), stride, padding,
                                    dilation)

    offset = offset.reshape(num * groups, points, 2, out_height, out_width)
    grid = torch.stack((torch.add(base_x, offset[:, :, 1], alpha=2 / width),
                        torch.add(base_y, offset[:, :, 0], alpha=2 / height)),
                       dim=-1)
    samples = F.grid_sample(
        x.reshape(num * groups, channels // groups, height, width),
        grid.reshape(num * groups, points * out_height, out_width, 2),
        align_corners=False)
    if mask is not None:
        samples = samples * mask.reshape(num * groups, 1, points * out_height,
                                         out_width)
    # (N * G, C / G, P * H', W') is (N, C * P, H' * W') in memory
    columns = samples.reshape(num, channels * points, out_height * out_width)
    out = torch.matmul(weight.reshape(weight.shape[0], -1), columns)
    if bias is not None:
        out = out + bias[:, None]
    return out.reshape(num, weight.shape[0], out_height, out_width)


def _sampled_cells(x: Tensor, kernel_size: Sequence[int],
                   out_size: Sequence[int], stride: Sequence[int],
                   padding: Sequence[int],
                   dilation: Sequence[int]) -> Tuple[Tensor, Tensor]:
    """The cells that a plain convolution reads: y, (P, H', 1), and x, (P, 1,
    W'), in [-1, 1] without align_corners, which suits maps one cell wide."""
    factory = dict(device=x.device, dtype=x.dtype)
    cells = []
    for axis in range(2):
        tap = torch.arange(kernel_size[axis], **factory) * dilation[axis]
        out = torch.arange(out_size[axis], **factory)
        out = out * stride[axis] - padding[axis]
        # points in row-major order
        tap = tap.repeat(kernel_size[0]) if axis else tap.repeat_interleave(
            kernel_size[1])
        cells.append((2 * (tap[:, None] + out) + 1) / x.shape[2 + axis] - 1)
    return cells[0][:, :, None], cells[1][:, None, :]


@torch.no_grad()
def deform_conv2d_blocked(
    x: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Optional[Tensor] = None,
    padding: Tuple[int, int] = (0, 0),
    dilation: Tuple[int, int] = (1, 1)
) -> Tensor:
    """:func:`deform_conv2d_grid_sample` with stride 1, without a gradient; a
    few offset groups of one map go through all steps, in reused buffers, which
    the processor's caches hold: half the time (docs/performance.md)."""
    num, channels, height, width = x.shape
    out_size = offset.shape[-2:]
    points = weight.shape[-2] * weight.shape[-1]
    groups = offset.shape[1] // (2 * points)
    base_y, base_x = _sampled_cells(x, weight.shape[-2:], out_size, (1, 1),
                                    padding, dilation)
    maps = x.reshape(num, groups, channels // groups, height, width)
    offset = offset.reshape(num, groups, points, 2, *out_size)
    mask = mask.reshape(num, groups, 1, points * out_size[0], out_size[1])
    weight = weight.reshape(weight.shape[0], groups, -1)

    out = x.new_zeros(num, weight.shape[0], out_size[0] * out_size[1])
    if bias is not None:
        out += bias[:, None]
    # grid_sample shares its work among threads by the map
    block = max(_MIN_BLOCK, torch.get_num_threads())
    for start in range(0, groups, block):
        stop = min(start + block, groups)
        kernel = weight[:, start:stop].flatten(1)
        grid = x.new_empty(stop - start, points, *out_size, 2)
        for n in range(num):
            shift = offset[n, start:stop]
            torch.add(
                base_x, shift[:, :, 1], alpha=2 / width, out=grid[..., 0])
            torch.add(
                base_y, shift[:, :, 0], alpha=2 / height, out=grid[..., 1])
            samples = F.grid_sample(
                maps[n, start:stop], grid.flatten(1, 2), align_corners=False)
            samples *= mask[n, start:stop]
            # (groups, C / G, P * H, W) is (C / G * P ..., H * W) in memory
            samples = samples.reshape(kernel.shape[1], -1)
            torch.addmm(out[n], kernel, samples, out=out[n])
    return out.reshape(num, -1, *out_size)


BACKENDS = ('auto', 'mmcv', 'torchvision', 'grid_sample')


def mmcv_operator(cuda: bool = False) -> Optional[Callable]:
    """mmcv's operator, or ``None`` where mmcv is built without (for CUDA)."""
    try:
        from mmcv.ops import (get_compiling_cuda_version,
                              modulated_deform_conv2d)
    except ImportError:
        return None
    if cuda and get_compiling_cuda_version() == 'not available':
        return None
    return modulated_deform_conv2d


def _old_is_compiling() -> bool:
    import torch._dynamo
    return torch._dynamo.is_compiling()


# torch.compiler has it since torch 2.3
_is_compiling = getattr(torch.compiler, 'is_compiling', _old_is_compiling)


class DeformableConv2d(BaseModule):
    """Modulated deformable convolution, kernel only (Eq. 4).

    Args:
        kernel_size, padding, dilation: Of both directions.
        groups: G, groups of input channels with offsets of their own.
        backend: One of :data:`BACKENDS`, see the module.
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
        return self.kernel_size[0] * self.kernel_size[1]

    def resolve_backend(self, device: torch.device) -> str:
        if self.backend != 'auto':
            return self.backend
        if device.type != 'cuda':
            return 'grid_sample'
        return 'torchvision' if mmcv_operator(True) is None else 'mmcv'

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        """(N, C, H, W), offsets (N, 2 * G * P, H, W), in cells and pairs (dy,
        dx), and modulation (N, G * P, H, W) to (N, O, H, W), >= float32."""
        expected = self.groups * self.num_points
        if offset.shape[1] != 2 * expected or mask.shape[1] != expected:
            raise ValueError(
                f'{self.groups} groups of {self.num_points} kernel points '
                f'need {2 * expected} offset and {expected} mask channels, '
                f'got {offset.shape[1]} and {mask.shape[1]}')
        with torch.autocast(x.device.type, enabled=False):
            x = at_least_float32(x)
            bias = None if self.bias is None else self.bias.to(x.dtype)
            return self._run(x, offset.to(x.dtype), mask.to(x.dtype),
                             self.weight.to(x.dtype), bias)

    def _run(self, x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor,
             bias: Optional[Tensor]) -> Tensor:
        backend = self.resolve_backend(x.device)
        geometry = dict(padding=self.padding, dilation=self.dilation)
        if backend == 'torchvision':
            from torchvision.ops import deform_conv2d
            return deform_conv2d(
                x, offset, weight, bias, mask=mask, **geometry)
        if backend == 'mmcv':
            return mmcv_operator()(x.contiguous(), offset.contiguous(),
                                   mask.contiguous(), weight, bias, 1,
                                   self.padding, self.dilation, 1, self.groups)
        blocked = (
            x.device.type == 'cpu' and not torch.is_grad_enabled()
            and not _is_compiling() and not torch.jit.is_tracing())
        run = deform_conv2d_blocked if blocked else deform_conv2d_grid_sample
        return run(x, offset, mask, weight, bias, **geometry)

    def extra_repr(self) -> str:
        return (f'{self.in_channels}, {self.out_channels}, '
                f'kernel_size={self.kernel_size}, padding={self.padding}, '
                f'dilation={self.dilation}, groups={self.groups}, '
                f'backend={self.backend!r}')


class DeformableEstimator(BaseModule):
    """3x3 convolutions to offsets and modulation (Eq. 3).

    Args:
        groups, num_points: G and P.
        mask: What is done to the modulation: ``'sigmoid'`` or ``'none'``
            (authors' code).
        dilation: Of the two convolutions (authors' code: 3).
        offset_init: ``'zeros'``, usual for DCNv2: the layer starts as a plain
            convolution, scaled by sigmoid(0) = 0.5 with a sigmoid and by 1
            without; or ``'normal'``, N(0, 0.001), zero biases, the authors'
            recipe: without a sigmoid the modulation starts close to 0.
    """

    def __init__(self,
                 in_channels: int,
                 groups: int,
                 num_points: int,
                 mask: str = 'sigmoid',
                 dilation: int = 1,
                 offset_init: str = 'zeros') -> None:
        super().__init__()
        check_choice('mask', mask, ('sigmoid', 'none'))
        check_choice('offset_init', offset_init, ('zeros', 'normal'))
        check_positive_int('offset_dilation', dilation)
        self.mask = mask
        self.offset_init = offset_init
        self.offset_conv, self.mask_conv = (
            conv3x3(in_channels, n * groups * num_points, dilation, bias=True)
            for n in (2, 1))
        self._init_convs()

    def _init_convs(self) -> None:
        if self.offset_init == 'normal':
            normal_init(self.offset_conv, std=0.001)
            normal_init(self.mask_conv, std=0.001)
            return
        constant_init(self.offset_conv, 0)
        constant_init(self.mask_conv, 0, bias=int(self.mask == 'none'))

    def init_weights(self) -> None:
        super().init_weights()
        self._init_convs()

    def forward(self, offset_input: Tensor,
                mask_input: Tensor) -> Tuple[Tensor, Tensor]:
        """Maps (N, C, H, W) to offsets in cells, (N, 2 * G * P, H, W), and
        modulation, (N, G * P, H, W), in (0, 1) with a sigmoid."""
        offset = self.offset_conv(offset_input)
        mask = self.mask_conv(mask_input)
        return offset, mask.sigmoid_() if self.mask == 'sigmoid' else mask


class SteeredDeformableConv2d(BaseModule):
    """A deformable convolution steered by a map that is given with its input.

    Args:
        channels: Of input, output and steering map.
        groups, backend: As :class:`DeformableConv2d`'s.
        dilation: Dilation (and padding) of the deformable kernel.
        offset_dilation: Dilation of the estimating convolutions.
        mask, offset_init: As :class:`DeformableEstimator`'s.
    """

    def __init__(self,
                 channels: int,
                 groups: int = 12,
                 mask: str = 'sigmoid',
                 dilation: int = 1,
                 offset_dilation: int = 1,
                 offset_init: str = 'zeros',
                 backend: str = 'auto') -> None:
        super().__init__()
        self.conv = DeformableConv2d(channels, channels, 3, dilation, dilation,
                                     groups, True, backend)
        self.estimator = DeformableEstimator(channels, groups,
                                             self.conv.num_points, mask,
                                             offset_dilation, offset_init)

    def forward(self, x: Tensor, steering: Tensor) -> Tensor:
        """(N, C, H, W) displaced as ``steering`` (N, C, H, W) says."""
        return self.conv(x, *self.estimator(steering, steering))
