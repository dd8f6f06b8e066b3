"""DCPose: heatmaps corrected by those of the frame before and after.

Liu et al., "Deep Dual Consecutive Network for Human Pose Estimation", CVPR
2021: single-frame heatmaps of the key frame and of one frame before and after
it go through

- Pose Residual Fusion (Sec. 3.3), the motion cue: the key frame's heatmaps
  minus the others', each as it is and weighted by how near that frame is;
- Pose Temporal Merger (Sec. 3.2), the search scope: each joint's heatmaps of
  the three frames, the outer two weighted likewise, are merged into one;
- Pose Correction Network (Sec. 3.4): for each of five dilations, two
  convolutions of what these give are offsets and modulation of a deformable
  convolution that resamples the merged heatmaps; the mean is the result.

Backbone and heatmap layer are the single-frame model's, frozen; a head with
``final_layer=None`` follows. Blocks are MMPose's residual steps, ``RSB``, as
in the released configs (in the paper, of 3x3 convolutions).

Shape letters: B clips, T = 3 frames, C channels, K keypoints, H x W cells.
"""
from typing import Mapping, Optional, Sequence, Tuple

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential
from mmpose.models.backbones.rsn import RSB
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow, unfold_time
from ..heads import SingleFrameHeatmapLayer
from ..layers import DeformableConv2d, DiracInit
from ..layers.blocks import (check_choice, check_positive_int, conv3x3,
                             merge_options, paper_init)


def group_by_joint(*maps: Tensor) -> Tensor:
    """S heatmaps (B, K, H, W) to (B, K * S, H, W), joint k's from k * S on."""
    return torch.stack(maps, dim=2).flatten(1, 2)


start_as_identity = DiracInit(layer='DeformableConv2d')


class ResidualSteps(BaseModule):
    """Residual-steps blocks in a row; the first skip is a 1x1 convolution."""

    def __init__(self, in_channels: int, out_channels: int, num_blocks: int,
                 norm_cfg: Optional[dict]) -> None:
        super().__init__()
        check_positive_int('num_blocks', num_blocks)
        norm_cfg = norm_cfg or dict(type='BN')
        skip = ConvModule(
            in_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)
        self.blocks = Sequential(*(
            RSB(in_channels if i == 0 else out_channels,
                out_channels,
                downsample=skip if i == 0 else None,
                norm_cfg=norm_cfg) for i in range(num_blocks)))

    def init_weights(self) -> None:
        """Keep what the parent's config has set: mmcv's ``ConvModule`` would
        initialise once more, in its own way."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W), >= 0."""
        return self.blocks(x)


class PoseTemporalMerger(BaseModule):
    """Residual-steps blocks on the heatmaps of the frames before and after,
    weighted by ``frame_weights``, and of the key frame."""

    num_maps = 3

    def __init__(self, num_keypoints: int, out_channels: int, num_blocks: int,
                 frame_weights: Tuple[float, float],
                 norm_cfg: Optional[dict]) -> None:
        super().__init__()
        self.frame_weights = frame_weights
        self.blocks = ResidualSteps(self.num_maps * num_keypoints,
                                    out_channels, num_blocks, norm_cfg)

    def gather(self, previous: Tensor, key: Tensor,
               following: Tensor) -> Tensor:
        """What the blocks read of heatmaps (B, K, H, W) in order of time."""
        before, after = self.frame_weights
        return group_by_joint(key, previous * before, following * after)

    def forward(self, *frames: Tensor) -> Tensor:
        return self.blocks(self.gather(*frames))


class PoseResidualFusion(PoseTemporalMerger):
    """Residual-steps blocks on residuals, each as it is and weighted."""

    num_maps = 4

    def gather(self, previous: Tensor, key: Tensor,
               following: Tensor) -> Tensor:
        past, future = key - previous, key - following
        before, after = self.frame_weights
        return group_by_joint(past, past * before, future, future * after)


class PoseCorrection(BaseModule):
    """Modulated deformable convolutions on the merged heatmaps."""

    def __init__(self, num_keypoints: int, in_channels: int,
                 inner_channels: int, num_blocks: int,
                 dilations: Sequence[int], mask: str, backend: str,
                 norm_cfg: Optional[dict]) -> None:
        super().__init__()
        check_choice('mask', mask, ('none', 'sigmoid'))
        self.mask = mask
        self.blocks = ResidualSteps(in_channels + num_keypoints,
                                    inner_channels, num_blocks, norm_cfg)
        self.offset_layers, self.mask_layers = (
            dilated_convolutions(inner_channels, n * num_keypoints * 9,
                                 dilations) for n in (2, 1))
        self.deform_conv_layers = joint_convolutions(num_keypoints, dilations,
                                                     True, backend)

    def init_weights(self) -> None:
        super().init_weights()
        start_as_identity(self.deform_conv_layers)

    def forward(self, residuals: Tensor, merged: Tensor) -> Tensor:
        """Fused residuals (B, C, H, W) and merged heatmaps (B, K, H, W) to
        corrected ones."""
        context = self.blocks(torch.cat((residuals, merged), dim=1))
        corrected = 0
        layers = self.deform_conv_layers
        for to_offset, to_mask, layer in zip(self.offset_layers,
                                             self.mask_layers, layers):
            mask = to_mask(context)
            if self.mask == 'sigmoid':
                mask = torch.sigmoid(mask)
            corrected = corrected + layer(merged, to_offset(context), mask)
        return corrected / len(layers)


def dilated_convolutions(in_channels: int, out_channels: int,
                         dilations: Sequence[int]) -> nn.ModuleList:
    """A 3x3 convolution without bias for each dilation."""
    if not dilations:
        raise ValueError(f'dilations must name at least one, got {dilations}')
    for dilation in dilations:
        check_positive_int('dilations', dilation)
    return nn.ModuleList(
        conv3x3(in_channels, out_channels, x) for x in dilations)


def joint_convolutions(num_keypoints: int, dilations: Sequence[int],
                       bias: bool, backend: str) -> nn.ModuleList:
    """A deformable convolution for each dilation, that starts as identity."""
    layers = nn.ModuleList(
        DeformableConv2d(num_keypoints, num_keypoints, 3, x, x, num_keypoints,
                         bias, backend) for x in dilations)
    start_as_identity(layers)
    return layers


@MODELS.register_module()
class DCPoseNeck(BaseModule):
    """Correct the key frame's heatmaps by those of its two neighbours.

    Args:
        in_channels: C, of the backbone's last map.
        out_channels: K.
        offsets: The clip's frame offsets, ``(-a, 0, b)``.
        fusion_channels, fusion_blocks, merger_blocks: Of the residual fusion
            and the temporal merger.
        correction_channels, correction_blocks: Of what the correction reads.
        dilations: Of the correction's convolutions.
        mask: On the modulation: ``'none'`` (release) or ``'sigmoid'``.
        heatmap_layer: Options of :class:`SingleFrameHeatmapLayer`.
        backend, norm_cfg: As :class:`DeformableConv2d`'s and
            :class:`ResidualChain`'s.
        init_cfg: By default the release's, convolutions N(0, 0.001);
            deformable kernels always start as the identity.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 offsets: Sequence[int] = (-1, 0, 1),
                 fusion_channels: int = 34,
                 fusion_blocks: int = 2,
                 merger_blocks: int = 1,
                 correction_channels: int = 64,
                 correction_blocks: int = 2,
                 dilations: Sequence[int] = (3, 6, 9, 12, 15),
                 mask: str = 'none',
                 heatmap_layer: Optional[Mapping] = None,
                 backend: str = 'auto',
                 norm_cfg: Optional[dict] = None,
                 init_cfg=None) -> None:
        check_positive_int('in_channels', in_channels)
        check_positive_int('out_channels', out_channels)
        super().__init__(init_cfg or paper_init('Conv2d'))
        self.window = FrameWindow(tuple(offsets))
        if self.window.num_frames != 3 or self.window.key != 1:
            raise ValueError(
                'DCPose reads one frame before and one after the key frame: '
                f'offsets must be (-a, 0, b), got {self.window.offsets}')
        first, _, last = self.window.offsets
        # the nearer frame counts more
        weights = (last / (last - first), -first / (last - first))
        self.heatmap_layer = SingleFrameHeatmapLayer(
            in_channels, out_channels,
            **merge_options('heatmap_layer', heatmap_layer,
                            SingleFrameHeatmapLayer))
        self.residual_fusion = PoseResidualFusion(out_channels,
                                                  fusion_channels,
                                                  fusion_blocks, weights,
                                                  norm_cfg)
        self.temporal_merger = PoseTemporalMerger(out_channels, out_channels,
                                                  merger_blocks, weights,
                                                  norm_cfg)
        self.correction = PoseCorrection(out_channels, fusion_channels,
                                         correction_channels,
                                         correction_blocks, dilations, mask,
                                         backend, norm_cfg)

    def single_frame_heatmaps(
            self, maps: Sequence[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
        """The three frames' heatmaps in order of time, (B, K, H, W) each."""
        last = maps if isinstance(maps, Tensor) else maps[-1]
        return tuple(unfold_time(self.heatmap_layer(last), 3).unbind(dim=1))

    def forward(self, maps: Sequence[Tensor]) -> Tuple[Tensor]:
        """The last of folded clips' maps, (B * 3, C, H, W), to the key frames'
        heatmaps, (B, K, H, W)."""
        frames = self.single_frame_heatmaps(maps)
        return (self.correction(
            self.residual_fusion(*frames), self.temporal_merger(*frames)), )
