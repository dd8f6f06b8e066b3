"""What a model costs for a clip, as text.

Shape shorthand: T frames of a clip, H x W pixels of a crop.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple, Union

from mmpose_tdmi.models.complexity import ModuleCount, clip_length, count_model
from mmpose_tdmi.models.cost_table import build_from_config
from mmpose_tdmi.models.layers import DeformableConv2d

_ALL_DEPTHS = 99


@dataclass(frozen=True)
class ClipCost:
    """Parameters and multiply-accumulates of a model for one clip.

    Attributes:
        num_frames (int): T.
        shape (tuple[int, int]): (H, W).
        modules (list[ModuleCount]): The model, then its modules.
        deformable (list[ModuleCount]): Its deformable convolutions.
    """
    num_frames: int
    shape: Tuple[int, int]
    modules: List[ModuleCount]
    deformable: List[ModuleCount]

    def lines(self) -> List[str]:
        """A table, and what it is a table of."""
        total = self.modules[0]
        height, width = self.shape
        lines = [
            f'Input: a clip of T = {self.num_frames} frames, '
            f'{height}x{width} (height x width)',
            f'Parameters: {total.params / 1e6:.3f} M, '
            f'{total.trainable / 1e6:.3f} M of them trained',
            f'Multiply-accumulates: {total.macs / 1e9:.3f} G a clip, '
            f'{2 * total.macs / 1e9:.3f} GFLOPs, '
            f'{total.macs / 1e9 / self.num_frames:.3f} G for each of its '
            'frames', f'Deformable convolutions: {len(self.deformable)}, '
            f'{sum(x.macs for x in self.deformable) / 1e9:.3f} GMAC of these',
            f'{"module":44}{"params":>14}{"trained":>14}{"GMAC":>10}'
            f'{"share":>8}'
        ]
        for count in self.modules:
            share = count.macs / total.macs if total.macs else 0.
            lines.append(f'{count.name or "(all)":44}{count.params:14,}'
                         f'{count.trainable:14,}{count.macs / 1e9:10.3f}'
                         f'{share:8.1%}')
        return lines


def clip_cost(config: Union[str, Path],
              shape: Optional[Sequence[int]] = None,
              depth: int = 2,
              cfg_options: Optional[dict] = None) -> ClipCost:
    """Count a config's model.

    Args:
        config (str | Path): The config.
        shape (Sequence[int], optional): (H, W) of the crops. Defaults to the
            decoder's input size.
        depth (int): How deep modules are listed. Defaults to 2.
        cfg_options (dict, optional): Overrides of the config.

    Returns:
        ClipCost: Its cost.

    Raises:
        ValueError: If the crops' size is not known.
    """
    model, shape = build_from_config(config, cfg_options, shape)
    num_frames = clip_length(model)
    counts = count_model(model, shape, num_frames, depth=_ALL_DEPTHS)
    deformable = {
        name
        for name, module in model.named_modules()
        if isinstance(module, DeformableConv2d)
    }
    return ClipCost(
        num_frames, shape,
        [x for x in counts if not x.name or x.name.count('.') < depth],
        [x for x in counts if x.name in deformable])
