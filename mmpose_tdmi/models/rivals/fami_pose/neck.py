"""FAMI-Pose's hierarchical alignment as a neck.

Liu et al., "Temporal Feature Alignment and Mutual Information Maximization
for Video-Based Human Pose Estimation", CVPR 2022, Sec. 3.1: each supporting
frame's map is aligned to the key frame's, first as a whole, then locally; the
aligned maps are merged and combined with the key frame's map. The backbone is
the single-frame model's, frozen.

The paper aligns every supporting frame fully, then merges
(``merge='after'``, the default); the release merges the globally aligned maps
and calibrates their merger (``merge='before'``). What differs from the
release, beside the order of the clip:

- the global transformation starts as the identity, not at random;
- the pooling before its estimate makes it work on maps of any size; on 96 x
  72 it changes nothing;
- batch normalisation of the frozen backbone stays in eval mode; the release
  freezes its parameters only.

Not in either: ``visual_shortcut``, with which a model that was loaded with
single-frame weights starts *as* the single-frame model.

Shape shorthand: B clips, T frames, S = T - 1 supporting frames, C channels,
H x W cells.
"""
from typing import Any, Dict, List, Mapping, Optional, Sequence

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow, fold_time, unfold_time
from ...disentanglement.aggregation import Aggregation
from ...layers import ResidualChain
from ...layers.checks import check_choice, check_positive_int
from .calibration import LocalCalibration
from .features import FAMIFeatures
from .global_alignment import GlobalAlignment

MERGES = ('after', 'before')


@MODELS.register_module()
class FAMIPoseNeck(BaseModule):
    """Align supporting frames' features to the key frame's and fuse them.

    Args:
        in_channels (int): Channels of the backbone's last map.
        out_channels (int, optional): C; where it is not ``in_channels``, a
            1x1 convolution comes first. Defaults to ``None``,
            ``in_channels``.
        offsets (Sequence[int]): The clip's frame offsets, at least two.
            Defaults to ``(-2, -1, 0, 1, 2)``.
        merge (str): When the supporting frames are merged into one feature:
            ``'after'`` their local calibration (paper) or ``'before'`` it
            (release).
        transform (str): The global transformation: ``'translation'``
            (release) or ``'affine'``.
        calibration (dict, optional): Options of the local calibration, see
            :data:`CALIBRATION_DEFAULTS`.
        num_merge_blocks (int): Residual blocks that merge the supporting
            frames. Defaults to 2.
        num_output_blocks (int): Residual blocks on the merger and the key
            frame's map. Defaults to 3.
        visual_shortcut (bool): Start as the single-frame model, see
            :class:`Aggregation`. Defaults to ``False``.
        norm_cfg (dict, optional): Config of the normalisation layers.
            Defaults to ``None``, batch normalisation.
        with_cp (bool): Recompute residual blocks in the backward pass.
            Defaults to ``False``.
        init_cfg (dict | list[dict], optional): Defaults to the release's,
            convolutions N(0, 0.001), normalisation 1 and 0.

    Raises:
        ValueError: If an option is invalid; the message names its key.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: Optional[int] = None,
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 merge: str = 'after',
                 transform: str = 'translation',
                 calibration: Optional[Mapping] = None,
                 num_merge_blocks: int = 2,
                 num_output_blocks: int = 3,
                 visual_shortcut: bool = False,
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False,
                 init_cfg=None) -> None:
        check_positive_int('in_channels', in_channels)
        channels = in_channels if out_channels is None else out_channels
        check_positive_int('out_channels', channels)
        check_choice('merge', merge, MERGES)
        super().__init__(init_cfg or self.default_init_cfg)
        self.window = FrameWindow(tuple(offsets))
        if self.window.num_frames < 2:
            raise ValueError('offsets must hold at least one supporting '
                             f'frame, got {self.window.offsets}')
        self.merge = merge
        self.projection = nn.Identity()
        if channels != in_channels:
            self.projection = nn.Conv2d(in_channels, channels, kernel_size=1)
        self.global_alignment = GlobalAlignment(
            channels, transform=transform, norm_cfg=norm_cfg)
        self.local_calibration = LocalCalibration(channels, calibration,
                                                  norm_cfg, with_cp)
        common: Dict[str, Any] = dict(
            skip_projection='always', norm_cfg=norm_cfg, with_cp=with_cp)
        self.merge_blocks = ResidualChain(
            (self.window.num_frames - 1) * channels, channels,
            num_merge_blocks, **common)
        self.aggregation = Aggregation(channels, num_output_blocks,
                                       visual_shortcut, **common)

    @property
    def default_init_cfg(self) -> List[dict]:
        """list[dict]: The release's initialisation of new layers."""
        return [
            dict(
                type='Normal', layer=['Conv2d', 'DeformableConv2d'],
                std=0.001),
            dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1)
        ]

    def align_globally(self, support: Tensor, key: Tensor) -> Tensor:
        """Coarse step, frame by frame.

        Args:
            support (Tensor): Supporting frames, (B, S, C, H, W).
            key (Tensor): Key frames, (B, C, H, W).

        Returns:
            Tensor: (B, S, C, H, W).
        """
        num_support = support.shape[1]
        aligned = self.global_alignment(
            fold_time(support), key.repeat_interleave(num_support, 0))
        return unfold_time(aligned, num_support)

    def forward(self, maps: Sequence[Tensor]) -> FAMIFeatures:
        """Align and fuse folded clips.

        Args:
            maps (Sequence[Tensor]): The backbone's maps; the last, (B * T,
                C, H, W), is used.

        Returns:
            FAMIFeatures: Aligned and fused features.

        Raises:
            ValueError: If the number of frames is no multiple of T.
        """
        if isinstance(maps, Tensor):
            maps = (maps, )
        sequence = unfold_time(
            self.projection(maps[-1]), self.window.num_frames)
        place = self.window.key
        key = sequence[:, place]
        support = torch.cat((sequence[:, :place], sequence[:, place + 1:]),
                            dim=1)
        aligned = self.align_globally(support, key)
        if self.merge == 'before':
            merged = self.merge_blocks(aligned.flatten(1, 2))
            calibrated = self.local_calibration(merged, key)
            support = merged[:, None]
        else:
            num_support = support.shape[1]
            keys = key.repeat_interleave(num_support, 0)
            calibrated = self.local_calibration(fold_time(aligned), keys)
            calibrated = self.merge_blocks(
                unfold_time(calibrated, num_support).flatten(1, 2))
        fused = self.aggregation(calibrated, key, key)
        return FAMIFeatures(support, calibrated, key, fused)
