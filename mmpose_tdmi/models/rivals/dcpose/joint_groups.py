"""Maps of several kinds, put side by side joint by joint.

Shape shorthand: B clips, K keypoints, S kinds of maps, H x W cells.
"""
import torch
from torch import Tensor


def group_by_joint(*maps: Tensor) -> Tensor:
    """Interleave heatmaps so that each joint's are neighbours.

    Args:
        *maps (Tensor): S tensors (B, K, H, W).

    Returns:
        Tensor: (B, K * S, H, W), joint k's maps at k * S ... k * S + S - 1.
    """
    return torch.stack(maps, dim=2).flatten(1, 2)
