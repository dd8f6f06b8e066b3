"""Aggregation of useful motion and visual feature, Section 3.2.

"We integrate the useful motion feature and the visual feature of the key
frame through several residual blocks": residual blocks on cat[Mu, V]; the
authors' code has three. Not in the paper: ``visual_shortcut`` adds a visual
feature, the key frame's or :class:`WindowShortcut`'s, to a zero-scaled result
of the blocks, so that a model loaded with single-frame weights starts *as* the
single-frame model, or as its mean over the window.

Shape shorthand: B clips, C channels, H x W feature cells.
"""
from typing import Optional

import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule, constant_init
from torch import Tensor

from ..layers import ResidualChain


class Aggregation(BaseModule):
    """Residual blocks on the concatenation of motion and visual feature.

    Args:
        channels (int): C, of both features and of the result.
        num_blocks (int): Number of blocks. Defaults to 3.
        visual_shortcut (bool): Whether the result is a visual feature plus
            the normalised output of the blocks, with a scale that starts at
            zero. Defaults to ``False``.
        skip_projection (str): As :class:`ResidualChain`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.
    """

    def __init__(self,
                 channels: int,
                 num_blocks: int = 3,
                 visual_shortcut: bool = False,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        norm_cfg = norm_cfg or dict(type='BN')
        self.blocks = ResidualChain(
            2 * channels,
            channels,
            num_blocks,
            skip_projection=skip_projection,
            norm_cfg=norm_cfg,
            with_cp=with_cp)
        self.shortcut_norm = None
        if visual_shortcut:
            self.shortcut_norm = build_norm_layer(norm_cfg, channels)[1]
            constant_init(self.shortcut_norm, 0)

    def init_weights(self) -> None:
        """Initialise; the shortcut's scale starts at zero."""
        super().init_weights()
        if self.shortcut_norm is not None:
            constant_init(self.shortcut_norm, 0)

    def forward(self, useful: Tensor, visual: Tensor,
                shortcut: Tensor) -> Tensor:
        """The enhanced representation.

        Args:
            useful (Tensor): Mu, (B, C, H, W).
            visual (Tensor): V, (B, C, H, W).
            shortcut (Tensor): What the result starts as, (B, C, H, W), such
                as the key frame's visual feature; it only counts with
                ``visual_shortcut``.

        Returns:
            Tensor: (B, C, H, W).
        """
        fused = self.blocks(torch.cat((useful, visual), dim=1))
        if self.shortcut_norm is None:
            return fused
        return shortcut + self.shortcut_norm(fused)
