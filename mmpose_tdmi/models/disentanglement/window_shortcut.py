"""A shortcut that starts as the mean of the window's frames.

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
from typing import Tuple

import torch
from mmengine.model import BaseModule, constant_init
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow


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
