"""Warping of one frame's heatmaps to another frame, PoseWarper's core.

Bertasius et al., "Learning Temporal Pose Estimation from Sparsely Labeled
Videos", NeurIPS 2019, Sec. 3: the difference of two frames' heatmaps goes
through residual blocks; for each of several dilations a convolution of that
dilation turns it into the offsets of a deformable convolution (without
modulation, each joint with offsets of its own) that resamples the supporting
frame's heatmaps; the results are averaged. Offsets start at zero and kernels
as the identity, so that a new module passes the supporting frame's heatmaps
through.

Shape shorthand: N pairs of frames, K keypoints, P = 9 kernel points, H x W
cells.
"""
from typing import Optional, Sequence, Tuple

from mmengine.model import BaseModule, constant_init
from torch import Tensor, nn

from ...layers import DeformableConv2d, ResidualChain
from ...layers.checks import check_positive_int


class HeatmapWarping(BaseModule):
    """Offsets from heatmap differences, and resampling by them.

    The parts have the names of those of MMPose's ``PoseWarperNeck``.

    Args:
        num_keypoints (int): K.
        inner_channels (int): Width of the residual blocks.
        num_blocks (int): Number of residual blocks.
        dilations (Sequence[int]): One deformable convolution for each.
        backend (str): As :class:`DeformableConv2d`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.

    Raises:
        ValueError: If there is no dilation or a number is not positive.
    """

    def __init__(self,
                 num_keypoints: int,
                 inner_channels: int,
                 num_blocks: int,
                 dilations: Sequence[int],
                 backend: str = 'auto',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        check_positive_int('inner_channels', inner_channels)
        if not dilations:
            raise ValueError('dilations must name at least one, got '
                             f'{dilations!r}')
        for dilation in dilations:
            check_positive_int('dilations', dilation)
        self.offset_feats = ResidualChain(
            num_keypoints,
            inner_channels,
            num_blocks,
            skip_projection='always',
            norm_cfg=norm_cfg,
            with_cp=with_cp).blocks
        self.offset_layers = nn.ModuleList(
            nn.Conv2d(
                inner_channels,
                2 * num_keypoints * 9,
                kernel_size=3,
                padding=dilation,
                dilation=dilation,
                bias=False) for dilation in dilations)
        self.deform_conv_layers = nn.ModuleList(
            DeformableConv2d(
                num_keypoints,
                num_keypoints,
                padding=dilation,
                dilation=dilation,
                groups=num_keypoints,
                bias=False,
                backend=backend) for dilation in dilations)
        self._start_as_identity()

    def _start_as_identity(self) -> None:
        for layer in self.offset_layers:
            constant_init(layer, 0)
        for layer in self.deform_conv_layers:
            nn.init.dirac_(layer.weight)

    def init_weights(self) -> None:
        """Initialise; offsets start at zero, kernels as the identity."""
        super().init_weights()
        self._start_as_identity()

    def offsets(self, support: Tensor, key: Tensor) -> Tuple[Tensor, ...]:
        """The offsets of each deformable convolution.

        Args:
            support (Tensor): The supporting frames' heatmaps, (N, K, H, W).
            key (Tensor): The key frames', (N, K, H, W).

        Returns:
            tuple[Tensor]: (N, 2 * K * P, H, W) for each dilation, in cells.
        """
        difference = self.offset_feats(key - support)
        return tuple(layer(difference) for layer in self.offset_layers)

    def forward(self, support: Tensor, key: Tensor) -> Tensor:
        """The supporting frames' heatmaps as seen from the key frames.

        Args:
            support (Tensor): (N, K, H, W).
            key (Tensor): (N, K, H, W).

        Returns:
            Tensor: (N, K, H, W).
        """
        num, num_keypoints, height, width = support.shape
        # no modulation
        mask = support.new_ones(1).expand(num, num_keypoints * 9, height,
                                          width)
        warped = sum(
            layer(support, offset, mask) for layer, offset in zip(
                self.deform_conv_layers, self.offsets(support, key)))
        return warped / len(self.deform_conv_layers)
