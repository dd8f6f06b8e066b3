"""Spatial modulation of a stage's motion feature, Eq. 3 and 4.

Residual blocks and a plain convolution estimate, from D^j, the offsets O^j
and the modulation W^j of a deformable convolution (DCNv2), which then
calibrates D^j. The paper estimates O^j and W^j "independently", each with
blocks of its own. Departures that the options offer are those of the
authors' code: the estimate sees the key frame's visual map beside D^j, one
residual block serves both, the estimating convolutions are dilated by 3, the
modulation has no sigmoid.

Shape shorthand: B clips, C channels, H x W feature cells.
"""
from typing import Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor

from ..layers import DeformableConv2d, DeformableEstimator, ResidualChain
from ..layers.checks import check_choice, check_positive_int

OFFSET_INPUTS = ('difference', 'key_and_difference')
CHAINS = ('independent', 'shared')

#: The options of the config key ``modulation`` with their defaults.
MODULATION_DEFAULTS = dict(
    backend='auto',
    groups=12,
    mask='sigmoid',
    offset_input='difference',
    chains='independent',
    num_blocks=1,
    offset_dilation=1,
    offset_init='zeros',
    kernel_size=3,
    dilation=1)


class SpatialModulation(BaseModule):
    """DCNv2 on a stage's motion feature, steered by itself (Eq. 3 and 4).

    Args:
        channels (int): C, of D^j, of the key frame's map and of the result.
        backend (str): Backend of the deformable convolution, see
            :class:`DeformableConv2d`. Defaults to ``'auto'``.
        groups (int): Offset groups. Defaults to 12.
        mask (str): ``'sigmoid'`` or ``'none'`` (authors' code).
        offset_input (str): What the estimate looks at: ``'difference'``,
            D^j, or ``'key_and_difference'``, the concatenation of the key
            frame's visual map and D^j (authors' code).
        chains (str): ``'independent'`` residual blocks for offsets and
            modulation, or ``'shared'`` (authors' code).
        num_blocks (int): Residual blocks before the plain convolutions; the
            paper gives no number. Defaults to 1.
        offset_dilation (int): Dilation of the plain convolutions. Defaults
            to 1; the authors' code has 3.
        offset_init (str): ``'zeros'`` or ``'normal'``, see
            :class:`DeformableEstimator`.
        kernel_size (int): Odd side of the deformable kernel. Defaults to 3.
        dilation (int): Dilation of the deformable kernel. Defaults to 1.
        skip_projection (str): As :class:`ResidualChain`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 channels: int,
                 backend: str = 'auto',
                 groups: int = 12,
                 mask: str = 'sigmoid',
                 offset_input: str = 'difference',
                 chains: str = 'independent',
                 num_blocks: int = 1,
                 offset_dilation: int = 1,
                 offset_init: str = 'zeros',
                 kernel_size: int = 3,
                 dilation: int = 1,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        check_choice('offset_input', offset_input, OFFSET_INPUTS)
        check_choice('chains', chains, CHAINS)
        check_positive_int('kernel_size', kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, got {kernel_size}')
        self.offset_input = offset_input
        in_channels = channels * (1 + (offset_input == 'key_and_difference'))

        def chain() -> ResidualChain:
            return ResidualChain(
                in_channels,
                channels,
                num_blocks,
                skip_projection=skip_projection,
                norm_cfg=norm_cfg,
                with_cp=with_cp)

        self.offset_blocks = chain()
        self.mask_blocks = chain() if chains == 'independent' else None
        self.conv = DeformableConv2d(
            channels,
            channels,
            kernel_size=kernel_size,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
            groups=groups,
            backend=backend)
        self.estimator = DeformableEstimator(
            channels,
            groups,
            self.conv.num_points,
            mask=mask,
            dilation=offset_dilation,
            offset_init=offset_init)

    def forward(self, motion: Tensor, key: Tensor) -> Tensor:
        """Calibrate a stage's motion feature.

        Args:
            motion (Tensor): D^j, (B, C, H, W).
            key (Tensor): The key frame's visual map, (B, C, H, W); not used
                with ``offset_input='difference'``.

        Returns:
            Tensor: The calibrated feature, (B, C, H, W).
        """
        seen = motion
        if self.offset_input == 'key_and_difference':
            seen = torch.cat((key, motion), dim=1)
        for_offset = self.offset_blocks(seen)
        for_mask = for_offset
        if self.mask_blocks is not None:
            for_mask = self.mask_blocks(seen)
        return self.conv(motion, *self.estimator(for_offset, for_mask))
