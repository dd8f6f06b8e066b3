"""In a frozen backbone's place, where its features come from a store.

Shape shorthand: N frames, C channels of all stages together, H x W cells.
"""
from typing import Optional, Sequence, Tuple

from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class StoredFeatureBackbone(BaseModule):
    """Hands stored maps on to the neck, as the backbone would its own.

    For trainings on a :class:`StoredFeatureDataset`; it has no weights. The
    data preprocessor must leave the features as they are:
    ``dict(type='SequencePoseDataPreprocessor')`` without mean and std.

    Args:
        channels (Sequence[int]): Channels of each stored stage, C in all.
        out_stages (Sequence[int], optional): Which of them to return,
            ascending numbers from 1. Defaults to None, all.

    Raises:
        ValueError: If ``out_stages`` names a stage that is not stored.
    """

    def __init__(self,
                 channels: Sequence[int],
                 out_stages: Optional[Sequence[int]] = None) -> None:
        super().__init__()
        self.channels = tuple(channels)
        every = range(1, len(self.channels) + 1)
        self.out_stages = tuple(every if out_stages is None else out_stages)
        if not self.out_stages or not set(self.out_stages) <= set(every):
            raise ValueError('out_stages must be stage numbers from 1 to '
                             f'{len(self.channels)}, got {out_stages!r}')

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Split the stages.

        Args:
            x (Tensor): Stored features, (N, C, H, W).

        Returns:
            tuple[Tensor]: One map (N, C_stage, H, W) a stage of
            ``out_stages``.

        Raises:
            ValueError: If C is not the sum of ``channels``.
        """
        if x.dim() != 4 or x.shape[1] != sum(self.channels):
            raise ValueError(
                f'expected stored features (N, {sum(self.channels)}, H, W), '
                f'got {tuple(x.shape)}')
        maps = x.split(self.channels, dim=1)
        return tuple(maps[stage - 1] for stage in self.out_stages)
