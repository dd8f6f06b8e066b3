"""Features of a frame as seen through one crop, moved into another crop.

Where a track gets a new crop, windows of both crops see the same frames.
Crops differ in place and size only, so that their features can be moved from
the one to the other: a cell of the target reads the source, bilinearly, at
the same place of the frame; outside of the source its border is continued.

That is not what the backbone would give for the target crop (strides are
larger than a cell's shift, and its layers see the crop's borders), which is
why only the other frames of a window are moved, never its key frame.

Shape shorthand: C channels, h x w cells, W x H the model's input.
"""
from collections import defaultdict
from typing import Dict, List, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..structures import Crop
from .window_model import FrameFeatures, Maps

#: Per axis: target pixel t is source pixel ``ratio * t + shift``.
Axis = Tuple[float, float]


class CropWarp:
    """Moves features between crops.

    Args:
        input_size (tuple[int, int]): W and H in pixels.
        use_udp (bool): Whether crops are cut out by UDP, whose crops are
            W - 1 pixel steps wide, or else W.
    """

    def __init__(self, input_size: Tuple[int, int], use_udp: bool) -> None:
        self._input_size = tuple(input_size)
        self._steps = tuple(side - use_udp for side in input_size)

    def __call__(self, features: FrameFeatures, source: Crop,
                 target: Crop) -> FrameFeatures:
        """Features as if they had been seen through another crop.

        Args:
            features (FrameFeatures): Of the source crop.
            source (Crop): What they were seen through.
            target (Crop): What they are wanted for.

        Returns:
            FrameFeatures: Maps of the same shapes; the same object if the
            crops are equal. The data sample stays that of the source.
        """
        if source == target:
            return features
        axes = self._axes(source, target)
        flipped = features.flipped
        if flipped is not None:
            # the mirror image counts its columns from the other side
            (ratio, shift), vertical = axes
            last = self._input_size[0] - 1
            mirrored = (ratio, last * (1 - ratio) - shift), vertical
            flipped = self._warp(flipped, mirrored)
        return features._replace(
            maps=self._warp(features.maps, axes), flipped=flipped)

    def _axes(self, source: Crop, target: Crop) -> Tuple[Axis, Axis]:
        """How input pixels correspond, horizontally and vertically."""
        axes = []
        for side in (0, 1):
            borders = [
                crop.center[side] - crop.scale[side] / 2
                for crop in (source, target)
            ]
            axes.append((target.scale[side] / source.scale[side],
                         (borders[1] - borders[0]) * self._steps[side] /
                         source.scale[side]))
        return axes[0], axes[1]

    def _warp(self, maps: Maps, axes: Tuple[Axis, Axis]) -> Maps:
        """All maps of a size at once, (1, C, h, w) each."""
        places: Dict[tuple, List[int]] = defaultdict(list)
        for place, x in enumerate(maps):
            places[tuple(x.shape[2:]), x.dtype].append(place)
        warped: List[Tensor] = list(maps)
        for same in places.values():
            together = torch.cat([maps[place] for place in same], 1)
            moved = F.grid_sample(
                together.float(),
                self._grid(together, axes),
                padding_mode='border',
                align_corners=True).to(together.dtype)
            parts = moved.split([maps[place].shape[1] for place in same], 1)
            for place, part in zip(same, parts):
                warped[place] = part.contiguous(
                    memory_format=_memory_format(maps[place]))
        return tuple(warped)

    def _grid(self, x: Tensor, axes: Tuple[Axis, Axis]) -> Tensor:
        """Where each cell reads, -1 to 1 from first to last, (1, h, w, 2)."""
        read = []
        for size, cells, (ratio, shift) in zip(self._input_size,
                                               (x.shape[3], x.shape[2]), axes):
            cell = torch.arange(cells, device=x.device, dtype=torch.float32)
            # a cell is as many pixels as the input has for each of them
            cell = ratio * cell + shift * cells / size
            read.append(2 * cell / max(cells - 1, 1) - 1)
        horizontal, vertical = read
        rows, columns = torch.meshgrid(vertical, horizontal, indexing='ij')
        return torch.stack([columns, rows], -1)[None]


def _memory_format(x: Tensor) -> torch.memory_format:
    channels_last = torch.channels_last
    return channels_last if x.is_contiguous(
        memory_format=channels_last) else torch.contiguous_format
