"""Backbones that give the maps of several stages.

HRNet: Section 3.1 reads F^j, j = 1..4, off HRNet-W48's four stages. Stage 1
is taken after the first transition, which gives it the channels of the others;
of stages 2 to 4 it is the highest-resolution branch.

A plain vision transformer (Dosovitskiy et al., "An Image is Worth 16x16
Words"), as ViTPose (Xu et al., NeurIPS 2022) uses it: no class token, patches
cut with a padding of 2, a learnt position embedding, normalisation before each
part of a block. State-dict keys are those of MMPose's ViTPose checkpoints,
whose configs need mmpretrain; this module does not. Maps are those of several
blocks, all of stride 16.

Shape letters: N frames, L tokens, C channels (of branch 0), G heads, H x W
input pixels, h x w patches.
"""
import math
from typing import Mapping, Sequence, Tuple, Union

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.drop import build_dropout
from mmcv.cnn.bricks.transformer import FFN, PatchEmbed
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import trunc_normal_
from mmpose.models.backbones import HRNet
from mmpose.models.backbones.resnet import get_expansion
from mmpose.registry import MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .layers.blocks import check_choice

__all__ = ['MultiStageHRNet', 'MultiStageViT']


@MODELS.register_module()
class MultiStageHRNet(HRNet):
    """MMPose's HRNet with the same state-dict keys and other outputs.

    Args:
        extra, in_channels: As HRNet's.
        out_stages: Which stages to return, ascending numbers from 1 to 4.
        frozen: Freeze every parameter and keep eval mode.
        **kwargs: As HRNet's.
    """

    def __init__(self,
                 extra: dict,
                 in_channels: int = 3,
                 out_stages: Sequence[int] = (1, 2, 3, 4),
                 frozen: bool = False,
                 **kwargs) -> None:
        stages = tuple(out_stages)
        if not stages or list(stages) != sorted({*stages} & {1, 2, 3, 4}):
            raise ValueError('out_stages must be ascending stage numbers '
                             f'from 1 to 4, got {out_stages!r}')
        super().__init__(extra, in_channels=in_channels, **kwargs)
        self.out_stages = stages
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)

    @property
    def out_channels(self) -> Tuple[int, ...]:
        # stage 1 has stage 2's, after its transition
        configs = (
            getattr(self, f'stage{max(x, 2)}_cfg') for x in self.out_stages)
        return tuple(config['num_channels'][0] *
                     get_expansion(self.blocks_dict[config['block']])
                     for config in configs)

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Frames (N, in_channels, H, W) to maps (N, C, H / 4, W / 4)."""
        x = self.relu(self.norm1(self.conv1(x)))
        x = self.relu(self.norm2(self.conv2(x)))
        branches, maps = [self.layer1(x)], []
        for number in (2, 3, 4):
            transition = getattr(self, f'transition{number - 1}')
            branches = [
                branches[i] if layer is None else layer(branches[-1])
                for i, layer in enumerate(transition)
            ]
            if number == 2:
                maps.append(branches[0])  # stage 1's
            branches = getattr(self, f'stage{number}')(branches)
            maps.append(branches[0])
        return tuple(maps[stage - 1] for stage in self.out_stages)

    def train(self, mode: bool = True) -> 'MultiStageHRNet':
        super().train(mode and not self.frozen)
        return self


class SelfAttention(BaseModule):
    """Multi-head self-attention with one layer for query, key and value."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f'num_heads = {num_heads} must divide '
                             f'embed_dims = {channels}')
        self.num_heads = num_heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        # (3, N, G, L, C / G)
        query, key, value = self.qkv(x).unflatten(
            -1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.proj(attended.transpose(1, 2).flatten(2))


class TransformerBlock(BaseModule):

    def __init__(self, channels: int, num_heads: int,
                 drop_path_rate: float) -> None:
        super().__init__()
        drop_path = dict(type='DropPath', drop_prob=drop_path_rate)
        self.ln1 = nn.LayerNorm(channels, eps=1e-6)
        self.attn = SelfAttention(channels, num_heads)
        self.attn_drop_path = build_dropout(drop_path)
        self.ln2 = nn.LayerNorm(channels, eps=1e-6)
        self.ffn = FFN(
            embed_dims=channels,
            feedforward_channels=4 * channels,
            act_cfg=dict(type='GELU'),
            dropout_layer=drop_path)

    def init_weights(self) -> None:
        super().init_weights()  # then as ViTPose's code
        for layer in self.ffn.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.normal_(layer.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn_drop_path(self.attn(self.ln1(x)))
        return self.ffn(self.ln2(x), identity=x)


#: ViTPose's networks by name.
ARCHITECTURES = dict(
    small=dict(embed_dims=384, num_layers=12, num_heads=12),
    base=dict(embed_dims=768, num_layers=12, num_heads=12),
    large=dict(embed_dims=1024, num_layers=24, num_heads=16),
    huge=dict(embed_dims=1280, num_layers=32, num_heads=16))


@MODELS.register_module()
class MultiStageViT(BaseModule):
    """Vision transformer of ViTPose's form.

    Args:
        arch: ``'small'``, ``'base'``, ``'large'``, ``'huge'`` (ViTPose's), or
            a dict of ``embed_dims``, ``num_layers`` and ``num_heads``.
        img_size: (H, W) of the position embedding, resized for other inputs.
        out_indices: Blocks whose maps are returned, ascending; negative
            numbers count from the last, whose map is normalised.
        drop_path_rate: Stochastic depth of the last block, linearly from 0.
        frozen: Freeze every parameter and keep eval mode.
        with_cp: Recompute blocks in the backward pass.
    """

    def __init__(self,
                 arch: Union[str, Mapping] = 'small',
                 img_size: Tuple[int, int] = (256, 192),
                 in_channels: int = 3,
                 out_indices: Sequence[int] = (2, 5, 8, 11),
                 drop_path_rate: float = 0.,
                 frozen: bool = False,
                 with_cp: bool = False,
                 init_cfg=None) -> None:
        super().__init__(init_cfg)
        if isinstance(arch, str):
            check_choice('arch', arch, tuple(ARCHITECTURES))
            arch = ARCHITECTURES[arch]
        if set(arch) != set(ARCHITECTURES['small']):
            raise ValueError('arch must be a name or a dict of embed_dims, '
                             f'num_layers and num_heads, got {arch!r}')
        self.embed_dims = arch['embed_dims']
        num_layers = arch['num_layers']
        self.out_indices = tuple(x + num_layers if x < 0 else x
                                 for x in out_indices)
        if not self.out_indices or list(self.out_indices) != sorted(
                set(self.out_indices) & set(range(num_layers))):
            raise ValueError('out_indices must be ascending numbers of the '
                             f'{num_layers} blocks, got {tuple(out_indices)}')
        self.frozen = frozen
        self.with_cp = with_cp
        self.patch_embed = PatchEmbed(
            in_channels=in_channels,
            embed_dims=self.embed_dims,
            kernel_size=16,
            stride=16,
            padding=2,
            input_size=tuple(img_size))
        self.patch_resolution = self.patch_embed.init_out_size
        self.pos_embed = nn.Parameter(
            torch.zeros(1, math.prod(self.patch_resolution), self.embed_dims))
        self.layers = ModuleList(
            TransformerBlock(self.embed_dims, arch['num_heads'], rate)
            for rate in np.linspace(0, drop_path_rate, num_layers).tolist())
        self.ln1 = nn.LayerNorm(self.embed_dims, eps=1e-6)
        self._register_load_state_dict_pre_hook(self._fit_position_embedding)
        if frozen:
            self.requires_grad_(False)

    @property
    def out_channels(self) -> Tuple[int, ...]:
        return (self.embed_dims, ) * len(self.out_indices)

    def init_weights(self) -> None:
        trunc_normal_(self.pos_embed, std=0.02)
        super().init_weights()

    def _fit_position_embedding(self, state_dict: dict, prefix: str,
                                *args) -> None:
        skip = int(state_dict.pop(f'{prefix}cls_token', None) is not None)
        name = f'{prefix}pos_embed'
        if name in state_dict:
            found = state_dict[name][:, skip:]
            state_dict[name] = resize_position_embedding(
                found, self._grid_of(found.shape[1]), self.patch_resolution)

    def _grid_of(self, num_tokens: int) -> Tuple[int, int]:
        """Rows and columns, of this network's ratio of sides or square."""
        height, width = self.patch_resolution
        common = math.gcd(height, width)
        for rows, columns in ((height // common, width // common), (1, 1)):
            scale = math.isqrt(num_tokens // (rows * columns))
            if scale**2 * rows * columns == num_tokens:
                return scale * rows, scale * columns
        raise ValueError(
            f'pos_embed of the checkpoint has {num_tokens} positions: neither '
            "a square grid nor one with the ratio of sides of this network's "
            f'{height} x {width}')

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Frames (N, in_channels, H, W) to maps (N, C, h, w), h = H / 16, w =
        W / 16 where 16 divides them."""
        x, size = self.patch_embed(x)
        x = x + resize_position_embedding(self.pos_embed,
                                          self.patch_resolution, size)
        maps = []
        for index, layer in enumerate(self.layers, 1):
            if self.with_cp and x.requires_grad:
                x = checkpoint(layer, x, use_reentrant=False)
            else:
                x = layer(x)
            if index - 1 in self.out_indices:
                out = self.ln1(x) if index == len(self.layers) else x
                maps.append(out.transpose(1, 2).unflatten(2, size))
        return tuple(maps)

    def train(self, mode: bool = True) -> 'MultiStageViT':
        return super().train(mode and not self.frozen)


def resize_position_embedding(embedding: Tensor, grid: Tuple[int, int],
                              size: Tuple[int, int]) -> Tensor:
    """Resize a position embedding (1, rows * columns, C), bicubically."""
    if tuple(grid) == tuple(size):
        return embedding
    maps = embedding.transpose(1, 2).unflatten(2, grid)
    # bicubic interpolation does not take half precision everywhere
    resized = F.interpolate(
        maps.float(), size=size, mode='bicubic', align_corners=False)
    return resized.to(embedding.dtype).flatten(2).transpose(1, 2)
