"""Where in each frame a joint's query may look.

Fang et al., "Beyond Static Frames: Temporal Aggregate-and-Restore Vision
Transformer for Human Pose Estimation" (TAR-ViTPose), CVPR 2026, Sec. 3.2: a
joint's single-frame heatmap, scaled to [0, 1], is cut off at a threshold.

The release resizes heatmaps to the tokens bilinearly before it cuts them off,
by which a narrow peak may vanish, and a query left with no place at all gives
NaN. Here the tokens take the maximum of their cells, so the peak always
remains; a heatmap without any peak allows every place.

Shape shorthand: N frames, K keypoints, h x w tokens, H x W heatmap cells.
"""
from typing import Tuple

import torch.nn.functional as F
from torch import Tensor


def joint_regions(heatmaps: Tensor, size: Tuple[int, int],
                  threshold: float) -> Tensor:
    """Tokens where a heatmap is high.

    Args:
        heatmaps (Tensor): Single-frame heatmaps, (N, K, H, W).
        size (tuple[int, int]): (h, w).
        threshold (float): In [0, 1], of the heatmap scaled to [0, 1].

    Returns:
        Tensor: Boolean, (N, K, h, w), somewhere true for each joint.
    """
    tokens = F.adaptive_max_pool2d(heatmaps, size)
    low = heatmaps.amin(dim=(2, 3), keepdim=True)
    high = heatmaps.amax(dim=(2, 3), keepdim=True)
    return tokens - low >= threshold * (high - low)
