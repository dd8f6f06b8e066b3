"""Representation factorisation: useful and noisy motion, Eq. 6.

m = GAP(M), Mu = sigmoid(MLPu(m)) * M, Mn = sigmoid(MLPn(m)) * M, with two
independent perceptrons. The paper gives no width for them; the authors' code
has one hidden layer of 128 channels with ReLU.

The other two are Table 7's: no factorisation, and splitting the channels. Of
the split the paper gives no detail. Here each half is projected back to C
channels by a 1x1 convolution, so that everything after it is unchanged.

Shape shorthand: B clips, C channels, H x W feature cells.
"""
from typing import Optional, Tuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..layers.checks import check_positive_int


class ChannelAttention(BaseModule):
    """sigmoid(MLP(GAP(M))) * M, one of the two lines of Eq. 6.

    Args:
        channels (int): C.
        hidden_channels (int): Width of the hidden layer.
    """

    def __init__(self, channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden_channels), nn.ReLU(inplace=True),
            nn.Linear(hidden_channels, channels))

    def forward(self, motion: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W), each channel scaled by (0, 1)."""
        weights = torch.sigmoid(self.mlp(motion.mean(dim=(2, 3))))
        return motion * weights[:, :, None, None]


class AttentionFactorisation(BaseModule):
    """Two channel attentions that learn independently (Eq. 6).

    Args:
        channels (int): C.
        hidden_channels (int): Width of the perceptrons' hidden layer.
            Defaults to 128.
    """

    def __init__(self, channels: int, hidden_channels: int = 128) -> None:
        super().__init__()
        check_positive_int('attention_channels', hidden_channels)
        self.useful = ChannelAttention(channels, hidden_channels)
        self.noisy = ChannelAttention(channels, hidden_channels)

    def forward(self, motion: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """M (B, C, H, W) -> Mu and Mn of the same shape."""
        return self.useful(motion), self.noisy(motion)


class SplitFactorisation(BaseModule):
    """The first half of the channels is useful, the second noisy (Table 7).

    Args:
        channels (int): C, at least 2.

    Raises:
        ValueError: If there is nothing to split.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels < 2:
            raise ValueError("factorisation='split' needs in_channels >= 2, "
                             f'got {channels}')
        half = channels // 2
        self.useful = nn.Conv2d(half, channels, kernel_size=1)
        self.noisy = nn.Conv2d(channels - half, channels, kernel_size=1)

    def forward(self, motion: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """M (B, C, H, W) -> Mu and Mn of the same shape."""
        half = self.useful.in_channels
        return self.useful(motion[:, :half]), self.noisy(motion[:, half:])


class NoFactorisation(BaseModule):
    """All of the motion feature is used (Table 7, without RDM)."""

    noisy = None

    def forward(self, motion: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """M (B, C, H, W) -> M and ``None``."""
        return motion, None
