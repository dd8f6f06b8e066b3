"""Pose Temporal Merger, DCPose's search scope.

Liu et al., CVPR 2021, Sec. 3.2: each joint's heatmaps of the three frames,
the outer two weighted by how near their frame is, are merged into one. The
merged map is where the joint may be; the correction then resamples it.

Shape shorthand: B clips, K keypoints, H x W cells.
"""
from typing import Optional, Tuple

from mmengine.model import BaseModule
from torch import Tensor

from .joint_groups import group_by_joint
from .residual_steps import ResidualSteps


class PoseTemporalMerger(BaseModule):
    """Residual-steps blocks on the three frames' weighted heatmaps.

    Args:
        num_keypoints (int): K.
        num_blocks (int): Number of blocks.
        frame_weights (tuple[float, float]): Weights of the frame before and
            of the frame after, in (0, 1); the key frame's is 1.
        norm_cfg (dict, optional): Config of the normalisation layers.
    """

    def __init__(self,
                 num_keypoints: int,
                 num_blocks: int,
                 frame_weights: Tuple[float, float],
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__()
        self.frame_weights = frame_weights
        self.blocks = ResidualSteps(3 * num_keypoints, num_keypoints,
                                    num_blocks, norm_cfg)

    def forward(self, previous: Tensor, key: Tensor,
                following: Tensor) -> Tensor:
        """(B, K, H, W) each -> the merged heatmaps, (B, K, H, W), >= 0."""
        return self.blocks(
            group_by_joint(key, previous * self.frame_weights[0],
                           following * self.frame_weights[1]))
