"""Temporal attention as a head: aggregate per joint, restore, decode.

A reference beyond TDMI's own comparisons, of the design of Fang et al.,
"Beyond Static Frames: Temporal Aggregate-and-Restore Vision Transformer for
Human Pose Estimation" (TAR-ViTPose), CVPR 2026:

- regions (Sec. 3.2): where in each frame a joint's query may look, its
  single-frame heatmap, scaled to [0, 1], cut off at a threshold;
- aggregation (Sec. 3.2): each joint's learnt query attends to its regions in
  all frames, then to the other joints' queries; several such layers,
  normalised after each residual sum. There is no embedding of time: neither
  the order nor the repetition of frames matters;
- restoration (Sec. 3.3): the key frame's tokens attend to the joints', and the
  result is added to them, so that the single-frame decoder can read it.

It is a head because the decoder, MMPose's heatmap head, so that ViTPose
checkpoints load, is used twice: on every frame, for the regions, and on the
restored key frame. Any backbone's last map will do; with one that has no
position embedding a query tells places apart by content and by its regions
only. ``released`` computes as the release (docs/rivals.md), but for a query
left with no place, which looks everywhere instead of giving NaN.

Not in the paper: ``gated``, in which a learnt scale per channel, zero at the
start, replaces the restoration's normalisation: a model loaded with
single-frame weights then starts *as* the single-frame model.

Shape letters: B clips, T frames, C channels, G heads, K keypoints, Q query and
L context tokens, h x w cells of the backbone's map, H x W heatmap cells.
"""
from typing import List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList, xavier_init
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow, unfold_time
from ..heads import HeatmapActivationMixin
from ..layers.blocks import check_positive_int


class MultiHeadAttention(BaseModule):
    """Attention of G heads, in products that can be counted."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        check_positive_int('num_heads', num_heads)
        if channels % num_heads:
            raise ValueError(f'num_heads = {num_heads} must divide the '
                             f'{channels} channels of a token')
        self.num_heads = num_heads
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, channels)
        for layer in (self.query, self.key, self.value):
            xavier_init(layer, distribution='uniform')
        nn.init.zeros_(self.output.bias)

    def forward(self,
                queries: Tensor,
                context: Tensor,
                allowed: Optional[Tensor] = None) -> Tuple[Tensor, Tensor]:
        """Queries (B, Q, C) attend to the allowed, (B, Q, L), at least one
        each, of the context's tokens (B, L, C): (B, Q, C) and the weights,
        (B, G, Q, L)."""
        query, key, value = (layer(x).unflatten(
            -1, (self.num_heads, -1)).transpose(1, 2)
                             for layer, x in ((self.query, queries),
                                              (self.key, context), (self.value,
                                                                    context)))
        logits = query @ key.transpose(-2, -1) * query.shape[-1]**-0.5
        if allowed is not None:
            logits = logits.masked_fill(~allowed[:, None], float('-inf'))
        weights = torch.softmax(logits, dim=-1)
        attended = (weights @ value).transpose(1, 2).flatten(-2)
        return self.output(attended), weights


def joint_regions(heatmaps: Tensor, size: Tuple[int, int], threshold: float,
                  released: bool) -> Tensor:
    """Tokens (N, K, h, w) where heatmaps (N, K, H, W), scaled to [0, 1], reach
    the threshold: boolean; unless ``released``, somewhere true for each joint.
    """
    low = heatmaps.amin(dim=(2, 3), keepdim=True)
    high = heatmaps.amax(dim=(2, 3), keepdim=True)
    if released:
        scaled = (heatmaps - low) / (high - low + 1e-6)
        return F.interpolate(
            scaled, size, mode='bilinear', align_corners=False) >= threshold
    cells, rest = zip(*map(divmod, heatmaps.shape[2:], size))
    # where both are the same, the one that torch 2.8 exports to ONNX as well
    tokens = F.adaptive_max_pool2d(
        heatmaps, size) if any(rest) else F.max_pool2d(heatmaps, cells)
    return tokens - low >= threshold * (high - low)


class JointAttentionLayer(BaseModule):
    """Attention to the frames, attention among joints, perceptron."""

    def __init__(self, channels: int, num_heads: int, expansion: int) -> None:
        super().__init__()
        self.frame_attention = MultiHeadAttention(channels, num_heads)
        self.frame_norm = nn.LayerNorm(channels)
        self.joint_attention = MultiHeadAttention(channels, num_heads)
        self.joint_norm = nn.LayerNorm(channels)
        self.perceptron = nn.Sequential(
            nn.Linear(channels, expansion * channels), nn.GELU(),
            nn.Linear(expansion * channels, channels))
        self.perceptron_norm = nn.LayerNorm(channels)

    def forward(self, queries: Tensor, context: Tensor,
                allowed: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
        """Queries (B, K, C), updated, and their weights, (B, G, K, L)."""
        attended, weights = self.frame_attention(queries, context, allowed)
        x = self.frame_norm(queries + attended)
        x = self.joint_norm(x + self.joint_attention(x, x)[0])
        return self.perceptron_norm(x + self.perceptron(x)), weights


class JointTemporalAggregation(BaseModule):

    def __init__(self, channels: int, num_keypoints: int, num_layers: int,
                 num_heads: int, expansion: int) -> None:
        super().__init__()
        check_positive_int('num_layers', num_layers)
        check_positive_int('expansion', expansion)
        # the release adds a learnt position to it, once: the same
        self.joint_queries = nn.Parameter(torch.randn(num_keypoints, channels))
        self.layers = ModuleList(
            JointAttentionLayer(channels, num_heads, expansion)
            for _ in range(num_layers))

    def forward(
            self,
            context: Tensor,
            allowed: Optional[Tensor] = None) -> Tuple[Tensor, List[Tensor]]:
        """Clips' tokens (B, L, C), where each joint may look (B, K, L), to
        joints' (B, K, C) and each layer's weights, (B, G, K, L)."""
        queries = self.joint_queries.repeat(context.shape[0], 1, 1)
        weights = []
        for layer in self.layers:
            queries, attention = layer(queries, context, allowed)
            weights.append(attention)
        return queries, weights


class FeatureRestoration(BaseModule):
    """Bring joint tokens back to the key frame's map."""

    def __init__(self, channels: int, num_heads: int, gated: bool) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(channels, num_heads)
        self.gate = nn.Parameter(torch.zeros(channels)) if gated else None
        self.norm = None if gated else nn.LayerNorm(channels)

    def forward(self, key: Tensor, joints: Tensor) -> Tensor:
        """The key frame's tokens (B, L, C), enriched by (B, K, C)."""
        restored, _ = self.attention(key, joints)
        if self.gate is not None:
            return key + self.gate * restored
        return self.norm(key + restored)


@MODELS.register_module()
class TemporalAttentionHead(HeatmapActivationMixin):
    """Joint queries over the frames of a clip, before a heatmap decoder.

    Args:
        in_channels: C, of the backbone's last map.
        out_channels: K.
        offsets: The clip's frame offsets.
        num_layers: Layers of the aggregation.
        num_heads: Heads of all attentions.
        expansion: Hidden width of the perceptrons, in units of C.
        region_threshold: From which value, 0 to 1, of a joint's scaled
            single-frame heatmap on its query looks; ``None``: everywhere.
        gated, released: See the module.
        test_activation, activation_sigma: As :class:`SpatialSoftmaxHead`'s.
        **kwargs: As HeatmapHead's.
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
                 released: bool = False,
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
        self.released = released
        self.aggregation = JointTemporalAggregation(in_channels, out_channels,
                                                    num_layers, num_heads,
                                                    expansion)
        self.restoration = FeatureRestoration(in_channels, num_heads, gated)

    def regions(self, frames: Tensor) -> Optional[Tensor]:
        """Where each joint's query may look in maps (B * T, C, h, w): boolean,
        (B, K, T * h * w); ``None`` means everywhere."""
        if self.region_threshold is None:
            return None
        dtype = next(self.final_layer.parameters()).dtype
        # Without autocast: torch 2.1's keeps the weights that it casts here,
        # and the layer would get no gradient from its other use.
        with torch.no_grad(), torch.autocast(
                frames.device.type, enabled=False):
            heatmaps = self.activate(super().forward((frames.to(dtype), )))
            regions = joint_regions(heatmaps, frames.shape[-2:],
                                    self.region_threshold, self.released)
        num_frames = self.window.num_frames
        # (B, T, K, h * w)
        regions = unfold_time(regions.flatten(2), num_frames)
        if not self.released:
            return regions.transpose(1, 2).flatten(2)
        regions = regions.reshape(len(regions), self.out_channels, -1)
        return regions | ~regions.any(dim=2, keepdim=True)

    def attend(self, frames: Tensor) -> Tuple[Tensor, List[Tensor]]:
        """Clips' maps (B * T, C, h, w) to the key frames', enriched, (B, C, h,
        w), and each layer's attention, (B, G, K, T, h, w)."""
        num_frames = self.window.num_frames
        size = frames.shape[-2:]
        # (B, T, C, h * w) to (B, T, h * w, C)
        tokens = unfold_time(frames, num_frames).flatten(3)
        if self.released:
            tokens = tokens.reshape(*tokens.shape[:2], -1, tokens.shape[2])
        else:
            tokens = tokens.transpose(2, 3)
        joints, weights = self.aggregation(
            tokens.flatten(1, 2), self.regions(frames))
        restored = self.restoration(tokens[:, self.window.key], joints)
        if self.released:
            maps = restored.reshape(len(restored), -1, *size)
        else:
            maps = restored.transpose(1, 2).unflatten(2, size)
        return maps, [x.unflatten(3, (num_frames, *size)) for x in weights]

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """The last of folded clips' maps, (B * T, C, h, w), to the key frames'
        heatmaps as they are trained, (B, K, H, W), float32."""
        maps, _ = self.attend(
            feats if isinstance(feats, Tensor) else feats[-1])
        return super().forward((maps, ))
