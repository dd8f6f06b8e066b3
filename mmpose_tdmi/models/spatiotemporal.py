"""TDMI-ST's visual feature, and a shortcut that starts as the window's mean.

Section 4.2 says only that TDMI-ST replaces the key frame's visual feature
with "the spatiotemporal feature of the input sequence". This is its authors'
design, with the options that they do not share with our default (sigmoid on
the modulation, zero start of the offsets) as switches:

- s: residual blocks on the supporting frames' maps in time order;
- c: a residual block on the concatenation of s and the key frame's map;
- two deformable convolutions in turn on c, each steered by its own input;
- a third on s, steered by their result; a fourth on that, steered by itself;
- residual blocks on the concatenation of the key frame's map and the result.

The middle three are FAMI-Pose's local calibration (``rivals/fami_pose.py``).

Shape letters: B clips, T frames, C channels, H x W feature cells.
"""
import math
from typing import Mapping, Optional, Tuple

import torch
from mmengine.model import BaseModule, constant_init
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow
from .layers import ResidualChain, SteeredDeformableConv2d
from .layers.blocks import check_positive_int, conv3x3, merge_options
from .temporal_difference import clip_window

#: Options of the convolutions, :class:`SteeredDeformableConv2d`'s.
ALIGNMENT_DEFAULTS = dict(
    backend='auto',
    groups=12,
    mask='sigmoid',
    dilation=3,
    offset_dilation=3,
    offset_init='zeros')


class ContextAlignment(BaseModule):
    """Aligns a supporting feature to the key frame's, cell by cell. Subclasses
    set ``context_blocks``, 2 * C to C channels, then the convolutions."""

    def add_convolutions(self, channels: int, options: Mapping) -> None:
        for name in ('context_deform1', 'context_deform2', 'align_deform1',
                     'align_deform2'):
            self.add_module(name, SteeredDeformableConv2d(channels, **options))

    def align(self, support: Tensor, key: Tensor) -> Tensor:
        """Supporting features, aligned; all (N, C, H, W)."""
        context = self.context_blocks(torch.cat((support, key), dim=1))
        context = self.context_deform1(context, context)
        context = self.context_deform2(context, context)
        aligned = self.align_deform1(support, context)
        return self.align_deform2(aligned, aligned)


def supporting_frames(sequence: Tensor, window: FrameWindow) -> Tensor:
    """(B, T, C, H, W) without the key frames, (B, T - 1, C, H, W)."""
    return torch.cat((sequence[:, :window.key], sequence[:, window.key + 1:]),
                     dim=1)


class SpatiotemporalFeature(ContextAlignment):
    """Supporting frames' maps, aligned to the key frame and fused with it. The
    numbers of blocks are those of s, of c and at the end, other options
    :class:`SteeredDeformableConv2d`'s, ``chain`` :class:`ResidualChain`'s."""

    def __init__(self, channels: int, window: FrameWindow,
                 options: Optional[Mapping], **chain) -> None:
        super().__init__()
        self.window = clip_window(window.offsets)
        options = merge_options(
            'spatiotemporal', options,
            dict(
                ALIGNMENT_DEFAULTS,
                num_supporting_blocks=2,
                num_context_blocks=1,
                num_output_blocks=3))
        for name, num_maps in (('supporting', window.num_frames - 1),
                               ('context', 2), ('output', 2)):
            key = f'num_{name}_blocks'
            num_blocks = options.pop(key)
            check_positive_int(f'spatiotemporal.{key}', num_blocks)
            self.add_module(
                f'{name}_blocks',
                ResidualChain(num_maps * channels, channels, num_blocks,
                              **chain))
        self.add_convolutions(channels, options)

    def forward(self, sequence: Tensor) -> Tensor:
        """Maps in time order, (B, T, C, H, W), to the clip's, (B, C, H, W)."""
        self.window.check_sequence(sequence)
        key = sequence[:, self.window.key]
        supporting = self.supporting_blocks(
            supporting_frames(sequence, self.window).flatten(1, 2))
        aligned = self.align(supporting, key)
        return self.output_blocks(torch.cat((key, aligned), dim=1))


class WindowShortcut(BaseModule):
    """The window's visual features, averaged with weights that motion gives.

    Not in the paper. :class:`Aggregation` with ``visual_shortcut`` has to
    learn to look at the neighbours at all. The weighted mean of the frames'
    features finds joints that the key frame hides without training, but smears
    what moves. This shortcut starts as that mean, and the useful motion
    feature decides, cell by cell, how much each frame counts:

        a_t(x) = softmax_t(b_t + (W * Mu)_t(x)),    V'(x) = sum_t a_t(x) F_t(x)

    with b_t = ``log(1 + delta - |offset_t|)``, normalised, W = 0 at the start.
    """

    def __init__(self, channels: int, window: FrameWindow) -> None:
        super().__init__()
        self.window = window
        self.frame_logits = nn.Parameter(torch.empty(window.num_frames))
        self.gate = conv3x3(channels, window.num_frames)
        self._start()

    @property
    def start_weights(self) -> Tuple[float, ...]:
        """Each frame's weight before training; they sum to 1."""
        reach = 1 + max(abs(offset) for offset in self.window.offsets)
        closeness = [reach - abs(offset) for offset in self.window.offsets]
        return tuple(value / sum(closeness) for value in closeness)

    def _start(self) -> None:
        self.frame_logits.data.copy_(
            torch.tensor([math.log(w) for w in self.start_weights]))
        constant_init(self.gate, 0)

    def init_weights(self) -> None:
        super().init_weights()
        self._start()

    def weights(self, useful: Tensor) -> Tensor:
        """Mu (B, C, H, W) to each frame's weight per cell, (B, T, H, W)."""
        logits = self.frame_logits[:, None, None] + self.gate(useful)
        return logits.softmax(dim=1)

    def forward(self, sequence: Tensor, useful: Tensor) -> Tensor:
        """Maps (B, T, C, H, W), averaged as Mu, (B, C, H, W), says."""
        self.window.check_sequence(sequence)
        return (self.weights(useful).unsqueeze(2) * sequence).sum(dim=1)
