"""Pose Correction Network, DCPose's output.

Liu et al., CVPR 2021, Sec. 3.4: what the residual fusion and the temporal
merger give is combined by residual-steps blocks; for each of five dilations,
two convolutions of that dilation turn it into offsets and modulation of a
deformable convolution (each joint with its own) that resamples the merged
heatmaps; the results are averaged.

Shape shorthand: B clips, K keypoints, C channels, P = 9 kernel points, H x W
cells.
"""
from typing import Optional, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...layers import DeformableConv2d
from ...layers.checks import check_choice, check_positive_int
from .residual_steps import ResidualSteps

MASKS = ('none', 'sigmoid')


class PoseCorrection(BaseModule):
    """Modulated deformable convolutions on the merged heatmaps.

    Args:
        num_keypoints (int): K.
        in_channels (int): Channels of the residual fusion's result.
        inner_channels (int): Channels of the combined map.
        num_blocks (int): Number of blocks that combine.
        dilations (Sequence[int]): One deformable convolution for each.
        mask (str): What is done to the modulation: ``'none'`` (release) or
            ``'sigmoid'``.
        backend (str): As :class:`DeformableConv2d`'s.
        norm_cfg (dict, optional): Config of the normalisation layers.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 num_keypoints: int,
                 in_channels: int,
                 inner_channels: int,
                 num_blocks: int,
                 dilations: Sequence[int],
                 mask: str = 'none',
                 backend: str = 'auto',
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__()
        check_choice('mask', mask, MASKS)
        if not dilations:
            raise ValueError('dilations must name at least one, got '
                             f'{dilations!r}')
        for dilation in dilations:
            check_positive_int('dilations', dilation)
        self.mask = mask
        self.blocks = ResidualSteps(in_channels + num_keypoints,
                                    inner_channels, num_blocks, norm_cfg)

        def estimators(channels: int) -> nn.ModuleList:
            return nn.ModuleList(
                nn.Conv2d(
                    inner_channels,
                    channels,
                    kernel_size=3,
                    padding=dilation,
                    dilation=dilation,
                    bias=False) for dilation in dilations)

        self.offset_layers = estimators(2 * num_keypoints * 9)
        self.mask_layers = estimators(num_keypoints * 9)
        self.deform_conv_layers = nn.ModuleList(
            DeformableConv2d(
                num_keypoints,
                num_keypoints,
                padding=dilation,
                dilation=dilation,
                groups=num_keypoints,
                backend=backend) for dilation in dilations)
        self._start_as_identity()

    def _start_as_identity(self) -> None:
        for layer in self.deform_conv_layers:
            nn.init.dirac_(layer.weight)
            nn.init.zeros_(layer.bias)

    def init_weights(self) -> None:
        """Initialise; deformable kernels start as the identity."""
        super().init_weights()
        self._start_as_identity()

    def forward(self, residuals: Tensor, merged: Tensor) -> Tensor:
        """The corrected heatmaps.

        Args:
            residuals (Tensor): The residual fusion's result, (B, C, H, W).
            merged (Tensor): The temporal merger's, (B, K, H, W).

        Returns:
            Tensor: (B, K, H, W).
        """
        context = self.blocks(torch.cat((residuals, merged), dim=1))
        corrected = 0
        for offset_layer, mask_layer, convolution in zip(
                self.offset_layers, self.mask_layers, self.deform_conv_layers):
            mask = mask_layer(context)
            if self.mask == 'sigmoid':
                mask = torch.sigmoid(mask)
            corrected = corrected + convolution(merged, offset_layer(context),
                                                mask)
        return corrected / len(self.deform_conv_layers)
