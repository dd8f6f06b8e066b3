"""The paper's multi-stage Temporal Difference Encoder (Section 3.1, Eq. 1-5).

From the backbone's maps of the frames of a clip to the motion feature M:

- Eq. 1: differences of consecutive frames at every stage j;
- Eq. 2: residual blocks on their concatenation give D^j. The paper uses 3, 3,
  2, 2 blocks for stages 1 to 4; the authors' code two for every stage;
- Eq. 3 and 4: spatial modulation, a deformable convolution (DCNv2) on D^j
  whose offsets O^j and modulation W^j are estimated from D^j, "independently",
  each by blocks of its own. In the authors' code the estimate sees the key
  frame's visual map beside D^j, one residual block serves both, the estimating
  convolutions are dilated by 3, the modulation has no sigmoid;
- Eq. 5: M = Conv(... Conv(Conv(D1) + D2) ... + DJ), "several 3x3 convolutions"
  at every step. The authors' code has one residual block at each step and none
  on the first stage: ``unit='residual', num_units=1, on_first=False``.

Any backbone's maps are brought to one width and size, which HRNet's have.
Departures from the paper are options, listed in docs/model.md.

Shape letters: B clips, T frames in time order, N = B * T, J stages, C
channels, H x W feature cells of the finest used stage.
"""
from types import MappingProxyType
from typing import (Any, Dict, List, Mapping, NamedTuple, Optional, Sequence,
                    Tuple, Union)

import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule, ModuleDict, ModuleList, Sequential
from mmpose.models.utils.ops import resize
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow, unfold_time
from .layers import DeformableConv2d, DeformableEstimator, ResidualChain
from .layers.blocks import (check_bool, check_choice, check_positive_int,
                            conv3x3, merge_options, paper_init, projection)

__all__ = [
    'ConcatFusion', 'IntraStageFusion', 'ProgressiveAccumulation',
    'SpatialModulation', 'TemporalDifferenceNeck', 'TemporalFeatures',
    'feature_differences'
]


class TemporalFeatures(NamedTuple):
    """Motion and visual features of a batch of clips. A stock head, which
    reads ``feats[-1]``, works on them as on a single frame.

    Attributes:
        motion: M of Eq. 5, (B, C, H, W).
        sequence: The visual stage's maps in time order, (B, T, C, H, W).
        key: The key frame's one, F^4(t) in the paper, (B, C, H, W).
    """
    motion: Tensor
    sequence: Tensor
    key: Tensor


def clip_window(offsets: Sequence[int]) -> FrameWindow:
    """A window of at least two frames."""
    window = FrameWindow(tuple(offsets))
    if window.num_frames < 2:
        raise ValueError('offsets must hold at least two frames, the key '
                         f'frame and a supporting one, got {window.offsets}')
    return window


def resolve_stage(key: str, stage: int, in_channels: Sequence[int]) -> int:
    """The index >= 0 of one of the backbone's maps."""
    count = len(in_channels)
    if type(stage) is not int or not -count <= stage < count:
        raise ValueError(
            f'{key} names stage {stage!r}, but in_channels = {in_channels} '
            f'says that the backbone gives {count} maps: stages are {-count} '
            f'to {count - 1}')
    return stage % count


def feature_differences(frames: Tensor) -> Tensor:
    """Eq. 1, later minus earlier: (B, T, C, H, W) to (B, T - 1, C, H, W)."""
    return frames[:, 1:] - frames[:, :-1]


class StageAlignment(BaseModule):
    """Project and resize maps to the shape of the finest one; where channels
    and size agree already there are no parameters."""

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.projections = ModuleList(
            projection(x, out_channels) for x in in_channels)

    def forward(self, maps: Sequence[Tensor]) -> List[Tensor]:
        """(N, C_j, H_j, W_j) each -> (N, C, H, W) each, the finest size."""
        # strides are the same in both directions: the highest is the finest
        size = max([tuple(x.shape[-2:]) for x in maps])
        aligned = [layer(x) for layer, x in zip(self.projections, maps)]
        for i, x in enumerate(aligned):
            if tuple(x.shape[-2:]) != size:
                aligned[i] = resize(
                    x, size, mode='bilinear', align_corners=False)
        return aligned


class IntraStageFusion(ResidualChain):
    """Residual blocks on a stage's concatenated differences (Eq. 1, 2)."""

    def __init__(self, channels: int, num_frames: int, num_blocks: int,
                 **chain) -> None:
        super().__init__((num_frames - 1) * channels, channels, num_blocks,
                         **chain)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, C, H, W) to D^j, (B, C, H, W)."""
        if frames[0].is_contiguous(memory_format=torch.channels_last):
            # flattened, the differences would have to be rearranged
            steps = frames.unbind(dim=1)
            return super().forward(
                torch.cat([b - a for a, b in zip(steps, steps[1:])], dim=1))
        return super().forward(feature_differences(frames).flatten(1, 2))


class SpatialModulation(BaseModule):
    """DCNv2 on a stage's motion feature, steered by itself (Eq. 3 and 4).

    Args:
        channels: C.
        backend, groups, mask, offset_dilation, offset_init, dilation: As
            :class:`SteeredDeformableConv2d`'s; the authors' code has
            ``mask='none'`` and ``offset_dilation=3``.
        offset_input: What the estimate sees: ``'difference'``, D^j, or
            ``'key_and_difference'``, the key frame's map too (authors' code).
        chains: ``'independent'`` residual blocks for offsets and modulation,
            or ``'shared'`` (authors' code).
        num_blocks: Residual blocks before the plain convolutions.
        kernel_size: Odd side of the deformable kernel.
        **chain: As :class:`ResidualChain`'s.
    """

    def __init__(self,
                 channels: int,
                 backend: str = 'auto',
                 groups: int = 12,
                 mask: str = 'sigmoid',
                 offset_input: str = 'difference',
                 chains: str = 'independent',
                 num_blocks: int = 1,
                 offset_dilation: int = 1,
                 offset_init: str = 'zeros',
                 kernel_size: int = 3,
                 dilation: int = 1,
                 **chain) -> None:
        super().__init__()
        check_choice('offset_input', offset_input,
                     ('difference', 'key_and_difference'))
        check_choice('chains', chains, ('independent', 'shared'))
        check_positive_int('kernel_size', kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, got {kernel_size}')
        self.offset_input = offset_input
        seen = channels * (1 + (offset_input == 'key_and_difference'))
        self.offset_blocks = ResidualChain(seen, channels, num_blocks, **chain)
        self.mask_blocks = None
        if chains == 'independent':
            self.mask_blocks = ResidualChain(seen, channels, num_blocks,
                                             **chain)
        padding = dilation * (kernel_size // 2)
        self.conv = DeformableConv2d(channels, channels, kernel_size, padding,
                                     dilation, groups, True, backend)
        self.estimator = DeformableEstimator(channels, groups,
                                             self.conv.num_points, mask,
                                             offset_dilation, offset_init)

    def forward(self, motion: Tensor, key: Tensor) -> Tensor:
        """D^j, calibrated, of D^j and the key frame's map, (B, C, H, W)."""
        seen = motion
        if self.offset_input == 'key_and_difference':
            seen = torch.cat((key, motion), dim=1)
        for_offset = for_mask = self.offset_blocks(seen)
        if self.mask_blocks is not None:
            for_mask = self.mask_blocks(seen)
        return self.conv(motion, *self.estimator(for_offset, for_mask))


def convolutions(in_channels: int, out_channels: int, num_convs: int,
                 norm_cfg: Optional[dict]) -> nn.Module:
    """``num_convs`` times 3x3 convolution, normalisation, ReLU."""
    layers = []
    for i in range(num_convs):
        layers += [
            conv3x3(out_channels if i else in_channels, out_channels),
            build_norm_layer(norm_cfg or dict(type='BN'), out_channels)[1],
            nn.ReLU(inplace=True)
        ]
    return Sequential(*layers)


class ProgressiveAccumulation(BaseModule):
    """Stages are added one after the other, with convolutions between (Eq. 5).

    Args:
        channels, num_stages: C and J.
        unit: ``'conv'``, 3x3 convolution, normalisation, ReLU, or
            ``'residual'``, a basic block (authors' code).
        num_units: Units per step; the paper says "several".
        on_first: Whether the first stage goes through units of its own (Eq.
            5). With a single stage and ``False``, M is D1.
        **chain: As :class:`ResidualChain`'s.
    """

    def __init__(self,
                 channels: int,
                 num_stages: int,
                 unit: str = 'conv',
                 num_units: int = 2,
                 on_first: bool = True,
                 **chain) -> None:
        super().__init__()
        check_choice('accumulation.unit', unit, ('conv', 'residual'))
        check_positive_int('accumulation.num_units', num_units)
        check_bool('accumulation.on_first', on_first)
        self.on_first = on_first
        self.steps = ModuleList([
            convolutions(channels, channels, num_units, chain.get('norm_cfg'))
            if unit == 'conv' else ResidualChain(channels, channels, num_units,
                                                 **chain)
            for _ in range(num_stages - (not on_first))
        ])

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Accumulate J maps (B, C, H, W) into M, (B, C, H, W)."""
        motion = stages[0]
        steps = iter(self.steps)
        if self.on_first:
            motion = next(steps)(motion)
        for stage, step in zip(stages[1:], steps):
            motion = step(motion + stage)
        return motion


class ConcatFusion(BaseModule):
    """J stages are concatenated and convolved at once, Table 6 (b)."""

    def __init__(self,
                 channels: int,
                 num_stages: int,
                 num_units: int = 2,
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__()
        check_positive_int('accumulation.num_units', num_units)
        self.convs = convolutions(num_stages * channels, channels, num_units,
                                  norm_cfg)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Fuse J maps (B, C, H, W) into M, (B, C, H, W)."""
        return self.convs(torch.cat(tuple(stages), dim=1))


ALL_DEFAULTS: Mapping = MappingProxyType({})


@MODELS.register_module()
class TemporalDifferenceNeck(BaseModule):
    """Motion features from differences of consecutive frames.

    Args:
        in_channels: Channels of each map of the backbone, or pre-neck.
        out_channels: C.
        offsets: The clip's frame offsets, see :class:`FrameWindow`.
        stages: Indices of the maps whose differences are used, e.g. ``(-1, )``
            for Table 6 (a); ``None``: all.
        num_blocks: Residual blocks of Eq. 2, of each map or of all.
        fusion: ``'progressive'`` (Eq. 5) or ``'concat'`` (Table 6 b).
        accumulation: Options of :class:`ProgressiveAccumulation`; of them
            ``fusion='concat'`` takes ``num_units`` only.
        modulation: Options of :class:`SpatialModulation`; ``None`` leaves it
            out (Table 6 a to c).
        visual_stage: Index of the map that gives the visual feature.
        pre_neck: Config of a neck, such as an FPN, applied to the maps first.
        skip_projection, norm_cfg, with_cp: As :class:`ResidualChain`'s.
        init_cfg: By default the paper's, convolutions N(0, 0.001); see also
            ``modulation.offset_init``.
    """

    def __init__(self,
                 in_channels: Union[Sequence[int], int],
                 out_channels: int = 48,
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 stages: Optional[Sequence[int]] = None,
                 num_blocks: Union[Sequence[int], int] = (3, 3, 2, 2),
                 fusion: str = 'progressive',
                 accumulation: Optional[Mapping] = None,
                 modulation: Optional[Mapping] = ALL_DEFAULTS,
                 visual_stage: int = -1,
                 pre_neck: Optional[dict] = None,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False,
                 init_cfg=None) -> None:
        super().__init__(init_cfg or paper_init())
        if isinstance(in_channels, int):
            in_channels = (in_channels, )
        if not isinstance(in_channels, Sequence) or not in_channels:
            raise ValueError('in_channels must be the channels of each of '
                             f'the backbone\'s maps, got {in_channels!r}')
        for stage, channels in enumerate(in_channels):
            check_positive_int(f'in_channels[{stage}]', channels)
        self.in_channels = tuple(in_channels)
        check_positive_int('out_channels', out_channels)
        check_choice('fusion', fusion, ('progressive', 'concat'))
        self.window = clip_window(offsets)
        if stages is None:
            stages = range(len(self.in_channels))
        self.stages = tuple(
            resolve_stage('stages', x, self.in_channels) for x in stages)
        if not self.stages or list(self.stages) != sorted(set(self.stages)):
            raise ValueError('stages must name maps from shallow to deep, '
                             f'each once, got {stages!r}')
        self.visual_stage = resolve_stage('visual_stage', visual_stage,
                                          self.in_channels)
        if isinstance(num_blocks, int):
            num_blocks = (num_blocks, ) * len(self.in_channels)
        if not isinstance(num_blocks, Sequence) or len(num_blocks) != len(
                self.in_channels):
            raise ValueError(
                'num_blocks must be one number or one for each of the '
                f'{len(self.in_channels)} maps of in_channels, got '
                f'{num_blocks!r}')
        accumulation = merge_options('accumulation', accumulation,
                                     ProgressiveAccumulation)
        chain: Dict[str, Any] = dict(
            skip_projection=skip_projection,
            norm_cfg=norm_cfg,
            with_cp=with_cp)

        self.pre_neck = None if pre_neck is None else MODELS.build(pre_neck)
        self.used_stages = tuple(sorted({*self.stages, self.visual_stage}))
        self.alignment = StageAlignment(
            [self.in_channels[stage] for stage in self.used_stages],
            out_channels)
        self.intra_stage = ModuleDict({
            str(stage):
            IntraStageFusion(out_channels, self.window.num_frames,
                             num_blocks[stage], **chain)
            for stage in self.stages
        })
        self.modulation = None
        if modulation is not None:
            modulation = merge_options('modulation', modulation,
                                       SpatialModulation)
            self.modulation = ModuleDict({
                str(stage):
                SpatialModulation(out_channels, **modulation, **chain)
                for stage in self.stages
            })
        if fusion == 'progressive':
            self.fusion = ProgressiveAccumulation(out_channels,
                                                  len(self.stages),
                                                  **accumulation, **chain)
        else:
            self.fusion = ConcatFusion(out_channels, len(self.stages),
                                       accumulation['num_units'], norm_cfg)

    def encode_frames(self, maps: Sequence[Tensor]) -> Tuple[Tensor, ...]:
        """Each frame by itself: the backbone's maps, (N, C_j, H_j, W_j) each,
        to those of the used stages, (N, C, H, W) each."""
        if isinstance(maps, Tensor):
            maps = (maps, )
        if self.pre_neck is not None:
            maps = self.pre_neck(maps)
        channels = tuple(x.shape[1] for x in maps)
        if channels != self.in_channels:
            raise ValueError(
                f'in_channels = {self.in_channels}, but the '
                f'{"backbone" if self.pre_neck is None else "pre_neck"} '
                f'gives maps of {channels} channels')
        return tuple(
            self.alignment([maps[stage] for stage in self.used_stages]))

    def encode_windows(self, frames: Sequence[Tensor]) -> TemporalFeatures:
        """The used stages' maps, ordered b * T + t, to M and visual ones."""
        clips = {
            stage: unfold_time(x, self.window.num_frames)
            for stage, x in zip(self.used_stages, frames)
        }
        sequence = clips[self.visual_stage]
        key = sequence[:, self.window.key]
        motions = []
        for stage in self.stages:
            motion = self.intra_stage[str(stage)](clips[stage])
            if self.modulation is not None:
                motion = self.modulation[str(stage)](motion, key)
            motions.append(motion)
        return TemporalFeatures(self.fusion(motions), sequence, key)

    def forward(self, maps: Sequence[Tensor]) -> TemporalFeatures:
        return self.encode_windows(self.encode_frames(maps))
