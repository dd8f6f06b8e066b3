"""Modulated deformable convolution (DCNv2) from stock PyTorch operators.

The operator of Zhu et al., "Deformable ConvNets v2", as TDMI uses it in
Eq. 4, written with :func:`torch.nn.functional.grid_sample` and one matrix
product. It gives the values of torchvision's and mmcv's compiled operators,
and what those lack: several CPU threads, double backward (both compiled
operators have none) and export by tracing.

Shape shorthand: N maps, C input and O output channels, G offset groups, P
points of the kernel (kh * kw), H x W input and H' x W' output cells.
"""
from typing import Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor


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
