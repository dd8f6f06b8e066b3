"""Temporal attention as a head: aggregate per joint, restore, decode.

A reference beyond TDMI's own comparisons, of the design of Fang et al.,
"Beyond Static Frames: Temporal Aggregate-and-Restore Vision Transformer for
Human Pose Estimation" (TAR-ViTPose), CVPR 2026. It is a head, not a neck,
because the decoder is used twice: on every frame, for the regions where each
joint's query may look, and on the restored key frame. The decoder is MMPose's
heatmap head, with its parameters' names, so that ViTPose checkpoints load.

What differs from the release, beside ``joint_regions.py`` and the order of
the clip:

- tokens are a map's cells with their channels; the release reinterprets the
  (C, h, w) memory as (h * w, C) without a transposition, and back;
- any backbone's last map will do; with one that has no position embedding a
  query tells places apart by content and by its regions only.

Shape shorthand: B clips, T frames, C channels, h x w cells of the backbone's
map, K keypoints, H x W heatmap cells.
"""
from typing import List, Optional, Sequence, Tuple

import torch
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_tdmi.structures import FrameWindow, unfold_time
from ...heads.heatmap_activation import HeatmapActivationMixin
from .aggregation import JointTemporalAggregation
from .joint_regions import joint_regions
from .restoration import FeatureRestoration


@MODELS.register_module()
class TemporalAttentionHead(HeatmapActivationMixin, HeatmapHead):
    """Joint queries over the frames of a clip, before a heatmap decoder.

    Args:
        in_channels (int): C, of the backbone's last map.
        out_channels (int): K.
        offsets (Sequence[int]): The clip's frame offsets. Defaults to
            ``(-2, -1, 0, 1, 2)``.
        num_layers (int): Layers of the aggregation. Defaults to 6.
        num_heads (int): Heads of all attentions. Defaults to 4.
        expansion (int): Hidden width of the perceptrons, in units of C.
            Defaults to 2.
        region_threshold (float, optional): Where a joint's query may look:
            cells at which its single-frame heatmap, scaled to [0, 1], is at
            least this high. ``None`` lets it look everywhere. Defaults to
            0.2.
        gated (bool): Start as the single-frame model, see
            :class:`FeatureRestoration`. Defaults to ``False``.
        test_activation (str): ``'none'``, or ``'softmax'`` for heatmaps that
            are trained as logits. Defaults to ``'none'``.
        activation_sigma (float, optional): With softmax, the standard
            deviation of the target Gaussians in cells. Defaults to ``None``,
            the decoder's.
        **kwargs: As HeatmapHead's: ``deconv_out_channels``,
            ``final_layer``, ``loss``, ``decoder`` ...

    Raises:
        ValueError: If an option is invalid; the message names its key.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 num_layers: int = 6,
                 num_heads: int = 4,
                 expansion: int = 2,
                 region_threshold: Optional[float] = 0.2,
                 gated: bool = False,
                 test_activation: str = 'none',
                 activation_sigma: Optional[float] = None,
                 **kwargs) -> None:
        super().__init__(in_channels, out_channels, **kwargs)
        self.init_activation(test_activation, activation_sigma)
        if region_threshold is not None and not 0 <= region_threshold <= 1:
            raise ValueError('region_threshold must be None or a number from '
                             f'0 to 1, got {region_threshold!r}')
        self.window = FrameWindow(tuple(offsets))
        self.region_threshold = region_threshold
        self.aggregation = JointTemporalAggregation(
            in_channels,
            out_channels,
            num_layers=num_layers,
            num_heads=num_heads,
            expansion=expansion)
        self.restoration = FeatureRestoration(in_channels, num_heads, gated)

    def regions(self, frames: Tensor) -> Optional[Tensor]:
        """Where each joint's query may look.

        Args:
            frames (Tensor): The backbone's maps, (B * T, C, h, w).

        Returns:
            Tensor, optional: Boolean, (B, K, T * h * w); ``None`` means
            everywhere.
        """
        if self.region_threshold is None:
            return None
        dtype = next(self.final_layer.parameters()).dtype
        # Without autocast: torch 2.1's keeps the weights that it casts here,
        # and the layer would get no gradient from its other use.
        with torch.no_grad(), torch.autocast(
                frames.device.type, enabled=False):
            heatmaps = self.activate(super().forward((frames.to(dtype), )))
            regions = joint_regions(heatmaps, frames.shape[-2:],
                                    self.region_threshold)
        regions = unfold_time(regions.flatten(2), self.window.num_frames)
        return regions.transpose(1, 2).flatten(2)

    def attend(self, frames: Tensor) -> Tuple[Tensor, List[Tensor]]:
        """Enrich the key frames' maps by what the clips tell.

        Args:
            frames (Tensor): The backbone's maps of folded clips, (B * T, C,
                h, w).

        Returns:
            tuple[Tensor, list[Tensor]]: The key frames' maps, (B, C, h, w),
            and each layer's attention, (B, heads, K, T, h, w).

        Raises:
            ValueError: If the number of frames is no multiple of T.
        """
        num_frames = self.window.num_frames
        size = frames.shape[-2:]
        # (B, T, h * w, C)
        tokens = unfold_time(frames, num_frames).flatten(3).transpose(2, 3)
        joints, weights = self.aggregation(
            tokens.flatten(1, 2), self.regions(frames))
        restored = self.restoration(tokens[:, self.window.key], joints)
        maps = restored.transpose(1, 2).unflatten(2, size)
        return maps, [x.unflatten(3, (num_frames, *size)) for x in weights]

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Predict heatmaps.

        Args:
            feats (Sequence[Tensor]): The backbone's maps of folded clips;
                the last, (B * T, C, h, w), is used.

        Returns:
            Tensor: The key frames' heatmaps as they are trained, (B, K, H,
            W), float32.
        """
        if isinstance(feats, Tensor):
            feats = (feats, )
        maps, _ = self.attend(feats[-1])
        return super().forward((maps, ))
