"""InfoNCE, a lower bound of the mutual information of two feature maps.

van den Oord et al., "Representation Learning with Contrastive Predictive
Coding": with N pairs drawn from the joint distribution and any critic f,
I(x; y) >= ln N + E[ln softmax_j f(x_i, y_j) at j = i]. Here a pair is the two
maps' channel vectors at one place of one clip, and the critic is the cosine
similarity over a temperature. Bounded: it cannot exceed ln N, nor fall below
-2 / temperature.

Shape shorthand: B clips, C channels, H x W cells, N = B * h * w pairs.
"""
import math
from typing import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers.precision import at_least_float32

# keeps the direction's gradient finite where a vector is zero
EPSILON = 1e-3


def info_nce(x: Tensor,
             y: Tensor,
             temperature: float = 0.1,
             grid: Sequence[int] = (8, 6)) -> Tensor:
    """InfoNCE estimate of I(x; y).

    Args:
        x (Tensor): (B, C, H, W).
        y (Tensor): (B, C, H, W).
        temperature (float): The critic's temperature. Defaults to 0.1.
        grid (tuple[int, int]): The maps are averaged over a grid of at most
            this many cells (height, width), which bounds N and makes the
            pairs less dependent. Defaults to ``(8, 6)``.

    Returns:
        Tensor: The estimate in nats, a scalar, at most ln N.
    """
    directions_x, directions_y = (_directions(maps, grid) for maps in (x, y))
    critic = directions_x @ directions_y.t() / temperature
    pairs = torch.arange(len(critic), device=critic.device)
    return math.log(len(critic)) - F.cross_entropy(critic, pairs)


def _directions(maps: Tensor, grid: Sequence[int]) -> Tensor:
    """Unit vectors (N, C) of the cells of a coarser grid."""
    size = tuple(min(a, b) for a, b in zip(grid, maps.shape[-2:]))
    maps = at_least_float32(maps)
    # squares of huge values would overflow; the scale does not matter
    scale = maps.detach().abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1)
    vectors = F.adaptive_avg_pool2d(maps / scale, size)
    vectors = vectors.permute(0, 2, 3, 1).flatten(0, 2)
    squares = vectors.square().sum(dim=1, keepdim=True)
    return vectors * (squares + EPSILON**2).rsqrt()
