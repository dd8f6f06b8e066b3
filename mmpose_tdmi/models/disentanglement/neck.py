"""Disentanglement as a part of the neck, for the host's other heads.

Section 3.2 up to the enhanced representation, without the mutual information
objective, which is stated over heatmaps and is the head's. Not in the paper:
there the head predicts heatmaps.

Shape shorthand: B clips, C channels, H x W feature cells.
"""
from typing import List, Optional, Sequence, Tuple, Union

from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_tdmi.structures import FrameWindow
from ..layers.checks import check_choice, check_positive_int
from .aggregation import Aggregation
from .factorisation import AttentionFactorisation, NoFactorisation

FACTORISATIONS = ('attention', 'none')


@MODELS.register_module()
class DisentanglementNeck(BaseModule):
    """Give a stock head the key frame's map enhanced by the clip's motion.

    A stock head on :class:`TemporalDifferenceNeck` sees the key frame alone;
    on this one it sees the motion too.

    Args:
        temporal (dict): Config of the neck that gives
            :class:`TemporalFeatures`, such as
            :class:`TemporalDifferenceNeck`.
        channels (int): C, the ``out_channels`` of that neck.
        factorisation (str): ``'attention'`` (Eq. 6, its useful part) or
            ``'none'``. Defaults to ``'attention'``.
        attention_channels (int): As :class:`DisentanglementHead`'s. Defaults
            to 128.
        num_blocks (int): Residual blocks of the aggregation. Defaults to 3.
        visual_shortcut (bool): See :class:`Aggregation`. Defaults to
            ``False``.
        post_neck (dict, optional): Config of a neck that is applied to the
            enhanced map, such as ``GlobalAveragePooling``.
        skip_projection (str): As :class:`ResidualChain`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.
        init_cfg (dict | list[dict], optional): Defaults to the paper's
            recipe, convolutions N(0, 0.001), normalisation 1 and 0.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 temporal: dict,
                 channels: int,
                 factorisation: str = 'attention',
                 attention_channels: int = 128,
                 num_blocks: int = 3,
                 visual_shortcut: bool = False,
                 post_neck: Optional[dict] = None,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False,
                 init_cfg=None) -> None:
        super().__init__(init_cfg or self.default_init_cfg)
        check_positive_int('channels', channels)
        check_positive_int('num_blocks', num_blocks)
        check_choice('factorisation', factorisation, FACTORISATIONS)
        self.temporal = MODELS.build(temporal)
        if factorisation == 'attention':
            self.factorisation = AttentionFactorisation(
                channels, attention_channels)
            # nothing here would train it
            self.factorisation.noisy.requires_grad_(False)
        else:
            self.factorisation = NoFactorisation()
        self.aggregation = Aggregation(
            channels,
            num_blocks,
            visual_shortcut,
            skip_projection=skip_projection,
            norm_cfg=norm_cfg,
            with_cp=with_cp)
        self.post_neck = None if post_neck is None else MODELS.build(post_neck)

    @property
    def default_init_cfg(self) -> List[dict]:
        """list[dict]: The paper's initialisation of new layers."""
        return [
            dict(
                type='Normal', layer=['Conv2d', 'DeformableConv2d'],
                std=0.001),
            dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1)
        ]

    @property
    def window(self) -> FrameWindow:
        """FrameWindow: The clip's frames."""
        return self.temporal.window

    def encode_frames(
            self, maps: Union[Tensor, Sequence[Tensor]]) -> Tuple[Tensor, ...]:
        """The part that treats each frame by itself: ``temporal``'s."""
        return self.temporal.encode_frames(maps)

    def encode_windows(self, frames: Sequence[Tensor]) -> Tuple[Tensor, ...]:
        """The part that looks at clips.

        Args:
            frames (Sequence[Tensor]): What :meth:`encode_frames` gives for
                folded clips.

        Returns:
            tuple[Tensor]: As :meth:`forward`'s.
        """
        feats = self.temporal.encode_windows(frames)
        useful, _ = self.factorisation(feats.motion)
        outs = (self.aggregation(useful, feats.key, feats.key), )
        return outs if self.post_neck is None else self.post_neck(outs)

    def forward(self, maps: Union[Tensor,
                                  Sequence[Tensor]]) -> Tuple[Tensor, ...]:
        """The enhanced map of each clip's key frame.

        Args:
            maps (Sequence[Tensor]): The backbone's maps of folded clips.

        Returns:
            tuple[Tensor]: One map (B, C, H, W), or what ``post_neck`` makes
            of it.
        """
        return self.encode_windows(self.encode_frames(maps))
