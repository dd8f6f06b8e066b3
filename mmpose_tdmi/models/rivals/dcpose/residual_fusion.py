"""Pose Residual Fusion, DCPose's motion cue.

Liu et al., "Deep Dual Consecutive Network for Human Pose Estimation", CVPR
2021, Sec. 3.3: the key frame's heatmaps minus those of the frame before, and
minus those of the frame after, each as it is and weighted by how near that
frame is; per joint, four maps.

Shape shorthand: B clips, K keypoints, H x W cells.
"""
from typing import Optional, Tuple

from mmengine.model import BaseModule
from torch import Tensor

from .joint_groups import group_by_joint
from .residual_steps import ResidualSteps


class PoseResidualFusion(BaseModule):
    """Residual-steps blocks on weighted heatmap residuals.

    Args:
        num_keypoints (int): K.
        out_channels (int): Channels of the result.
        num_blocks (int): Number of blocks.
        frame_weights (tuple[float, float]): Weights of the frame before and
            of the frame after, in (0, 1).
        norm_cfg (dict, optional): Config of the normalisation layers.
    """

    def __init__(self,
                 num_keypoints: int,
                 out_channels: int,
                 num_blocks: int,
                 frame_weights: Tuple[float, float],
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__()
        self.frame_weights = frame_weights
        self.blocks = ResidualSteps(4 * num_keypoints, out_channels,
                                    num_blocks, norm_cfg)

    def residuals(self, previous: Tensor, key: Tensor,
                  following: Tensor) -> Tensor:
        """Weighted residuals in both directions of time.

        Args:
            previous, key, following (Tensor): Heatmaps, (B, K, H, W).

        Returns:
            Tensor: (B, 4 * K, H, W); exact zeros for a static clip.
        """
        past, future = key - previous, key - following
        return group_by_joint(past, past * self.frame_weights[0], future,
                              future * self.frame_weights[1])

    def forward(self, previous: Tensor, key: Tensor,
                following: Tensor) -> Tensor:
        """(B, K, H, W) each -> (B, out_channels, H, W)."""
        return self.blocks(self.residuals(previous, key, following))
