"""Modulated deformable convolution (DCNv2) from stock PyTorch operators.

The operator of Zhu et al., "Deformable ConvNets v2", as TDMI uses it in
Eq. 4, written with :func:`torch.nn.functional.grid_sample` and one matrix
product. It gives the values of torchvision's and mmcv's compiled operators,
and what those lack: several CPU threads, double backward (both compiled
operators have none) and export by tracing.

Shape shorthand: N maps, C input and O output channels, G offset groups, P
points of the kernel (kh * kw), H x W input and H' x W' output cells.
"""
from typing import Optional, Tuple

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
    kernel_h, kernel_w = weight.shape[-2:]
    points = kernel_h * kernel_w
    groups = offset.shape[1] // (2 * points)

    # the cells that a plain convolution reads, in grid_sample's [-1, 1]
    # without align_corners, which unlike the other convention also holds for
    # maps one cell wide
    factory = dict(device=x.device, dtype=x.dtype)
    tap_y = torch.arange(kernel_h, **factory) * dilation[0]
    tap_x = torch.arange(kernel_w, **factory) * dilation[1]
    out_y = torch.arange(out_height, **factory) * stride[0] - padding[0]
    out_x = torch.arange(out_width, **factory) * stride[1] - padding[1]
    base_y = tap_y.repeat_interleave(kernel_w)[:, None] + out_y
    base_x = tap_x.repeat(kernel_h)[:, None] + out_x
    base_y = ((2 * base_y + 1) / height - 1)[:, :, None]
    base_x = ((2 * base_x + 1) / width - 1)[:, None, :]

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
