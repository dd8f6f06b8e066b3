"""Optical flow as the motion feature: Table 5, "Op-Flow".

The paper's baseline takes "optical flows predicted by RAFT as motion
representations" and gives no further detail. Here the flow takes the place
of the differences of Eq. 1 and nothing else changes: between the same
consecutive frames, concatenated, through residual blocks (Eq. 2) at the
visual feature's size. There is one flow, so no stages to fuse (Eq. 3 to 5).

Shape shorthand: B clips, T frames, C channels, H x W feature cells, h x w
input pixels.
"""
from typing import List, Mapping, Optional, Sequence, Tuple, Union

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_tdmi.structures import FrameWindow, fold_time, unfold_time
from ..layers import ResidualChain
from ..layers.checks import check_choice, check_positive_int, merge_options
from ..temporal_difference import TemporalFeatures
from ..temporal_difference.alignment import StageAlignment
from .raft import FLOW_DEFAULTS, RaftFlow

PAIRS = ('consecutive', 'key')


@MODELS.register_module()
class OpticalFlowNeck(BaseModule):
    """Motion features from optical flow; stands in for
    :class:`TemporalDifferenceNeck`.

    It needs the frames, which :class:`BackboneWithFrames` gives before the
    backbone's maps.

    Args:
        in_channels (Sequence[int] | int): Channels of each of the backbone's
            maps, the frames left out.
        mean (Sequence[float]): The data preprocessor's ``mean``, of R, G, B.
        std (Sequence[float]): The data preprocessor's ``std``.
        out_channels (int): C. Defaults to 48.
        offsets (Sequence[int]): The clip's frame offsets, at least two;
            see :class:`FrameWindow`. Defaults to ``(-2, -1, 0, 1, 2)``.
        pairs (str): Which flow is taken: ``'consecutive'``, from each frame
            to the next, or ``'key'``, from the key frame to each other one.
        num_blocks (int): Residual blocks on the flow. Defaults to 3.
        flow (dict, optional): Options of the flow network, see
            :data:`FLOW_DEFAULTS` and :class:`RaftFlow`.
        visual_stage (int): Index of the map that gives the visual feature.
            Defaults to -1.
        skip_projection (str): As :class:`ResidualChain`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.
        init_cfg (dict | list[dict], optional): Of the layers on the flow, not
            of the flow network. Defaults to the paper's recipe, convolutions
            N(0, 0.001), normalisation 1 and 0.

    Raises:
        ValueError: If an option is invalid; the message names its key.
    """

    def __init__(self,
                 in_channels: Union[Sequence[int], int],
                 mean: Sequence[float],
                 std: Sequence[float],
                 out_channels: int = 48,
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 pairs: str = 'consecutive',
                 num_blocks: int = 3,
                 flow: Optional[Mapping] = None,
                 visual_stage: int = -1,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False,
                 init_cfg=None) -> None:
        # only `encoder` and `alignment` are initialised by `init_cfg`: given
        # to this module it would reach into the flow network
        super().__init__()
        init_cfg = init_cfg or self.default_init_cfg
        if isinstance(in_channels, int):
            in_channels = (in_channels, )
        self.in_channels = tuple(in_channels)
        check_positive_int('out_channels', out_channels)
        check_choice('pairs', pairs, PAIRS)
        self.pairs = pairs
        self.window = FrameWindow(tuple(offsets))
        if self.window.num_frames < 2:
            raise ValueError('offsets must hold at least two frames to have '
                             f'a flow between them, got {tuple(offsets)}')
        count = len(self.in_channels)
        if not -count <= visual_stage < count:
            raise ValueError(
                f'visual_stage must name one of the {count} maps of '
                f'in_channels = {self.in_channels}, got {visual_stage!r}')
        self.visual_stage = visual_stage % count
        self.alignment = StageAlignment([self.in_channels[self.visual_stage]],
                                        out_channels)
        self.alignment.init_cfg = init_cfg
        self.encoder = ResidualChain(
            2 * (self.window.num_frames - 1),
            out_channels,
            num_blocks,
            skip_projection=skip_projection,
            norm_cfg=norm_cfg,
            with_cp=with_cp,
            init_cfg=init_cfg)
        self.flow = RaftFlow(mean, std,
                             **merge_options('flow', flow, FLOW_DEFAULTS))

    @property
    def default_init_cfg(self) -> List[dict]:
        """list[dict]: The paper's initialisation of new layers."""
        return [
            dict(type='Normal', layer='Conv2d', std=0.001),
            dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1)
        ]

    def _check_maps(self, maps: Sequence[Tensor]) -> None:
        channels = tuple(x.shape[1] for x in maps)
        if channels != (3, *self.in_channels):
            raise ValueError(
                'OpticalFlowNeck takes the frames, of 3 channels, and maps of '
                f'in_channels = {self.in_channels}, but the backbone gives '
                f'maps of {channels} channels; is it a BackboneWithFrames?')

    def optical_flow(self, frames: Tensor) -> Tensor:
        """The flow between the frames of clips.

        Args:
            frames (Tensor): Normalised clips, (B, T, 3, h, w).

        Returns:
            Tensor: (B, T - 1, 2, h', w'), in pixels of the h x w crop;
            ``pairs='consecutive'``: item i is from frame i to i + 1, else
            from the key frame to the i-th of the others.
        """
        if self.pairs == 'consecutive':
            start, end = frames[:, :-1], frames[:, 1:]
        else:
            key = self.window.key
            others = [i for i in range(self.window.num_frames) if i != key]
            end = frames[:, others]
            start = frames[:, key, None].expand_as(end)
        flow = self.flow(fold_time(start), fold_time(end))
        return unfold_time(flow, self.window.num_frames - 1)

    def encode_frames(self, maps: Sequence[Tensor]) -> Tuple[Tensor, Tensor]:
        """The part of the neck that treats each frame by itself.

        Args:
            maps (Sequence[Tensor]): N normalised frames (N, 3, h, w), then
                the backbone's maps of them, (N, C_j, H_j, W_j) each.

        Returns:
            tuple[Tensor, Tensor]: The frames, and their visual feature (N,
            C, H, W).

        Raises:
            ValueError: If the maps are not those.
        """
        self._check_maps(maps)
        visual, = self.alignment([maps[1 + self.visual_stage]])
        return maps[0], visual

    def encode_windows(self, frames: Sequence[Tensor]) -> TemporalFeatures:
        """The part of the neck that compares the frames of clips.

        Args:
            frames (Sequence[Tensor]): What :meth:`encode_frames` gives for
                B * T frames in the order b * T + t.

        Returns:
            TemporalFeatures: The motion feature of the flow, and the visual
            features.

        Raises:
            ValueError: If the number of frames is no multiple of T, or RAFT
                does not take the frames' size.
        """
        clips, sequence = (
            unfold_time(x, self.window.num_frames) for x in frames)
        size = sequence.shape[-2:]
        # what a cell's motion is, is the mean over its pixels; in cells
        flow = F.adaptive_avg_pool2d(
            self.optical_flow(clips).flatten(1, 2), size)
        cells = flow.new_tensor(
            [size[1] / clips.shape[-1],
             size[0] / clips.shape[-2]]).repeat(self.window.num_frames - 1)
        motion = self.encoder(flow * cells[:, None, None])
        return TemporalFeatures(motion, sequence, sequence[:, self.window.key])

    def forward(self, maps: Sequence[Tensor]) -> TemporalFeatures:
        """Encode folded clips.

        Args:
            maps (Sequence[Tensor]): The normalised frames, then the
                backbone's maps, of B * T frames in the order b * T + t.

        Returns:
            TemporalFeatures: As :meth:`encode_windows`'s.

        Raises:
            ValueError: As the two parts.
        """
        return self.encode_windows(self.encode_frames(maps))
