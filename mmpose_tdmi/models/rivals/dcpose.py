"""DCPose: heatmaps corrected by those of the frame before and after.

Maps of several kinds, put side by side joint by joint.

Shape shorthand: B clips, K keypoints, S kinds of maps, H x W cells.

Chains of residual-steps blocks, which DCPose is built of.

The block is MMPose's ``RSB``, of its RSN backbone (Cai et al., "Learning
Delicate Local Representations for Multi-Person Pose Estimation", ECCV 2020);
this module says how DCPose chains it: the first block's skip is a 1x1
convolution with batch normalisation.

Shape shorthand: N maps, C channels, H x W cells.

Pose Temporal Merger, DCPose's search scope.

Liu et al., CVPR 2021, Sec. 3.2: each joint's heatmaps of the three frames,
the outer two weighted by how near their frame is, are merged into one. The
merged map is where the joint may be; the correction then resamples it.

Shape shorthand: B clips, K keypoints, H x W cells.

Pose Residual Fusion, DCPose's motion cue.

Liu et al., "Deep Dual Consecutive Network for Human Pose Estimation", CVPR
2021, Sec. 3.3: the key frame's heatmaps minus those of the frame before, and
minus those of the frame after, each as it is and weighted by how near that
frame is; per joint, four maps.

Shape shorthand: B clips, K keypoints, H x W cells.

Pose Correction Network, DCPose's output.

Liu et al., CVPR 2021, Sec. 3.4: what the residual fusion and the temporal
merger give is combined by residual-steps blocks; for each of five dilations,
two convolutions of that dilation turn it into offsets and modulation of a
deformable convolution (each joint with its own) that resamples the merged
heatmaps; the results are averaged.

Shape shorthand: B clips, K keypoints, C channels, P = 9 kernel points, H x W
cells.

DCPose as a neck that gives the key frame's heatmaps.

Liu et al., "Deep Dual Consecutive Network for Human Pose Estimation", CVPR
2021: single-frame heatmaps of the key frame and of one frame before and after
it go through Pose Residual Fusion, Pose Temporal Merger and Pose Correction
Network. The backbone and the layer to heatmaps are the single-frame model's,
frozen. A head without layers of its own (``final_layer=None``) follows.

The blocks are residual steps without channel groups, as in the released
configs (the paper speaks of residual blocks of 3x3 convolutions). What
differs from the authors' release:

- the clip is in order of time and folded into the batch; the release starts
  it with the key frame;
- a frame's weight comes from the window's offsets; the release takes the
  distance of the frames actually used, which differs only where offsets are
  drawn at random unevenly (its published window is -1, 0, 1, where all
  weights are 0.5, also at a video's ends);
- 1x1 and 3x3 convolutions before a normalisation have no bias;
- batch normalisation of the frozen backbone stays in eval mode; the release
  freezes its parameters only;
- with a backbone that is not frozen the release also supervises the
  single-frame heatmaps; here the corrected ones alone are.

Shape shorthand: B clips, T = 3 frames, C channels, K keypoints, H x W cells.
"""
from typing import List, Mapping, Optional, Sequence, Tuple

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential
from mmpose.models.backbones.rsn import RSB
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow, unfold_time
from ..layers import DeformableConv2d
from ..layers.blocks import check_choice, check_positive_int
from .heatmap_layer import SingleFrameHeatmapLayer

__all__ = [
    'DCPoseNeck', 'PoseCorrection', 'PoseResidualFusion', 'PoseTemporalMerger'
]


def group_by_joint(*maps: Tensor) -> Tensor:
    """Interleave heatmaps so that each joint's are neighbours.

    Args:
        *maps (Tensor): S tensors (B, K, H, W).

    Returns:
        Tensor: (B, K * S, H, W), joint k's maps at k * S ... k * S + S - 1.
    """
    return torch.stack(maps, dim=2).flatten(1, 2)


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


@MODELS.register_module()
class DCPoseNeck(BaseModule):
    """Correct the key frame's heatmaps by those of its two neighbours.

    Args:
        in_channels (int): C, of the backbone's last map.
        out_channels (int): K.
        offsets (Sequence[int]): The clip's frame offsets: one frame before
            the key frame, the key frame, one after it. Defaults to ``(-1,
            0, 1)``.
        fusion_channels (int): Channels of the residual fusion's result.
            Defaults to 34.
        fusion_blocks (int): Its number of blocks. Defaults to 2.
        merger_blocks (int): The temporal merger's. Defaults to 1.
        correction_channels (int): Channels of the combined map. Defaults to
            64.
        correction_blocks (int): Number of blocks that combine. Defaults to
            2.
        dilations (Sequence[int]): Dilations of the correction's
            convolutions. Defaults to ``(3, 6, 9, 12, 15)``.
        mask (str): What is done to the correction's modulation: ``'none'``
            (release) or ``'sigmoid'``. Defaults to ``'none'``.
        heatmap_layer (dict, optional): Options of the layer to single-frame
            heatmaps, see :data:`HEATMAP_LAYER_DEFAULTS`.
        backend (str): As :class:`DeformableConv2d`'s. Defaults to
            ``'auto'``.
        norm_cfg (dict, optional): Config of the normalisation layers.
            Defaults to ``None``, batch normalisation.
        init_cfg (dict | list[dict], optional): Defaults to the release's,
            convolutions N(0, 0.001), normalisation 1 and 0; deformable
            kernels always start as the identity.

    Raises:
        ValueError: If an option is invalid; the message names its key.
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
        super().__init__(init_cfg or self.default_init_cfg)
        self.window = FrameWindow(tuple(offsets))
        if self.window.num_frames != 3 or self.window.key != 1:
            raise ValueError(
                'DCPose reads one frame before and one after the key frame: '
                'offsets must be (-a, 0, b), got '
                f'{self.window.offsets}')
        first, _, last = self.window.offsets
        # the nearer frame counts more
        weights = (last / (last - first), -first / (last - first))
        self.heatmap_layer = SingleFrameHeatmapLayer(in_channels, out_channels,
                                                     heatmap_layer)
        self.residual_fusion = PoseResidualFusion(out_channels,
                                                  fusion_channels,
                                                  fusion_blocks, weights,
                                                  norm_cfg)
        self.temporal_merger = PoseTemporalMerger(out_channels, merger_blocks,
                                                  weights, norm_cfg)
        self.correction = PoseCorrection(
            out_channels,
            fusion_channels,
            correction_channels,
            correction_blocks,
            dilations,
            mask=mask,
            backend=backend,
            norm_cfg=norm_cfg)

    @property
    def default_init_cfg(self) -> List[dict]:
        """list[dict]: The release's initialisation of new layers."""
        return [
            dict(type='Normal', layer='Conv2d', std=0.001),
            dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1)
        ]

    def single_frame_heatmaps(
            self, maps: Sequence[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
        """Heatmaps of the three frames.

        Args:
            maps (Sequence[Tensor]): As :meth:`forward`'s.

        Returns:
            tuple[Tensor, Tensor, Tensor]: In order of time, (B, K, H, W).
        """
        if isinstance(maps, Tensor):
            maps = (maps, )
        heatmaps = self.heatmap_layer(maps[-1])
        previous, key, following = unfold_time(heatmaps, 3).unbind(dim=1)
        return previous, key, following

    def forward(self, maps: Sequence[Tensor]) -> Tuple[Tensor]:
        """Heatmaps of the key frames.

        Args:
            maps (Sequence[Tensor]): The backbone's maps of folded clips; the
                last, (B * 3, C, H, W), is used.

        Returns:
            tuple[Tensor]: One map, (B, K, H, W).

        Raises:
            ValueError: If the number of frames is no multiple of 3.
        """
        frames = self.single_frame_heatmaps(maps)
        residuals = self.residual_fusion(*frames)
        merged = self.temporal_merger(*frames)
        return (self.correction(residuals, merged), )
