"""Multi-stage Temporal Difference Encoder as an MMPose neck, Eq. 1 to 5.

Section 3.1 of the paper. The neck takes the backbone's maps of *folded*
clips (index b * T + t), unfolds time, and gives the motion feature M beside
the visual features. Nothing in it counts on five frames, on four stages or
on HRNet. Departures from the paper are options, listed in docs/model.md.

Shape shorthand: B clips, T frames, J stages, C channels, H x W feature cells
of the finest used stage.
"""
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from mmengine.model import BaseModule, ModuleDict
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_tdmi.structures import FrameWindow, unfold_time
from ..layers.checks import (check_bool, check_choice, check_norm_cfg,
                             check_positive_int, merge_options)
from .accumulation import (ACCUMULATION_DEFAULTS, ConcatFusion,
                           ProgressiveAccumulation)
from .alignment import StageAlignment
from .features import TemporalFeatures
from .intra_stage import IntraStageFusion
from .modulation import MODULATION_DEFAULTS, SpatialModulation

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
