"""Modulated deformable convolution for inference on CPUs, block by block.

The values of :func:`deform_conv2d_grid_sample`, whose intermediate results
are nine times the map and leave the processor's caches between each step and
the next. Here a few offset groups of one map go through all steps before the
next few, in buffers that are used again. Measured (docs/performance.md), that
halves the time of one map and takes a third of it off a batch. It has no
backward pass.

Shape shorthand: N maps, C input and O output channels, G offset groups, P
points of the kernel, H x W cells.
"""
from typing import Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .grid_sample_deform import sampled_cells

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
