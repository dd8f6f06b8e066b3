"""Maps of any backbone, brought to one width and one size.

The paper reads four maps of equal shape off HRNet and needs none of this.
Here each stage that is used is projected by a 1x1 convolution where its
channels differ from the wanted ones, and resized where its size differs from
the finest used stage's. Where both agree, as with HRNet, nothing is done and
there are no parameters.

Shape shorthand: N frames, C channels, H x W feature cells.
"""
from typing import List, Sequence

from mmengine.model import BaseModule, ModuleList
from mmpose.models.utils.ops import resize
from torch import Tensor, nn


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
