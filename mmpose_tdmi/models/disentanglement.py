"""The paper's Representation Disentanglement Module (Section 3.2).

What the representation disentanglement module computes, by name.

Section 3.2 of the paper; the mutual information objective (Eq. 8 to 13) is
stated over exactly these.

Shape shorthand: B clips, C channels, H x W feature cells.

Representation factorisation: useful and noisy motion, Eq. 6.

m = GAP(M), Mu = sigmoid(MLPu(m)) * M, Mn = sigmoid(MLPn(m)) * M, with two
independent perceptrons. The paper gives no width for them; the authors' code
has one hidden layer of 128 channels with ReLU.

The other two are Table 7's: no factorisation, and splitting the channels. Of
the split the paper gives no detail. Here each half is projected back to C
channels by a 1x1 convolution, so that everything after it is unchanged.

Shape shorthand: B clips, C channels, H x W feature cells.

Aggregation of useful motion and visual feature, Section 3.2.

"We integrate the useful motion feature and the visual feature of the key
frame through several residual blocks": residual blocks on cat[Mu, V]; the
authors' code has three. Not in the paper: ``visual_shortcut`` adds a visual
feature, the key frame's or :class:`WindowShortcut`'s, to a zero-scaled result
of the blocks, so that a model loaded with single-frame weights starts *as* the
single-frame model, or as its mean over the window.

Shape shorthand: B clips, C channels, H x W feature cells.

Representation disentanglement and heatmaps as an MMPose head.

Section 3.2 (Eq. 6 and the mutual information objective, Eq. 8 to 13) and 3.3
(Eq. 14 and 15) of the paper. Codecs, flip test, decoding and heatmap output
stay the host's. Departures from the paper are options, listed in
docs/model.md.

Shape shorthand: B clips, T frames, C channels, K keypoints, H x W feature
and heatmap cells.

Disentanglement as a part of the neck, for the host's other heads.

Section 3.2 up to the enhanced representation, without the mutual information
objective, which is stated over heatmaps and is the head's. Not in the paper:
there the head predicts heatmaps.

Shape shorthand: B clips, C channels, H x W feature cells.
"""
from typing import (Any, Dict, List, Mapping, NamedTuple, Optional, Sequence,
                    Tuple, Union)

import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule, constant_init
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow
from .heads import HeatmapActivationMixin, stack_targets
from .layers import ResidualChain
from .layers.blocks import (check_bool, check_choice, check_norm_cfg,
                            check_positive_int)
from .spatiotemporal import SpatiotemporalFeature, WindowShortcut
from .temporal_difference import TemporalFeatures

__all__ = [
    'Aggregation', 'AttentionFactorisation', 'DisentangledFeatures',
    'DisentanglementHead', 'NoFactorisation', 'SpatiotemporalFeature',
    'SplitFactorisation', 'WindowShortcut'
]


class DisentangledFeatures(NamedTuple):
    """Features of a batch of clips, all (B, C, H, W).

    The last item is the enhanced feature, which is what a heatmap layer
    reads: ``feats[-1]``, as everywhere in the host.

    Attributes:
        motion (Tensor): M, the raw motion feature.
        useful (Tensor): Mu, its useful part; M itself without factorisation.
        noisy (Tensor, optional): Mn, its noisy part; ``None`` without
            factorisation.
        visual (Tensor): V, the visual feature that was aggregated: the key
            frame's (TDMI) or the clip's spatiotemporal one (TDMI-ST).
        fused (Tensor): The enhanced representation, F with a tilde.
    """
    motion: Tensor
    useful: Tensor
    noisy: Optional[Tensor]
    visual: Tensor
    fused: Tensor


class ChannelAttention(BaseModule):
    """sigmoid(MLP(GAP(M))) * M, one of the two lines of Eq. 6.

    Args:
        channels (int): C.
        hidden_channels (int): Width of the hidden layer.
    """

    def __init__(self, channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden_channels), nn.ReLU(inplace=True),
            nn.Linear(hidden_channels, channels))

    def forward(self, motion: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W), each channel scaled by (0, 1)."""
        weights = torch.sigmoid(self.mlp(motion.mean(dim=(2, 3))))
        return motion * weights[:, :, None, None]


class AttentionFactorisation(BaseModule):
    """Two channel attentions that learn independently (Eq. 6).

    Args:
        channels (int): C.
        hidden_channels (int): Width of the perceptrons' hidden layer.
            Defaults to 128.
    """

    def __init__(self, channels: int, hidden_channels: int = 128) -> None:
        super().__init__()
        check_positive_int('attention_channels', hidden_channels)
        self.useful = ChannelAttention(channels, hidden_channels)
        self.noisy = ChannelAttention(channels, hidden_channels)

    def forward(self, motion: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """M (B, C, H, W) -> Mu and Mn of the same shape."""
        return self.useful(motion), self.noisy(motion)


class SplitFactorisation(BaseModule):
    """The first half of the channels is useful, the second noisy (Table 7).

    Args:
        channels (int): C, at least 2.

    Raises:
        ValueError: If there is nothing to split.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels < 2:
            raise ValueError("factorisation='split' needs in_channels >= 2, "
                             f'got {channels}')
        half = channels // 2
        self.useful = nn.Conv2d(half, channels, kernel_size=1)
        self.noisy = nn.Conv2d(channels - half, channels, kernel_size=1)

    def forward(self, motion: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """M (B, C, H, W) -> Mu and Mn of the same shape."""
        half = self.useful.in_channels
        return self.useful(motion[:, :half]), self.noisy(motion[:, half:])


class NoFactorisation(BaseModule):
    """All of the motion feature is used (Table 7, without RDM)."""

    noisy = None

    def forward(self, motion: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """M (B, C, H, W) -> M and ``None``."""
        return motion, None


class Aggregation(BaseModule):
    """Residual blocks on the concatenation of motion and visual feature.

    Args:
        channels (int): C, of both features and of the result.
        num_blocks (int): Number of blocks. Defaults to 3.
        visual_shortcut (bool): Whether the result is a visual feature plus
            the normalised output of the blocks, with a scale that starts at
            zero. Defaults to ``False``.
        skip_projection (str): As :class:`ResidualChain`'s.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.
    """

    def __init__(self,
                 channels: int,
                 num_blocks: int = 3,
                 visual_shortcut: bool = False,
                 skip_projection: str = 'needed',
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        norm_cfg = norm_cfg or dict(type='BN')
        self.blocks = ResidualChain(
            2 * channels,
            channels,
            num_blocks,
            skip_projection=skip_projection,
            norm_cfg=norm_cfg,
            with_cp=with_cp)
        self.shortcut_norm = None
        if visual_shortcut:
            self.shortcut_norm = build_norm_layer(norm_cfg, channels)[1]
            constant_init(self.shortcut_norm, 0)

    def init_weights(self) -> None:
        """Initialise; the shortcut's scale starts at zero."""
        super().init_weights()
        if self.shortcut_norm is not None:
            constant_init(self.shortcut_norm, 0)

    def forward(self, useful: Tensor, visual: Tensor,
                shortcut: Tensor) -> Tensor:
        """The enhanced representation.

        Args:
            useful (Tensor): Mu, (B, C, H, W).
            visual (Tensor): V, (B, C, H, W).
            shortcut (Tensor): What the result starts as, (B, C, H, W), such
                as the key frame's visual feature; it only counts with
                ``visual_shortcut``.

        Returns:
            Tensor: (B, C, H, W).
        """
        fused = self.blocks(torch.cat((useful, visual), dim=1))
        if self.shortcut_norm is None:
            return fused
        return shortcut + self.shortcut_norm(fused)


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


NECK_FACTORISATIONS = ('attention', 'none')


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
        check_choice('factorisation', factorisation, NECK_FACTORISATIONS)
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
