"""PoseWarper: neighbours' heatmaps, warped to the key frame and averaged.

Bertasius et al., "Learning Temporal Pose Estimation from Sparsely Labeled
Videos", NeurIPS 2019, Sec. 3; docs/rivals.md describes it. In training one
supporting frame of each clip is warped to the key frame, whose label it must
meet; at inference all frames are, and their weighted average is the
prediction. Backbone and heatmap layer are the single-frame model's, frozen; a
head with ``final_layer=None`` follows. Weights of MMPose's ``PoseWarperNeck``
load as they are.

Shape letters: B clips, T frames, N pairs of frames, C channels, K keypoints, P
= 9 kernel points, H x W cells.
"""
import math
from typing import Mapping, Optional, Sequence, Tuple

import torch
from mmengine.model import BaseModule, constant_init
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_tdmi.structures import FrameWindow, fold_time, unfold_time
from ..heads import SingleFrameHeatmapLayer
from ..layers import ResidualChain
from ..layers.blocks import (check_choice, check_positive_int, merge_options,
                             move_weights, paper_init)
from .dcpose import dilated_convolutions, joint_convolutions, start_as_identity


class HeatmapWarping(BaseModule):
    """Offsets from heatmap differences, and resampling by them; starts as the
    identity."""

    def __init__(self, num_keypoints: int, inner_channels: int,
                 num_blocks: int, dilations: Sequence[int], backend: str,
                 norm_cfg: Optional[dict], with_cp: bool) -> None:
        super().__init__()
        check_positive_int('inner_channels', inner_channels)
        self.offset_feats = ResidualChain(num_keypoints, inner_channels,
                                          num_blocks, 'always', norm_cfg,
                                          with_cp).blocks
        self.offset_layers = dilated_convolutions(inner_channels,
                                                  2 * num_keypoints * 9,
                                                  dilations)
        self.deform_conv_layers = joint_convolutions(num_keypoints, dilations,
                                                     False, backend)
        self._start_as_identity()

    def _start_as_identity(self) -> None:
        for layer in self.offset_layers:
            constant_init(layer, 0)
        start_as_identity(self.deform_conv_layers)

    def init_weights(self) -> None:
        super().init_weights()
        self._start_as_identity()

    def offsets(self, support: Tensor, key: Tensor) -> Tuple[Tensor, ...]:
        """Each convolution's offsets, (N, 2 * K * P, H, W), in cells."""
        difference = self.offset_feats(key - support)
        return tuple(layer(difference) for layer in self.offset_layers)

    def forward(self, support: Tensor, key: Tensor) -> Tensor:
        """Supporting heatmaps as seen from the key frames, (N, K, H, W)."""
        num, num_keypoints, *size = support.shape
        # no modulation
        mask = support.new_ones(1).expand(num, num_keypoints * 9, *size)
        layers = self.deform_conv_layers
        warped = (layer(support, offset, mask)
                  for layer, offset in zip(layers, self.offsets(support, key)))
        return sum(warped) / len(layers)


@MODELS.register_module()
class PoseWarpingNeck(BaseModule):
    """Warp every frame's heatmaps to the key frame and average them.

    Args:
        in_channels: C, of the backbone's last map.
        out_channels: K.
        offsets: The clip's frame offsets at inference.
        frame_weights: Of each frame's warped heatmaps, in order of time; 1 in
            all.
        train_offsets: Those in training; ``None``: ``offsets``.
        train_frames: What is supervised in training: ``'one'``, one drawn
            supporting frame's heatmaps, or ``'all'``, the weighted average.
        inner_channels, num_blocks: Width and number of the residual blocks.
        dilations: Of the offset and deformable convolutions.
        heatmap_layer: Options of :class:`SingleFrameHeatmapLayer`.
        backend: As :class:`DeformableConv2d`'s.
        norm_cfg, with_cp: As :class:`ResidualChain`'s.
        init_cfg: By default the release's, convolutions N(0, 0.001); warps
            always start as the identity.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 frame_weights: Sequence[float] = (0.1, 0.25, 0.3, 0.25, 0.1),
                 train_offsets: Optional[Sequence[int]] = None,
                 train_frames: str = 'one',
                 inner_channels: int = 128,
                 num_blocks: int = 20,
                 dilations: Sequence[int] = (3, 6, 12, 18, 24),
                 heatmap_layer: Optional[Mapping] = None,
                 backend: str = 'auto',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False,
                 init_cfg=None) -> None:
        check_positive_int('in_channels', in_channels)
        check_positive_int('out_channels', out_channels)
        check_choice('train_frames', train_frames, ('one', 'all'))
        super().__init__(init_cfg or paper_init('Conv2d'))
        self.window = FrameWindow(tuple(offsets))
        self.train_window = self.window if train_offsets is None else (
            FrameWindow(tuple(train_offsets)))
        self.train_frames = train_frames
        if train_frames == 'one' and self.train_window.num_frames < 2:
            raise ValueError(
                "train_frames='one' needs train_offsets with a supporting "
                f'frame, got {self.train_window.offsets}')
        if train_frames == 'all' and self.train_window != self.window:
            raise ValueError(
                "train_frames='all' weighs frames as at inference: "
                f'train_offsets {self.train_window.offsets} must be offsets '
                f'{self.window.offsets}')
        self.frame_weights = tuple(frame_weights)
        if len(self.frame_weights) != self.window.num_frames or not (
                math.isclose(sum(self.frame_weights), 1, abs_tol=1e-6)):
            raise ValueError(
                'frame_weights must be one number for each of offsets '
                f'{self.window.offsets} and sum to 1, got '
                f'{self.frame_weights}')
        self.trans_layer = SingleFrameHeatmapLayer(
            in_channels, out_channels,
            **merge_options('heatmap_layer', heatmap_layer,
                            SingleFrameHeatmapLayer))
        self.warping = HeatmapWarping(out_channels, inner_channels, num_blocks,
                                      dilations, backend, norm_cfg, with_cp)
        self._register_load_state_dict_pre_hook(self._take_stock_names)

    def _take_stock_names(self, state_dict: dict, prefix: str, *args) -> None:
        # MMPose's neck has what is in `warping` beside `trans_layer`
        for name, _ in self.warping.named_children():
            move_weights(state_dict, f'{prefix}{name}.',
                         f'{prefix}warping.{name}.')

    def _draw(self, heatmaps: Tensor) -> Tensor:
        """One supporting frame's, (B, T, K, H, W) to (B, K, H, W)."""
        num_clips, num_frames = heatmaps.shape[:2]
        clips = torch.arange(num_clips, device=heatmaps.device)
        draws = torch.randint_like(clips, num_frames - 1)
        # the key frame's place is skipped
        return heatmaps[clips, draws + (draws >= self.train_window.key)]

    def forward(self, maps: Sequence[Tensor]) -> Tuple[Tensor]:
        """The last of folded clips' maps, (B * T, C, H, W), to the key frames'
        heatmaps, (B, K, H, W)."""
        last = maps if isinstance(maps, Tensor) else maps[-1]
        window = self.train_window if self.training else self.window
        heatmaps = unfold_time(self.trans_layer(last), window.num_frames)
        key = heatmaps[:, window.key]
        if self.training and self.train_frames == 'one':
            return (self.warping(self._draw(heatmaps), key), )
        warped = self.warping(
            fold_time(heatmaps), key.repeat_interleave(window.num_frames, 0))
        weights = warped.new_tensor(self.frame_weights)
        warped = unfold_time(warped, window.num_frames)
        return ((warped * weights[:, None, None, None]).sum(dim=1), )
