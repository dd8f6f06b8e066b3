"""Chains of residual-steps blocks, which DCPose is built of.

The block is MMPose's ``RSB``, of its RSN backbone (Cai et al., "Learning
Delicate Local Representations for Multi-Person Pose Estimation", ECCV 2020);
this module says how DCPose chains it: the first block's skip is a 1x1
convolution with batch normalisation.

Shape shorthand: N maps, C channels, H x W cells.
"""
from typing import Optional

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential
from mmpose.models.backbones.rsn import RSB
from torch import Tensor

from ...layers.checks import check_positive_int


class ResidualSteps(BaseModule):
    """``num_blocks`` residual-steps blocks in a row.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of every block's output.
        num_blocks (int): Number of blocks, at least 1.
        norm_cfg (dict, optional): Config of the normalisation layers.
            Defaults to ``None``, batch normalisation.

    Raises:
        ValueError: If ``num_blocks`` is not positive.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_blocks: int,
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__()
        check_positive_int('num_blocks', num_blocks)
        norm_cfg = norm_cfg or dict(type='BN')
        skip = ConvModule(
            in_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)
        blocks = [
            RSB(in_channels, out_channels, downsample=skip, norm_cfg=norm_cfg)
        ]
        blocks.extend(
            RSB(out_channels, out_channels, norm_cfg=norm_cfg)
            for _ in range(num_blocks - 1))
        self.blocks = Sequential(*blocks)

    def init_weights(self) -> None:
        """Keep what the parent's config has set.

        mmcv's ``ConvModule`` would initialise its convolution once more, in
        its own way.
        """

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W), >= 0."""
        return self.blocks(x)
