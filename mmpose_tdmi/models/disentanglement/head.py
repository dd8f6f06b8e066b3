"""Representation disentanglement and heatmaps as an MMPose head.

Section 3.2 (Eq. 6 and the mutual information objective, Eq. 8 to 13) and 3.3
(Eq. 14 and 15) of the paper. Codecs, flip test, decoding and heatmap output
stay the host's. Departures from the paper are options, listed in
docs/model.md.

Shape shorthand: B clips, T frames, C channels, K keypoints, H x W feature
and heatmap cells.
"""
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor

from mmpose_tdmi.structures import FrameWindow
from ..heads.heatmap_activation import HeatmapActivationMixin, stack_targets
from ..layers.checks import (check_bool, check_choice, check_norm_cfg,
                             check_positive_int)
from ..temporal_difference import TemporalFeatures
from .aggregation import Aggregation
from .factorisation import (AttentionFactorisation, NoFactorisation,
                            SplitFactorisation)
from .features import DisentangledFeatures
from .spatiotemporal import SpatiotemporalFeature
from .window_shortcut import WindowShortcut

VISUALS = ('key_frame', 'spatiotemporal')
FACTORISATIONS = ('attention', 'split', 'none')
SHORTCUTS = (False, True, 'window')


@MODELS.register_module()
class DisentanglementHead(HeatmapActivationMixin, HeatmapHead):
    """Disentangle the motion feature, aggregate, predict heatmaps.

    Args:
        in_channels (int): C, the temporal difference neck's
            ``out_channels``.
        out_channels (int): K.
        visual (str): The visual feature that is aggregated:
            ``'key_frame'`` (TDMI) or ``'spatiotemporal'`` (TDMI-ST).
        offsets (Sequence[int]): The clip's frame offsets, the neck's; they
            only count with ``visual='spatiotemporal'`` or
            ``visual_shortcut='window'``. Defaults to ``(-2, -1, 0, 1, 2)``.
        spatiotemporal (dict, optional): Options of TDMI-ST's feature, see
            :data:`SPATIOTEMPORAL_DEFAULTS`.
        factorisation (str): ``'attention'`` (Eq. 6), ``'split'`` or
            ``'none'`` (Table 7).
        attention_channels (int): Hidden width of Eq. 6's perceptrons.
            Defaults to 128.
        num_blocks (int): Residual blocks of the aggregation. Defaults to 3.
        visual_shortcut (bool | str): ``True``: start as the single-frame
            model on the key frame, see :class:`Aggregation`; ``'window'``:
            as the mean of the single-frame model's heatmaps over the window,
            see :class:`WindowShortcut`. Defaults to ``False``.
        skip_projection (str): ``'needed'`` or ``'always'`` (authors' code),
            see :class:`ResidualChain`.
        norm_cfg (dict, optional): Config of the normalisation layers.
            Defaults to ``None``, batch normalisation.
        with_cp (bool): Recompute residual blocks in the backward pass.
            Defaults to ``False``.
        final_layer (dict, optional): Config of the heatmap layer. Defaults
            to ``None``, the paper's 3x3 convolution,
            ``dict(kernel_size=3, padding=1)``.
        loss (dict, optional): Config of the heatmap loss. Defaults to
            ``None``, the paper's ``dict(type='KeypointMSELoss',
            use_target_weight=True)``.
        mi_loss (dict, optional): Config of :class:`MutualInformationLoss`;
            its channels come from the head. Defaults to ``None``: no mutual
            information objective; the noisy branch then gets no gradient and
            is frozen.
        decoder (dict, optional): Config of the codec.
        test_activation (str): ``'none'``, or ``'softmax'`` for heatmaps that
            are trained as logits. Defaults to ``'none'``.
        activation_sigma (float, optional): With softmax, the standard
            deviation of the target Gaussians in cells. Defaults to ``None``,
            the decoder's.
        init_cfg (dict | list[dict], optional): Defaults to the paper's
            recipe, convolutions N(0, 0.001), normalisation 1 and 0.

    Raises:
        ValueError: If an option is invalid; the message names its key.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 visual: str = 'key_frame',
                 offsets: Sequence[int] = (-2, -1, 0, 1, 2),
                 spatiotemporal: Optional[Mapping] = None,
                 factorisation: str = 'attention',
                 attention_channels: int = 128,
                 num_blocks: int = 3,
                 visual_shortcut: Union[bool, str] = False,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False,
                 final_layer: Optional[dict] = None,
                 loss: OptConfigType = None,
                 mi_loss: OptConfigType = None,
                 decoder: OptConfigType = None,
                 test_activation: str = 'none',
                 activation_sigma: Optional[float] = None,
                 init_cfg=None) -> None:
        check_positive_int('in_channels', in_channels)
        check_positive_int('out_channels', out_channels)
        check_positive_int('num_blocks', num_blocks)
        check_choice('visual_shortcut', visual_shortcut, SHORTCUTS)
        check_bool('with_cp', with_cp)
        check_norm_cfg('norm_cfg', norm_cfg)
        check_choice('visual', visual, VISUALS)
        check_choice('factorisation', factorisation, FACTORISATIONS)
        if factorisation == 'none' and mi_loss is not None:
            raise ValueError(
                "mi_loss needs a noisy part of the motion feature, which "
                "factorisation='none' does not make: set mi_loss=None or "
                "factorisation='attention' or 'split'")
        if spatiotemporal is not None and visual != 'spatiotemporal':
            raise ValueError(
                "spatiotemporal is only used with visual='spatiotemporal', "
                f'got visual={visual!r} and spatiotemporal={spatiotemporal}')
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            deconv_out_channels=None,
            deconv_kernel_sizes=None,
            final_layer=final_layer or dict(kernel_size=3, padding=1),
            loss=loss or dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=decoder,
            init_cfg=init_cfg)
        self.init_activation(test_activation, activation_sigma)
        common: Dict[str, Any] = dict(
            skip_projection=skip_projection,
            norm_cfg=norm_cfg,
            with_cp=with_cp)
        if factorisation == 'attention':
            self.factorisation = AttentionFactorisation(
                in_channels, attention_channels)
        elif factorisation == 'split':
            self.factorisation = SplitFactorisation(in_channels)
        else:
            self.factorisation = NoFactorisation()
        self.spatiotemporal = None
        if visual == 'spatiotemporal':
            self.spatiotemporal = SpatiotemporalFeature(
                in_channels, FrameWindow(tuple(offsets)), spatiotemporal,
                **common)
        self.aggregation = Aggregation(in_channels, num_blocks,
                                       bool(visual_shortcut), **common)
        self.window_shortcut = None
        if visual_shortcut == 'window':
            self.window_shortcut = WindowShortcut(in_channels,
                                                  FrameWindow(tuple(offsets)))
        self.mi_loss = None
        if mi_loss is not None:
            self.mi_loss = MODELS.build(
                mi_loss,
                default_args=dict(
                    in_channels=in_channels, num_keypoints=out_channels))
        elif self.factorisation.noisy is not None:
            # nothing would give it a gradient, which distributed training
            # takes for a mistake
            self.factorisation.noisy.requires_grad_(False)

    @property
    def default_init_cfg(self) -> List[dict]:
        """list[dict]: The paper's initialisation of new layers."""
        return [
            dict(
                type='Normal', layer=['Conv2d', 'DeformableConv2d'],
                std=0.001),
            dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1)
        ]

    def disentangle(self, feats: TemporalFeatures) -> DisentangledFeatures:
        """Factorise the motion feature and aggregate its useful part.

        Args:
            feats (TemporalFeatures): The neck's output.

        Returns:
            DisentangledFeatures: All (B, C, H, W).

        Raises:
            TypeError: If ``feats`` are not the temporal difference neck's.
        """
        if not isinstance(feats, TemporalFeatures):
            raise TypeError(
                'DisentanglementHead reads the TemporalFeatures of '
                f'TemporalDifferenceNeck, got {type(feats).__name__}')
        useful, noisy = self.factorisation(feats.motion)
        visual = feats.key
        if self.spatiotemporal is not None:
            visual = self.spatiotemporal(feats.sequence)
        shortcut = feats.key
        if self.window_shortcut is not None:
            shortcut = self.window_shortcut(feats.sequence, useful)
        fused = self.aggregation(useful, visual, shortcut)
        return DisentangledFeatures(feats.motion, useful, noisy, visual, fused)

    def forward(
            self, feats: Union[TemporalFeatures,
                               DisentangledFeatures]) -> Tensor:
        """Predict heatmaps.

        Args:
            feats (TemporalFeatures | DisentangledFeatures): The neck's
                output, or what :meth:`disentangle` made of it.

        Returns:
            Tensor: The key frame's heatmaps as they are trained, (B, K, H,
            W), float32.
        """
        if not isinstance(feats, DisentangledFeatures):
            feats = self.disentangle(feats)
        return super().forward(feats)

    def loss(self,
             feats: TemporalFeatures,
             batch_data_samples: OptSampleList,
             train_cfg: Optional[ConfigType] = None) -> dict:
        """Heatmap loss (Eq. 14) and mutual information objective (Eq. 13).

        Args:
            feats (TemporalFeatures): The neck's output.
            batch_data_samples (list[PoseDataSample]): B data samples.
            train_cfg (dict, optional): As the host's.

        Returns:
            dict: The host's ``loss_kpt`` and ``acc_pose``, and what
            :class:`MutualInformationLoss` gives.
        """
        features = self.disentangle(feats)
        losses = super().loss(features, batch_data_samples, train_cfg)
        if self.mi_loss is not None:
            targets, weights = stack_targets(batch_data_samples)
            losses.update(
                self.mi_loss(features, self.forward(features), targets,
                             weights, self.loss_module))
        return losses
