"""The visual feature of TDMI-ST: one map for the whole clip.

Section 4.2 says only that TDMI-ST replaces the key frame's visual feature
with "the spatiotemporal feature of the input sequence". This is its authors'
design, with the options that they do not share with our default (sigmoid on
the modulation, zero start of the offsets) as switches:

- s: residual blocks on the supporting frames' maps in time order;
- c: a residual block on the concatenation of s and the key frame's map;
- two deformable convolutions in turn on c, each steered by its own input;
- a third on s, steered by their result; a fourth on that, steered by itself;
- residual blocks on the concatenation of the key frame's map and the result.

Shape shorthand: B clips, T frames, C channels, H x W feature cells.

A shortcut that starts as the mean of the window's frames.

Not in the paper. :class:`Aggregation` with ``visual_shortcut`` starts as the
single-frame model on the key frame, and has to learn to look at the
neighbours at all. The weighted mean of the frames' single-frame features, and
with a linear heatmap layer that of their heatmaps, finds joints that the key
frame hides without any training, but smears what moves. This shortcut starts
as that mean, and the useful motion feature decides, cell by cell, how much
each frame counts:

    a_t(x) = softmax_t(b_t + (W * Mu)_t(x)),    V'(x) = sum_t a_t(x) F_t(x)

with b_t = log(1 + delta - |offset_t|), normalised, and W = 0 at the start.

Shape shorthand: B clips, T frames, C channels, H x W feature cells.
"""
import math
from typing import Any, Dict, Mapping, Optional, Tuple

import torch
from mmengine.model import BaseModule, constant_init
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow
from .layers import ResidualChain, SteeredDeformableConv2d
from .layers.blocks import check_positive_int, merge_options

#: The options of the config key ``spatiotemporal`` with their defaults.
SPATIOTEMPORAL_DEFAULTS = dict(
    backend='auto',
    groups=12,
    mask='sigmoid',
    dilation=3,
    offset_dilation=3,
    offset_init='zeros',
    num_supporting_blocks=2,
    num_context_blocks=1,
    num_output_blocks=3)


class SpatiotemporalFeature(BaseModule):
    """Supporting frames' maps, aligned to the key frame and fused with it.

    Args:
        channels (int): C, of each frame's map and of the result.
        window (FrameWindow): The clip's frames.
        options (Mapping, optional): See :data:`SPATIOTEMPORAL_DEFAULTS`:
            ``backend``, ``groups``, ``mask``, ``offset_init``, ``dilation``
            (of the deformable kernels) and ``offset_dilation`` (of the
            convolutions that estimate) as in the temporal difference neck's
            modulation, and the numbers of residual blocks on the supporting
            maps, for c, and at the end.
        skip_projection (str): As :class:`ResidualChain`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.

    Raises:
        ValueError: If the window has no supporting frame or an option is
            invalid.
    """

    def __init__(self,
                 channels: int,
                 window: FrameWindow,
                 options: Optional[Mapping] = None,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        if window.num_frames < 2:
            raise ValueError(
                "visual='spatiotemporal' needs offsets with at least one "
                f'supporting frame, got {window.offsets}')
        options = merge_options('spatiotemporal', options,
                                SPATIOTEMPORAL_DEFAULTS)
        for key in ('num_supporting_blocks', 'num_context_blocks',
                    'num_output_blocks'):
            check_positive_int(f'spatiotemporal.{key}', options[key])
        self.window = window
        common: Dict[str, Any] = dict(
            skip_projection=skip_projection,
            norm_cfg=norm_cfg,
            with_cp=with_cp)
        self.supporting_blocks = ResidualChain(
            (window.num_frames - 1) * channels, channels,
            options.pop('num_supporting_blocks'), **common)
        self.context_blocks = ResidualChain(2 * channels, channels,
                                            options.pop('num_context_blocks'),
                                            **common)
        self.output_blocks = ResidualChain(2 * channels, channels,
                                           options.pop('num_output_blocks'),
                                           **common)
        self.context_deform1 = SteeredDeformableConv2d(channels, **options)
        self.context_deform2 = SteeredDeformableConv2d(channels, **options)
        self.align_deform1 = SteeredDeformableConv2d(channels, **options)
        self.align_deform2 = SteeredDeformableConv2d(channels, **options)

    def forward(self, sequence: Tensor) -> Tensor:
        """The clip's visual feature.

        Args:
            sequence (Tensor): The frames' maps in time order, (B, T, C, H,
                W).

        Returns:
            Tensor: (B, C, H, W).

        Raises:
            ValueError: If the sequence does not have the window's T.
        """
        self.window.check_sequence(sequence)
        place = self.window.key
        key = sequence[:, place]
        supporting = self.supporting_blocks(
            torch.cat((sequence[:, :place], sequence[:, place + 1:]),
                      dim=1).flatten(1, 2))
        context = self.context_blocks(torch.cat((supporting, key), dim=1))
        context = self.context_deform1(context, context)
        context = self.context_deform2(context, context)
        aligned = self.align_deform1(supporting, context)
        aligned = self.align_deform2(aligned, aligned)
        return self.output_blocks(torch.cat((key, aligned), dim=1))


class WindowShortcut(BaseModule):
    """The window's visual features, averaged with weights that motion gives.

    Args:
        channels (int): C.
        window (FrameWindow): The clip's frames.
    """

    def __init__(self, channels: int, window: FrameWindow) -> None:
        super().__init__()
        self.window = window
        self.frame_logits = nn.Parameter(torch.empty(window.num_frames))
        self.gate = nn.Conv2d(
            channels, window.num_frames, kernel_size=3, padding=1, bias=False)
        self._start()

    @property
    def start_weights(self) -> Tuple[float, ...]:
        """tuple[float]: Each frame's weight before training; they sum to 1
        and fall linearly with the distance to the key frame."""
        reach = 1 + max(abs(offset) for offset in self.window.offsets)
        closeness = [reach - abs(offset) for offset in self.window.offsets]
        return tuple(value / sum(closeness) for value in closeness)

    def _start(self) -> None:
        with torch.no_grad():
            self.frame_logits.copy_(
                torch.tensor([math.log(w) for w in self.start_weights]))
        constant_init(self.gate, 0)

    def init_weights(self) -> None:
        """Initialise; the weights start as :attr:`start_weights`."""
        super().init_weights()
        self._start()

    def weights(self, useful: Tensor) -> Tensor:
        """How much each frame counts in each cell.

        Args:
            useful (Tensor): Mu, (B, C, H, W).

        Returns:
            Tensor: (B, T, H, W), in [0, 1], summing to 1 over T.
        """
        logits = self.frame_logits[:, None, None] + self.gate(useful)
        return logits.softmax(dim=1)

    def forward(self, sequence: Tensor, useful: Tensor) -> Tensor:
        """The averaged visual feature.

        Args:
            sequence (Tensor): The frames' maps in time order, (B, T, C, H,
                W).
            useful (Tensor): Mu, (B, C, H, W).

        Returns:
            Tensor: (B, C, H, W).

        Raises:
            ValueError: If the sequence does not have the window's T.
        """
        self.window.check_sequence(sequence)
        return (self.weights(useful).unsqueeze(2) * sequence).sum(dim=1)
