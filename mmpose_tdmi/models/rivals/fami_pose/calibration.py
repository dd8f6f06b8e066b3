"""Local calibration, FAMI-Pose's fine alignment.

Liu et al., CVPR 2022, Sec. 3.1: the globally aligned feature is resampled by
deformable convolutions whose offsets and modulation come from it and the key
frame's map. In the release:

- c: a residual block on the concatenation of both;
- two deformable convolutions in turn on c, each steered by its own input;
- a third on the supporting feature, steered by their result; a fourth on
  that, steered by itself.

TDMI-ST's visual feature is of the same design (``spatiotemporal.py``).

Shape shorthand: N maps, C channels, H x W cells.
"""
from typing import Mapping, Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor

from ...layers import ResidualChain, SteeredDeformableConv2d
from ...layers.checks import merge_options

#: The options of the config key ``calibration`` with their defaults.
CALIBRATION_DEFAULTS = dict(
    backend='auto',
    groups=12,
    mask='none',
    dilation=3,
    offset_dilation=3,
    offset_init='normal')


class LocalCalibration(BaseModule):
    """Align a supporting feature to the key frame's, cell by cell.

    Args:
        channels (int): C.
        options (Mapping, optional): Those of :class:`SteeredDeformableConv2d`
            in :data:`CALIBRATION_DEFAULTS`, the release's.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 channels: int,
                 options: Optional[Mapping] = None,
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        options = merge_options('calibration', options, CALIBRATION_DEFAULTS)
        self.context_blocks = ResidualChain(
            2 * channels,
            channels,
            1,
            skip_projection='always',
            norm_cfg=norm_cfg,
            with_cp=with_cp)
        self.context_deform1 = SteeredDeformableConv2d(channels, **options)
        self.context_deform2 = SteeredDeformableConv2d(channels, **options)
        self.align_deform1 = SteeredDeformableConv2d(channels, **options)
        self.align_deform2 = SteeredDeformableConv2d(channels, **options)

    def forward(self, support: Tensor, key: Tensor) -> Tensor:
        """Supporting features, aligned; all (N, C, H, W)."""
        context = self.context_blocks(torch.cat((support, key), dim=1))
        context = self.context_deform1(context, context)
        context = self.context_deform2(context, context)
        aligned = self.align_deform1(support, context)
        return self.align_deform2(aligned, aligned)
