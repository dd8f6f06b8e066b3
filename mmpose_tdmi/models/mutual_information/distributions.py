"""Distributions over space and quantities between them.

The mutual information terms (Eq. 8 to 13) are estimated from feature maps
and heatmaps read as distributions over the H x W cells of each channel.
Everything here is computed in float32 or better and is finite for all finite
input, whatever its size.

Shape shorthand: B clips, C channels, H x W cells, L = H * W.
"""
import math

import torch
from torch import Tensor

from ..layers.precision import at_least_float32

LOG_2 = math.log(2)
# exp() of it is 0 in float32 and float64, so that clamping here changes no
# probability, and it bounds every divergence
MIN_LOGIT = -1e4


def spatial_log_softmax(maps: Tensor, temperature: float) -> Tensor:
    """Log-probabilities of the cells of each channel.

    Args:
        maps (Tensor): (B, C, H, W), finite.
        temperature (float): What the maps are divided by.

    Returns:
        Tensor: (B, C, L), between about -1e4 and 0.
    """
    logits = at_least_float32(maps).flatten(2)
    logits = logits - logits.amax(dim=-1, keepdim=True).detach()
    logits = (logits / temperature).clamp_min(MIN_LOGIT)
    return torch.log_softmax(logits, dim=-1)


def kl_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) in nats, (..., L) -> (...), >= 0."""
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1)


def js_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Jensen-Shannon divergence in nats, (..., L) -> (...), in [0, ln 2].

    It is the mutual information between a fair coin and a cell drawn from p
    or q as the coin says.
    """
    log_mean = torch.logaddexp(log_p, log_q) - LOG_2
    return (kl_divergence(log_p, log_mean) +
            kl_divergence(log_q, log_mean)) / 2
