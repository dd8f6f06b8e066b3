"""Chains of ResNet basic blocks, the paper's "residual blocks".

Used for intra-stage fusion (Eq. 2), for estimating offsets and modulation
(Eq. 3) and for aggregation (Sec. 3.2, "Heatmap generation"). The block is
MMPose's ``BasicBlock``; this module only says how a chain is put together.
The paper does not say what the skip of a block looks like; the authors' code
gives the first block of every chain a 1x1 convolution with batch
normalisation, also where the channels agree: ``skip_projection='always'``.

Shape shorthand: N maps, C channels, H x W feature cells.
"""
from typing import Optional

from mmcv.cnn import build_conv_layer, build_norm_layer
from mmengine.model import BaseModule, Sequential
from mmpose.models.backbones.resnet import BasicBlock
from torch import Tensor

from .checks import check_choice, check_positive_int

SKIP_PROJECTIONS = ('needed', 'always')


class ResidualChain(BaseModule):
    """``num_blocks`` basic blocks (two 3x3 convolutions each) in a row.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of every block's output.
        num_blocks (int): Number of blocks, at least 1.
        skip_projection (str): When the first block's skip is a 1x1
            convolution with normalisation: ``'needed'``, only where
            ``in_channels != out_channels``, or ``'always'`` (the authors'
            code). Defaults to ``'needed'``.
        norm_cfg (dict, optional): Config of the normalisation layers.
            Defaults to ``None``, batch normalisation.
        with_cp (bool): Recompute activations in the backward pass to save
            memory. Defaults to ``False``.
        init_cfg (dict | list[dict], optional): Initialisation config.

    Raises:
        ValueError: If ``num_blocks`` or ``skip_projection`` is invalid.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_blocks: int,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False,
                 init_cfg=None) -> None:
        super().__init__(init_cfg)
        check_positive_int('num_blocks', num_blocks)
        check_choice('skip_projection', skip_projection, SKIP_PROJECTIONS)
        norm_cfg = norm_cfg or dict(type='BN')
        downsample = None
        if skip_projection == 'always' or in_channels != out_channels:
            downsample = Sequential(
                build_conv_layer(
                    None, in_channels, out_channels, kernel_size=1,
                    bias=False),
                build_norm_layer(norm_cfg, out_channels)[1])
        blocks = [
            BasicBlock(
                in_channels,
                out_channels,
                downsample=downsample,
                norm_cfg=norm_cfg,
                with_cp=with_cp)
        ]
        blocks.extend(
            BasicBlock(
                out_channels, out_channels, norm_cfg=norm_cfg, with_cp=with_cp)
            for _ in range(num_blocks - 1))
        self.blocks = Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W), >= 0."""
        return self.blocks(x)
