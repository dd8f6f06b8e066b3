"""A temporal neck of one's own: each cell attends to the clip's frames.

The key frame's cell asks, the same cell of every frame answers, and the
answers are added to the key frame's feature. ``gate`` is zero at first, so
that a trained single-frame model is what training starts from.

Shape shorthand: B clips, T frames, C channels, D channels of the attention,
H x W cells.
"""
from typing import Optional, Sequence, Tuple

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow, fold_time, unfold_time


@MODELS.register_module()
class FrameAttentionNeck(BaseModule):
    """Softmax attention over the frames, in every cell by itself.

    Args:
        in_channels (int): C, of the backbone's last map.
        offsets (Sequence[int]): The clip's frame offsets. Defaults to
            ``(-2, -1, 0, 1, 2)``.
        attention_channels (int): D. Defaults to 16.
        init_cfg (dict | list[dict], optional): Defaults to ``None``.
    """

    def __init__(self,
                 in_channels: int,
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 attention_channels: int = 16,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.window = FrameWindow(tuple(offsets))
        self.query = nn.Conv2d(in_channels, attention_channels, 3, padding=1)
        self.key = nn.Conv2d(in_channels, attention_channels, 3, padding=1)
        self.value = nn.Conv2d(in_channels, in_channels, 3, padding=1)
        self.gate = nn.Parameter(torch.zeros(in_channels, 1, 1))

    def forward(self, maps: Sequence[Tensor]) -> Tuple[Tensor]:
        """Fuse the frames of each clip.

        Args:
            maps (Sequence[Tensor]): The backbone's, of folded clips; the
                last one, (B * T, C, H, W), is used.

        Returns:
            tuple[Tensor]: One map of the key frames, (B, C, H, W): what a
            stock head takes.
        """
        clips = unfold_time(maps[-1], self.window.num_frames)
        now = clips[:, self.window.key]
        frames = fold_time(clips)
        keys, values = (
            unfold_time(layer(frames), self.window.num_frames)
            for layer in (self.key, self.value))
        queries = self.query(now)[:, None]
        similarity = (queries * keys).sum(2, keepdim=True)
        weights = (similarity / queries.shape[2]**0.5).softmax(dim=1)
        return (now + self.gate * (weights * values).sum(1), )
