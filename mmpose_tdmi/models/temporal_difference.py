"""The paper's multi-stage Temporal Difference Encoder (Section 3.1).

What the temporal difference neck gives to a head.

Section 3, "Method overview": the motion feature M and the visual features
that heads combine it with.

Shape shorthand: B clips, T frames, C channels, H x W feature cells.

Feature difference sequences, Eq. 1.

Shape shorthand: B clips, T frames in time order, C channels, H x W feature
cells.

Maps of any backbone, brought to one width and one size.

The paper reads four maps of equal shape off HRNet and needs none of this.
Here each stage that is used is projected by a 1x1 convolution where its
channels differ from the wanted ones, and resized where its size differs from
the finest used stage's. Where both agree, as with HRNet, nothing is done and
there are no parameters.

Shape shorthand: N frames, C channels, H x W feature cells.

Intra-stage feature fusion, Eq. 2.

The difference maps of one stage are concatenated along the channels and
turned into the stage's motion feature D^j by residual blocks. The paper uses
3, 3, 2, 2 blocks for stages 1 to 4; the authors' code two for every stage.

Shape shorthand: B clips, T frames, C channels, H x W feature cells.

Spatial modulation of a stage's motion feature, Eq. 3 and 4.

Residual blocks and a plain convolution estimate, from D^j, the offsets O^j
and the modulation W^j of a deformable convolution (DCNv2), which then
calibrates D^j. The paper estimates O^j and W^j "independently", each with
blocks of its own. Departures that the options offer are those of the
authors' code: the estimate sees the key frame's visual map beside D^j, one
residual block serves both, the estimating convolutions are dilated by 3, the
modulation has no sigmoid.

Shape shorthand: B clips, C channels, H x W feature cells.

Inter-stage fusion: progressive accumulation, Eq. 5, and its ablation.

M = Conv(... Conv(Conv(D1) + D2) ... + DJ), "several 3x3 convolutions" at
every step. The authors' code has one residual block at each step and none on
the first stage: ``unit='residual', num_units=1, on_first=False``. Fusion by
concatenation and convolution is Table 6 (b).

Shape shorthand: B clips, J stages, C channels, H x W feature cells.

Multi-stage Temporal Difference Encoder as an MMPose neck, Eq. 1 to 5.

Section 3.1 of the paper. The neck takes the backbone's maps of *folded*
clips (index b * T + t), unfolds time, and gives the motion feature M beside
the visual features. Nothing in it counts on five frames, on four stages or
on HRNet. Departures from the paper are options, listed in docs/model.md.

Shape shorthand: B clips, T frames, J stages, C channels, H x W feature cells
of the finest used stage.
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
from .layers.blocks import (check_bool, check_choice, check_norm_cfg,
                            check_positive_int, merge_options)

__all__ = [
    'ConcatFusion', 'IntraStageFusion', 'ProgressiveAccumulation',
    'SpatialModulation', 'TemporalDifferenceNeck', 'TemporalFeatures',
    'feature_differences'
]


class TemporalFeatures(NamedTuple):
    """Features of a batch of clips.

    Being a tuple whose last item is the key frame's map, it can be given to
    any stock head that reads ``feats[-1]``: the head then works as on a
    single frame.

    Attributes:
        motion (Tensor): M of Eq. 5, (B, C, H, W).
        sequence (Tensor): The visual stage's maps of all frames in time
            order, (B, T, C, H, W).
        key (Tensor): The key frame's map of the visual stage, F^4(t) in the
            paper, (B, C, H, W).
    """
    motion: Tensor
    sequence: Tensor
    key: Tensor


def feature_differences(frames: Tensor) -> Tensor:
    """Differences of consecutive frames, later minus earlier (Eq. 1).

    Args:
        frames (Tensor): One stage's maps, (B, T, C, H, W), time ascending.

    Returns:
        Tensor: (B, T - 1, C, H, W); item i is frame i + 1 minus frame i. A
        clip whose frames are equal gives exact zeros.
    """
    return frames[:, 1:] - frames[:, :-1]


def concatenated_differences(frames: Tensor) -> Tensor:
    """Differences of consecutive frames along the channels (Eq. 1).

    Args:
        frames (Tensor): One stage's maps, (B, T, C, H, W), time ascending.

    Returns:
        Tensor: (B, (T - 1) * C, H, W), the values of
        :func:`feature_differences`, in the channels-last memory format if
        each frame is.
    """
    if frames[0].is_contiguous(memory_format=torch.channels_last):
        # flattened, the differences would have to be rearranged
        steps = frames.unbind(dim=1)
        return torch.cat([b - a for a, b in zip(steps, steps[1:])], dim=1)
    return feature_differences(frames).flatten(1, 2)


class StageAlignment(BaseModule):
    """Project and resize maps to the shape of the finest one.

    Args:
        in_channels (Sequence[int]): Channels of each map.
        out_channels (int): C of the results.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.projections = ModuleList([
            nn.Identity() if channels == out_channels else nn.Conv2d(
                channels, out_channels, kernel_size=1)
            for channels in in_channels
        ])

    def forward(self, maps: Sequence[Tensor]) -> List[Tensor]:
        """(N, C_j, H_j, W_j) each -> (N, C, H, W) each, the finest size."""
        # strides are the same in both directions: the highest is the finest
        size = max([tuple(x.shape[-2:]) for x in maps])
        aligned = []
        for x, projection in zip(maps, self.projections):
            x = projection(x)
            if tuple(x.shape[-2:]) != size:
                x = resize(x, size=size, mode='bilinear', align_corners=False)
            aligned.append(x)
        return aligned


class IntraStageFusion(ResidualChain):
    """Residual blocks on a stage's concatenated differences (Eq. 1 and 2).

    Args:
        channels (int): C, of each frame's map and of the result.
        num_frames (int): T, at least 2.
        num_blocks (int): Number of residual blocks.
        **kwargs: As :class:`ResidualChain`'s.
    """

    def __init__(self, channels: int, num_frames: int, num_blocks: int,
                 **kwargs) -> None:
        super().__init__((num_frames - 1) * channels, channels, num_blocks,
                         **kwargs)

    def forward(self, frames: Tensor) -> Tensor:
        """Motion feature of a stage.

        Args:
            frames (Tensor): (B, T, C, H, W), time ascending.

        Returns:
            Tensor: D^j, (B, C, H, W).
        """
        return super().forward(concatenated_differences(frames))


OFFSET_INPUTS = ('difference', 'key_and_difference')
CHAINS = ('independent', 'shared')

#: The options of the config key ``modulation`` with their defaults.
MODULATION_DEFAULTS = dict(
    backend='auto',
    groups=12,
    mask='sigmoid',
    offset_input='difference',
    chains='independent',
    num_blocks=1,
    offset_dilation=1,
    offset_init='zeros',
    kernel_size=3,
    dilation=1)


class SpatialModulation(BaseModule):
    """DCNv2 on a stage's motion feature, steered by itself (Eq. 3 and 4).

    Args:
        channels (int): C, of D^j, of the key frame's map and of the result.
        backend (str): Backend of the deformable convolution, see
            :class:`DeformableConv2d`. Defaults to ``'auto'``.
        groups (int): Offset groups. Defaults to 12.
        mask (str): ``'sigmoid'`` or ``'none'`` (authors' code).
        offset_input (str): What the estimate looks at: ``'difference'``,
            D^j, or ``'key_and_difference'``, the concatenation of the key
            frame's visual map and D^j (authors' code).
        chains (str): ``'independent'`` residual blocks for offsets and
            modulation, or ``'shared'`` (authors' code).
        num_blocks (int): Residual blocks before the plain convolutions; the
            paper gives no number. Defaults to 1.
        offset_dilation (int): Dilation of the plain convolutions. Defaults
            to 1; the authors' code has 3.
        offset_init (str): ``'zeros'`` or ``'normal'``, see
            :class:`DeformableEstimator`.
        kernel_size (int): Odd side of the deformable kernel. Defaults to 3.
        dilation (int): Dilation of the deformable kernel. Defaults to 1.
        skip_projection (str): As :class:`ResidualChain`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.

    Raises:
        ValueError: If an option is invalid.
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
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        check_choice('offset_input', offset_input, OFFSET_INPUTS)
        check_choice('chains', chains, CHAINS)
        check_positive_int('kernel_size', kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, got {kernel_size}')
        self.offset_input = offset_input
        in_channels = channels * (1 + (offset_input == 'key_and_difference'))

        def chain() -> ResidualChain:
            return ResidualChain(
                in_channels,
                channels,
                num_blocks,
                skip_projection=skip_projection,
                norm_cfg=norm_cfg,
                with_cp=with_cp)

        self.offset_blocks = chain()
        self.mask_blocks = chain() if chains == 'independent' else None
        self.conv = DeformableConv2d(
            channels,
            channels,
            kernel_size=kernel_size,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
            groups=groups,
            backend=backend)
        self.estimator = DeformableEstimator(
            channels,
            groups,
            self.conv.num_points,
            mask=mask,
            dilation=offset_dilation,
            offset_init=offset_init)

    def forward(self, motion: Tensor, key: Tensor) -> Tensor:
        """Calibrate a stage's motion feature.

        Args:
            motion (Tensor): D^j, (B, C, H, W).
            key (Tensor): The key frame's visual map, (B, C, H, W); not used
                with ``offset_input='difference'``.

        Returns:
            Tensor: The calibrated feature, (B, C, H, W).
        """
        seen = motion
        if self.offset_input == 'key_and_difference':
            seen = torch.cat((key, motion), dim=1)
        for_offset = self.offset_blocks(seen)
        for_mask = for_offset
        if self.mask_blocks is not None:
            for_mask = self.mask_blocks(seen)
        return self.conv(motion, *self.estimator(for_offset, for_mask))


UNITS = ('conv', 'residual')

#: The options of the config key ``accumulation`` with their defaults.
ACCUMULATION_DEFAULTS = dict(unit='conv', num_units=2, on_first=True)


def convolutions(in_channels: int, out_channels: int, num_convs: int,
                 norm_cfg: Optional[dict]) -> nn.Module:
    """``num_convs`` times 3x3 convolution, normalisation, ReLU."""
    layers = []
    for i in range(num_convs):
        layers += [
            nn.Conv2d(
                in_channels if i == 0 else out_channels,
                out_channels,
                kernel_size=3,
                padding=1,
                bias=False),
            build_norm_layer(norm_cfg or dict(type='BN'), out_channels)[1],
            nn.ReLU(inplace=True)
        ]
    return Sequential(*layers)


class ProgressiveAccumulation(BaseModule):
    """Stages are added one after the other, with convolutions between.

    Args:
        channels (int): C.
        num_stages (int): J.
        unit (str): ``'conv'``, 3x3 convolution, normalisation, ReLU, or
            ``'residual'``, a basic block (authors' code).
        num_units (int): Units per step. Defaults to 2; the paper says
            "several".
        on_first (bool): Whether the first stage goes through units of its
            own, as Eq. 5 has it. Defaults to ``True``. With a single stage
            and ``False``, M is D1.
        skip_projection (str): As :class:`ResidualChain`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 channels: int,
                 num_stages: int,
                 unit: str = 'conv',
                 num_units: int = 2,
                 on_first: bool = True,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        check_choice('accumulation.unit', unit, UNITS)
        check_positive_int('accumulation.num_units', num_units)
        check_bool('accumulation.on_first', on_first)
        self.on_first = on_first

        def step() -> nn.Module:
            if unit == 'conv':
                return convolutions(channels, channels, num_units, norm_cfg)
            return ResidualChain(
                channels,
                channels,
                num_units,
                skip_projection=skip_projection,
                norm_cfg=norm_cfg,
                with_cp=with_cp)

        self.steps = ModuleList(
            [step() for _ in range(num_stages - (not on_first))])

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
    """Stages are concatenated and convolved at once, Table 6 (b).

    Args:
        channels (int): C.
        num_stages (int): J.
        num_units (int): Number of 3x3 convolutions. Defaults to 2.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
    """

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


FUSIONS = ('progressive', 'concat')
ALL_DEFAULTS: Mapping = MappingProxyType({})


@MODELS.register_module()
class TemporalDifferenceNeck(BaseModule):
    """Motion features from differences of consecutive frames.

    Args:
        in_channels (Sequence[int] | int): Channels of each of the backbone's
            maps (of the pre-neck's, if there is one).
        out_channels (int): C. Defaults to 48.
        offsets (Sequence[int]): The clip's frame offsets, at least two;
            see :class:`FrameWindow`. Defaults to ``(-2, -1, 0, 1, 2)``.
        stages (Sequence[int], optional): Indices of the maps whose
            differences are used, e.g. ``(-1, )`` for Table 6 (a). Defaults
            to ``None``, all.
        num_blocks (Sequence[int] | int): Residual blocks of Eq. 2, one
            number per map of ``in_channels`` or one for all. Defaults to
            ``(3, 3, 2, 2)``.
        fusion (str): ``'progressive'`` (Eq. 5) or ``'concat'`` (Table 6 b).
        accumulation (dict, optional): Options of the fusion, see
            :data:`ACCUMULATION_DEFAULTS`; with ``fusion='concat'`` only
            ``num_units`` counts.
        modulation (dict, optional): Options of Eq. 3 and 4, see
            :data:`MODULATION_DEFAULTS` and :class:`SpatialModulation`;
            ``None`` leaves the modulation out (Table 6 a to c). Defaults to
            all defaults.
        visual_stage (int): Index of the map that gives the visual feature.
            Defaults to -1.
        pre_neck (dict, optional): Config of any neck that is first applied
            to the folded maps, such as an FPN.
        skip_projection (str): ``'needed'`` or ``'always'`` (authors' code),
            see :class:`ResidualChain`.
        norm_cfg (dict, optional): Config of the normalisation layers.
            Defaults to ``None``, batch normalisation.
        with_cp (bool): Recompute residual blocks in the backward pass.
            Defaults to ``False``.
        init_cfg (dict | list[dict], optional): Defaults to the paper's
            recipe, convolutions N(0, 0.001), normalisation 1 and 0; see also
            ``modulation.offset_init``.

    Raises:
        ValueError: If an option is invalid; the message names its key.
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
        super().__init__(init_cfg or self.default_init_cfg)
        if isinstance(in_channels, int):
            in_channels = (in_channels, )
        self.in_channels = self._check_in_channels(in_channels)
        check_bool('with_cp', with_cp)
        check_norm_cfg('norm_cfg', norm_cfg)
        check_positive_int('out_channels', out_channels)
        check_choice('fusion', fusion, FUSIONS)
        self.window = FrameWindow(tuple(offsets))
        if self.window.num_frames < 2:
            raise ValueError('offsets must hold at least two frames to have '
                             f'differences, got {tuple(offsets)}')
        self.stages = self._resolve_stages(stages)
        self.visual_stage = self._resolve_stage('visual_stage', visual_stage)
        num_blocks = self._resolve_num_blocks(num_blocks)
        accumulation = merge_options('accumulation', accumulation,
                                     ACCUMULATION_DEFAULTS)
        common: Dict[str, Any] = dict(
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
                             num_blocks[stage], **common)
            for stage in self.stages
        })
        self.modulation = None
        if modulation is not None:
            modulation = merge_options('modulation', modulation,
                                       MODULATION_DEFAULTS)
            self.modulation = ModuleDict({
                str(stage):
                SpatialModulation(out_channels, **modulation, **common)
                for stage in self.stages
            })
        if fusion == 'progressive':
            self.fusion = ProgressiveAccumulation(out_channels,
                                                  len(self.stages),
                                                  **accumulation, **common)
        else:
            self.fusion = ConcatFusion(out_channels, len(self.stages),
                                       accumulation['num_units'], norm_cfg)

    @property
    def default_init_cfg(self) -> List[dict]:
        """list[dict]: The paper's initialisation of new layers."""
        return [
            dict(
                type='Normal', layer=['Conv2d', 'DeformableConv2d'],
                std=0.001),
            dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1)
        ]

    @staticmethod
    def _check_in_channels(in_channels: Sequence[int]) -> Tuple[int, ...]:
        if (not isinstance(in_channels, Sequence)
                or isinstance(in_channels, str) or not in_channels):
            raise ValueError('in_channels must be the channels of each of '
                             f'the backbone\'s maps, got {in_channels!r}')
        for stage, channels in enumerate(in_channels):
            check_positive_int(f'in_channels[{stage}]', channels)
        return tuple(in_channels)

    def _resolve_stage(self, key: str, stage: int) -> int:
        count = len(self.in_channels)
        if isinstance(stage, bool) or not isinstance(
                stage, int) or not -count <= stage < count:
            raise ValueError(
                f'{key} names stage {stage!r}, but in_channels = '
                f'{self.in_channels} says that the backbone gives {count} '
                f'maps: stages are {-count} to {count - 1}')
        return stage % count

    def _resolve_stages(self,
                        stages: Optional[Sequence[int]]) -> Tuple[int, ...]:
        if stages is None:
            return tuple(range(len(self.in_channels)))
        resolved = tuple(
            self._resolve_stage('stages', stage) for stage in stages)
        if not resolved or list(resolved) != sorted(set(resolved)):
            raise ValueError('stages must name maps from shallow to deep, '
                             f'each once, got {stages!r}')
        return resolved

    def _resolve_num_blocks(
            self, num_blocks: Union[Sequence[int], int]) -> Sequence[int]:
        if isinstance(num_blocks, int):
            num_blocks = (num_blocks, ) * len(self.in_channels)
        if not isinstance(num_blocks, Sequence) or isinstance(
                num_blocks, str) or len(num_blocks) != len(self.in_channels):
            raise ValueError(
                'num_blocks must be one number or one for each of the '
                f'{len(self.in_channels)} maps of in_channels, got '
                f'{num_blocks!r}')
        return num_blocks

    def _check_maps(self, maps: Sequence[Tensor]) -> None:
        channels = tuple(x.shape[1] for x in maps)
        if channels != self.in_channels:
            raise ValueError(
                f'in_channels = {self.in_channels}, but the '
                f'{"backbone" if self.pre_neck is None else "pre_neck"} '
                f'gives maps of {channels} channels')

    def encode_frames(self, maps: Sequence[Tensor]) -> Tuple[Tensor, ...]:
        """The part of the neck that treats each frame by itself.

        Args:
            maps (Sequence[Tensor]): The backbone's maps of N frames, of
                clips or not, (N, C_j, H_j, W_j) each.

        Returns:
            tuple[Tensor]: The used stages' maps, of one size and width, (N,
            C, H, W) each.

        Raises:
            ValueError: If the maps' channels are not ``in_channels``.
        """
        if isinstance(maps, Tensor):
            maps = (maps, )
        if self.pre_neck is not None:
            maps = self.pre_neck(maps)
        self._check_maps(maps)
        return tuple(
            self.alignment([maps[stage] for stage in self.used_stages]))

    def encode_windows(self, frames: Sequence[Tensor]) -> TemporalFeatures:
        """The part of the neck that compares the frames of clips.

        Args:
            frames (Sequence[Tensor]): What :meth:`encode_frames` gives for
                B * T frames in the order b * T + t.

        Returns:
            TemporalFeatures: M and the visual features.

        Raises:
            ValueError: If the number of frames is no multiple of T.
        """
        clips = {
            stage: unfold_time(x, self.window.num_frames)
            for stage, x in zip(self.used_stages, frames)
        }
        sequence = clips[self.visual_stage]
        key = sequence[:, self.window.key]
        stage_motions = []
        for stage in self.stages:
            motion = self.intra_stage[str(stage)](clips[stage])
            if self.modulation is not None:
                motion = self.modulation[str(stage)](motion, key)
            stage_motions.append(motion)
        return TemporalFeatures(self.fusion(stage_motions), sequence, key)

    def forward(self, maps: Sequence[Tensor]) -> TemporalFeatures:
        """Encode folded clips.

        Args:
            maps (Sequence[Tensor]): The backbone's maps of B * T frames in
                the order b * T + t, (B * T, C_j, H_j, W_j) each.

        Returns:
            TemporalFeatures: M and the visual features.

        Raises:
            ValueError: If the maps' channels are not ``in_channels`` or the
                number of frames is no multiple of T.
        """
        return self.encode_windows(self.encode_frames(maps))
