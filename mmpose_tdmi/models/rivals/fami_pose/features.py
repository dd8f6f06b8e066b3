"""What FAMI-Pose's neck gives to its head.

Shape shorthand: B clips, S supporting features, C channels, H x W cells.
"""
from typing import NamedTuple

from torch import Tensor


class FAMIFeatures(NamedTuple):
    """Features of a batch of clips.

    The last item is what a heatmap layer reads: a stock head that takes
    ``feats[-1]`` works on these.

    Attributes:
        support (Tensor): What there was to learn from, (B, S, C, H, W): the
            supporting frames' maps, or with ``merge='before'`` their
            globally aligned merger, S = 1.
        calibrated (Tensor): The supporting frames' aligned feature, (B, C,
            H, W).
        key (Tensor): The key frame's map, (B, C, H, W).
        fused (Tensor): The enhanced feature, (B, C, H, W).
    """
    support: Tensor
    calibrated: Tensor
    key: Tensor
    fused: Tensor
