"""Intra-stage feature fusion, Eq. 2.

The difference maps of one stage are concatenated along the channels and
turned into the stage's motion feature D^j by residual blocks. The paper uses
3, 3, 2, 2 blocks for stages 1 to 4; the authors' code two for every stage.

Shape shorthand: B clips, T frames, C channels, H x W feature cells.
"""
from torch import Tensor

from ..layers import ResidualChain
from .difference import concatenated_differences


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
