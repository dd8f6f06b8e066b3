"""HRNet that gives the high-resolution map of each of its four stages.

Section 3.1, "Feature difference sequences generation": TDMI reads F^j, j =
1..4, off HRNet-W48's four stages. Stage 1 is taken after the first
transition, which gives it the channels of the other three; stages 2 to 4 are
their highest-resolution branch.

Shape letters: N frames, C channels of branch 0, H x W input pixels.
"""
from typing import Iterable, List, Optional, Sequence, Tuple

from mmpose.models.backbones import HRNet
from mmpose.models.backbones.resnet import get_expansion
from mmpose.registry import MODELS
from torch import Tensor, nn

NUM_STAGES = 4


@MODELS.register_module()
class MultiStageHRNet(HRNet):
    """MMPose's HRNet with the same state-dict keys and other outputs.

    Args:
        extra, in_channels: As HRNet's.
        out_stages: Which stages to return, ascending numbers from 1 to 4.
        frozen: Freeze every parameter and keep eval mode.
        **kwargs: As HRNet's.
    """

    def __init__(self,
                 extra: dict,
                 in_channels: int = 3,
                 out_stages: Sequence[int] = (1, 2, 3, 4),
                 frozen: bool = False,
                 **kwargs) -> None:
        stages = tuple(out_stages)
        if (not stages or list(stages) != sorted(set(stages))
                or not set(stages) <= set(range(1, NUM_STAGES + 1))):
            raise ValueError('out_stages must be ascending stage numbers '
                             f'from 1 to {NUM_STAGES}, got {out_stages!r}')
        super().__init__(extra, in_channels=in_channels, **kwargs)
        self.out_stages = stages
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)

    @property
    def out_channels(self) -> Tuple[int, ...]:
        # stage 1 has stage 2's, after its transition
        configs = [
            getattr(self, f'stage{max(x, 2)}_cfg') for x in self.out_stages
        ]
        return tuple(config['num_channels'][0] *
                     get_expansion(self.blocks_dict[config['block']])
                     for config in configs)

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Frames (N, in_channels, H, W) to maps (N, C, H / 4, W / 4)."""
        x = self.relu(self.norm1(self.conv1(x)))
        x = self.relu(self.norm2(self.conv2(x)))
        branches = self._enter_stage(self.transition1, [self.layer1(x)])
        maps = [branches[0]]
        stages = self.stage2, self.stage3, self.stage4
        transitions = self.transition2, self.transition3, ()
        for stage, transition in zip(stages, transitions):
            branches = stage(branches)
            maps.append(branches[0])
            branches = self._enter_stage(transition, branches)
        return tuple(maps[stage - 1] for stage in self.out_stages)

    @staticmethod
    def _enter_stage(transition: Iterable[Optional[nn.Module]],
                     branches: Sequence[Tensor]) -> List[Tensor]:
        return [
            branches[i] if layer is None else layer(branches[-1])
            for i, layer in enumerate(transition)
        ]

    def train(self, mode: bool = True) -> 'MultiStageHRNet':
        super().train(mode and not self.frozen)
        return self
