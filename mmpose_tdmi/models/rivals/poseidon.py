"""Poseidon's neck: maps of several depths, weighted frames, two attentions.

Pace et al., "Poseidon: A ViT-based Architecture for Multi-Frame Pose
Estimation with Adaptive Frame Weighting and Multi-Scale Feature Fusion", 2025,
as its authors' released code computes it, for their weights:

- multi-scale fusion, frame by frame: each depth's map goes through a pyramid
  of pooled maps and a convolution; the tokens of all depths attend to each
  other, and what they become is averaged over depths;
- adaptive frame weighting: a number estimated from each fused map, softmax
  over the clip, times the map, the key frame's too;
- attentions: each supporting frame's cells to each other, then the key frame's
  to those of all supporting frames. The result, normalised over the whole map,
  is added to the key frame's map, which the single-frame decoder reads.

The release *reinterprets* memory in three places where one expects a
transposition, and so does this: tokens (h * w, C) of all depths but the last
as maps (C, h, w), maps as tokens before the fusion's attention, and tokens as
maps after it.

Shape letters: N frames, B clips, T frames of a clip, S = T - 1, C channels, L
tokens, h x w cells.
"""
from itertools import zip_longest
from typing import Sequence, Tuple

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_tdmi.structures import unfold_time
from ..layers.blocks import check_positive_int
from ..spatiotemporal import supporting_frames
from ..temporal_difference import clip_window

#: Sides of the pooled maps.
POOL_SIZES = (1, 2, 3, 6)
NUM_MAPS = 3


class PyramidFusion(BaseModule):
    """A map, with what its pooled maps say everywhere."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        norm_cfg = dict(type='BN')
        self.paths = ModuleList(
            ConvModule(
                channels, channels // len(POOL_SIZES), 1, norm_cfg=norm_cfg)
            for _ in POOL_SIZES)
        self.fusion = ConvModule(
            2 * channels, channels, 3, padding=1, norm_cfg=norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to as many, >= 0."""
        pooled = (F.interpolate(
            path(F.adaptive_avg_pool2d(x, size)),
            size=x.shape[-2:],
            mode='bilinear',
            align_corners=True) for path, size in zip(self.paths, POOL_SIZES))
        return self.fusion(torch.cat((x, *pooled), dim=1))


@MODELS.register_module()
class PoseidonNeck(BaseModule):
    """Fuse depths, weight frames, attend from the key frame to the others.

    Args:
        in_channels: C, of each of the backbone's maps, three of them, of which
            the last is normalised already.
        map_size: (h, w) of the backbone's maps.
        offsets: The clip's frame offsets.
        num_heads: Heads of all attentions.
    """

    def __init__(self,
                 in_channels: int,
                 map_size: Tuple[int, int],
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 num_heads: int = 4,
                 init_cfg=None) -> None:
        super().__init__(init_cfg)
        check_positive_int('num_heads', num_heads)
        for side in map_size:
            check_positive_int('map_size', side)
        if in_channels % num_heads or in_channels % len(POOL_SIZES):
            raise ValueError(
                f'in_channels = {in_channels} must be a multiple of num_heads '
                f'= {num_heads} and of {len(POOL_SIZES)}')
        self.window = clip_window(offsets)
        self.map_size = tuple(map_size)
        self.map_norms = ModuleList(
            nn.LayerNorm(in_channels) for _ in range(NUM_MAPS - 1))
        self.pyramid = PyramidFusion(in_channels)
        self.depth_attention = nn.MultiheadAttention(in_channels, num_heads)
        self.depth_norm = nn.LayerNorm(in_channels)
        self.depth_projection = nn.Linear(in_channels, in_channels)
        self.frame_quality = nn.Sequential(
            nn.Conv2d(in_channels, 64, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))
        self.context_attention = nn.MultiheadAttention(in_channels, num_heads)
        self.key_attention = nn.MultiheadAttention(in_channels, num_heads)
        self.key_norm = nn.LayerNorm((in_channels, *self.map_size))

    def encode_frames(self, maps: Sequence[Tensor]) -> Tuple[Tensor, Tensor]:
        """Each frame by itself: its maps, (N, C, h, w) each, to the fused one,
        (N, C, h, w), and the logarithm of its weight, (N, 1, 1, 1)."""
        found = tuple(tuple(x.shape[-2:]) for x in maps)
        if found != (self.map_size, ) * NUM_MAPS:
            raise ValueError(
                f'expected {NUM_MAPS} maps of map_size = {self.map_size} from '
                f'the backbone, got sizes {found}')
        shape, tokens = maps[0].shape, []
        for x, norm in zip_longest(maps, self.map_norms):
            if norm is not None:
                x = norm(x.flatten(2).transpose(1, 2)).reshape(shape)
            tokens.append(self.pyramid(x).reshape(shape[0], -1, shape[1]))
        x = torch.cat(tokens, dim=1).transpose(0, 1)
        attended, _ = self.depth_attention(x, x, x, need_weights=False)
        x = self.depth_norm(x + attended)
        x = x.transpose(0, 1).unflatten(1, (len(maps), -1)).mean(dim=1)
        fused = self.depth_projection(x).reshape(shape)
        return fused, self.frame_quality(fused)[..., None, None]

    def encode_windows(self, frames: Sequence[Tensor]) -> Tuple[Tensor]:
        """Fused maps and their quality, ordered b * T + t, to the key frames'
        maps, (B, C, h, w)."""
        fused, quality = (
            unfold_time(x, self.window.num_frames) for x in frames)
        clips = fused * torch.softmax(quality, dim=1)
        key = clips[:, self.window.key]
        # (h * w, B * S, C), then (S * h * w, B, C)
        context = supporting_frames(clips, self.window).flatten(3)
        context = context.flatten(0, 1).permute(2, 0, 1)
        context, _ = self.context_attention(
            context, context, context, need_weights=False)
        context = context.unflatten(1, (len(key), -1)).transpose(1, 2)
        context = context.flatten(0, 1)
        queries = key.flatten(2).permute(2, 0, 1)
        x, _ = self.key_attention(
            queries, context, context, need_weights=False)
        x = x.permute(1, 2, 0).unflatten(2, self.map_size)
        return (self.key_norm(x) + key, )

    def forward(self, maps: Sequence[Tensor]) -> Tuple[Tensor]:
        """Folded clips' maps, (B * T, C, h, w) each, to the key frames'."""
        return self.encode_windows(self.encode_frames(maps))
