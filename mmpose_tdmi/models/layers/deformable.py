"""Modulated deformable convolution (DCNv2) from stock PyTorch operators.

The operator of Zhu et al., "Deformable ConvNets v2", as TDMI uses it in
Eq. 4, written with :func:`torch.nn.functional.grid_sample` and one matrix
product. It gives the values of torchvision's and mmcv's compiled operators,
and what those lack: several CPU threads, double backward (both compiled
operators have none) and export by tracing.

Shape shorthand: N maps, C input and O output channels, G offset groups, P
points of the kernel (kh * kw), H x W input and H' x W' output cells.

Modulated deformable convolution for inference on CPUs, block by block.

The values of :func:`deform_conv2d_grid_sample`, whose intermediate results
are nine times the map and leave the processor's caches between each step and
the next. Here a few offset groups of one map go through all steps before the
next few, in buffers that are used again. Measured (docs/performance.md), that
halves the time of one map and takes a third of it off a batch. It has no
backward pass.

Shape shorthand: N maps, C input and O output channels, G offset groups, P
points of the kernel, H x W cells.

A modulated deformable convolution (DCNv2) with a choice of backends.

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

Offsets and modulation of a deformable convolution from a feature map.

The "regular convolution" of Eq. 3: two 3x3 convolutions estimate the kernel
offsets O and the modulation W. How they are initialised is a choice:

- ``'zeros'`` (default, as is usual for DCNv2): offsets start at zero and the
  modulation constant, so that the layer starts as a plain convolution,
  scaled by sigmoid(0) = 0.5 with a sigmoid mask and by 1 without;
- ``'normal'``: N(0, 0.001) with zero biases, the authors' recipe for every
  new convolution. Without a sigmoid the modulation then starts close to 0.

The authors' code puts no sigmoid on the mask and dilates the estimating
convolutions by 3.

Shape shorthand: N maps, C channels, G offset groups, P kernel points, H x W
cells.
"""
from typing import Callable, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, constant_init, normal_init
from torch import Tensor, nn
from torch.nn.modules.utils import _pair

from .blocks import at_least_float32, check_choice, check_positive_int


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
        x (Tensor): Input, (N, C, H, W).
        offset (Tensor): Kernel offsets in input cells, (N, G * P * 2, H',
            W'), the pair in the order (dy, dx), as torchvision and mmcv.
        mask (Tensor, optional): Modulation, (N, G * P, H', W').
        weight (Tensor): (O, C, kh, kw).
        bias (Tensor, optional): (O, ).
        stride, padding, dilation (tuple[int, int]): As a convolution's, in
            the order (vertical, horizontal).

    Returns:
        Tensor: (N, O, H', W').
    """
    num, channels, height, width = x.shape
    out_height, out_width = offset.shape[-2:]
    points = weight.shape[-2] * weight.shape[-1]
    groups = offset.shape[1] // (2 * points)
    base_y, base_x = sampled_cells(x, weight.shape[-2:],
                                   (out_height, out_width), stride, padding,
                                   dilation)

    offset = offset.reshape(num * groups, points, 2, out_height, out_width)
    grid = torch.stack((torch.add(base_x, offset[:, :, 1], alpha=2 / width),
                        torch.add(base_y, offset[:, :, 0], alpha=2 / height)),
                       dim=-1)
    samples = F.grid_sample(
        x.reshape(num * groups, channels // groups, height, width),
        grid.reshape(num * groups, points * out_height, out_width, 2),
        mode='bilinear',
        padding_mode='zeros',
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


def sampled_cells(x: Tensor, kernel_size: Sequence[int],
                  out_size: Sequence[int], stride: Sequence[int],
                  padding: Sequence[int],
                  dilation: Sequence[int]) -> Tuple[Tensor, Tensor]:
    """The cells that a plain convolution reads, as grid_sample counts them.

    That is in [-1, 1] without align_corners, which unlike the other
    convention also holds for maps one cell wide.

    Args:
        x (Tensor): Input, (N, C, H, W).
        kernel_size, out_size, stride, padding, dilation (Sequence[int]): As
            the convolution's, in the order (vertical, horizontal).

    Returns:
        tuple[Tensor, Tensor]: y, (P, H', 1), and x, (P, 1, W').
    """
    factory = dict(device=x.device, dtype=x.dtype)
    cells = []
    for axis in range(2):
        tap = torch.arange(kernel_size[axis], **factory) * dilation[axis]
        out = torch.arange(out_size[axis], **
                           factory) * stride[axis] - padding[axis]
        # points in row-major order
        tap = (
            tap.repeat_interleave(kernel_size[1])
            if axis == 0 else tap.repeat(kernel_size[0]))
        cells.append((2 * (tap[:, None] + out) + 1) / x.shape[2 + axis] - 1)
    return cells[0][:, :, None], cells[1][:, None, :]


#: Offset groups in a block, at least: fewer make the steps too short.
_MIN_BLOCK = 4


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
    """Modulated deformable convolution with stride 1.

    Args:
        x (Tensor): Input, (N, C, H, W).
        offset (Tensor): Kernel offsets in input cells, (N, G * P * 2, H, W),
            the pair in the order (dy, dx).
        mask (Tensor): Modulation, (N, G * P, H, W).
        weight (Tensor): (O, C, kh, kw).
        bias (Tensor, optional): (O, ).
        padding, dilation (tuple[int, int]): As a convolution's, in the order
            (vertical, horizontal).

    Returns:
        Tensor: (N, O, H, W), without a gradient.
    """
    num, channels, height, width = x.shape
    out_size = offset.shape[-2:]
    points = weight.shape[-2] * weight.shape[-1]
    groups = offset.shape[1] // (2 * points)
    base_y, base_x = sampled_cells(x, weight.shape[-2:], out_size, (1, 1),
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
                maps[n, start:stop],
                grid.flatten(1, 2),
                mode='bilinear',
                padding_mode='zeros',
                align_corners=False)
            samples *= mask[n, start:stop]
            # (groups, C / G, P * H, W) is (C / G * P ..., H * W) in memory
            torch.addmm(
                out[n],
                kernel,
                samples.reshape(kernel.shape[1], -1),
                out=out[n])
    return out.reshape(num, -1, *out_size)


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


MASKS = ('sigmoid', 'none')
OFFSET_INITS = ('zeros', 'normal')


class DeformableEstimator(BaseModule):
    """3x3 convolutions to offsets and modulation (Eq. 3).

    Args:
        in_channels (int): Channels of the maps that are looked at.
        groups (int): G.
        num_points (int): P.
        mask (str): What is done to the modulation: ``'sigmoid'`` or
            ``'none'``.
        dilation (int): Dilation of the two convolutions.
        offset_init (str): ``'zeros'`` or ``'normal'``, see the module.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 in_channels: int,
                 groups: int,
                 num_points: int,
                 mask: str = 'sigmoid',
                 dilation: int = 1,
                 offset_init: str = 'zeros') -> None:
        super().__init__()
        check_choice('mask', mask, MASKS)
        check_choice('offset_init', offset_init, OFFSET_INITS)
        check_positive_int('offset_dilation', dilation)
        self.mask = mask
        self.offset_init = offset_init
        self.offset_conv, self.mask_conv = (
            nn.Conv2d(
                in_channels,
                channels,
                kernel_size=3,
                padding=dilation,
                dilation=dilation)
            for channels in (2 * groups * num_points, groups * num_points))
        self._init_convs()

    def _init_convs(self) -> None:
        if self.offset_init == 'normal':
            normal_init(self.offset_conv, std=0.001)
            normal_init(self.mask_conv, std=0.001)
            return
        constant_init(self.offset_conv, 0)
        constant_init(
            self.mask_conv, 0, bias=0 if self.mask == 'sigmoid' else 1)

    def init_weights(self) -> None:
        """Initialise as ``offset_init`` says, whatever the parent's config."""
        super().init_weights()
        self._init_convs()

    def forward(self, offset_input: Tensor,
                mask_input: Tensor) -> Tuple[Tensor, Tensor]:
        """Offsets and modulation.

        Args:
            offset_input (Tensor): Map for the offsets, (N, C, H, W).
            mask_input (Tensor): Map for the modulation, (N, C, H, W).

        Returns:
            tuple[Tensor, Tensor]: Offsets in cells, (N, 2 * G * P, H, W),
            and modulation, (N, G * P, H, W), in (0, 1) with a sigmoid.
        """
        offset = self.offset_conv(offset_input)
        mask = self.mask_conv(mask_input)
        return offset, mask.sigmoid_() if self.mask == 'sigmoid' else mask


class SteeredDeformableConv2d(BaseModule):
    """A deformable convolution steered by a map that is given with its input.

    Args:
        channels (int): Channels of input, output and steering map.
        groups (int): Offset groups.
        mask (str): ``'sigmoid'`` or ``'none'``.
        dilation (int): Dilation (and padding) of the deformable kernel.
        offset_dilation (int): Dilation of the estimating convolutions.
        offset_init (str): ``'zeros'`` or ``'normal'``.
        backend (str): As :class:`DeformableConv2d`'s.
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
        self.conv = DeformableConv2d(
            channels,
            channels,
            padding=dilation,
            dilation=dilation,
            groups=groups,
            backend=backend)
        self.estimator = DeformableEstimator(
            channels,
            groups,
            self.conv.num_points,
            mask=mask,
            dilation=offset_dilation,
            offset_init=offset_init)

    def forward(self, x: Tensor, steering: Tensor) -> Tensor:
        """(N, C, H, W) displaced as ``steering`` (N, C, H, W) says."""
        return self.conv(x, *self.estimator(steering, steering))
