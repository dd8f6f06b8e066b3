"""The paper's Representation Disentanglement Module (Section 3.2, Eq. 6).

From the motion feature M and the visual feature V to heatmaps:

- Eq. 6, factorisation: m = GAP(M), Mu = sigmoid(MLPu(m)) * M is useful motion,
  Mn = sigmoid(MLPn(m)) * M noise, with two independent perceptrons, whose one
  hidden layer of 128 channels with ReLU is the authors' code's. Table 7
  compares with no factorisation, and with splitting the channels, of which the
  paper gives no detail: here a 1x1 convolution projects each half to C;
- aggregation: residual blocks on cat[Mu, V], "several", three in the authors'
  code. Not in the paper: ``visual_shortcut`` adds a visual feature, the key
  frame's or :class:`WindowShortcut`'s, to a zero-scaled result of the blocks,
  so that a model loaded with single-frame weights starts *as* the single-frame
  model, or as its mean over the window;
- the head: heatmaps, their loss (Eq. 14) and the mutual information objective
  (Eq. 8 to 13, 15). Not in the paper: the enhanced feature from a neck, for
  other heads.

Departures from the paper are options, listed in docs/model.md.

Shape letters: B clips, T frames, C channels, K keypoints, H x W feature and
heatmap cells.
"""
from typing import (Any, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple,
                    Union)

import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule, constant_init
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow
from .heads import EnhancedFeatureHead
from .layers import ResidualChain
from .layers.blocks import check_choice, check_positive_int, paper_init
from .spatiotemporal import SpatiotemporalFeature, WindowShortcut
from .temporal_difference import TemporalFeatures

__all__ = [
    'Aggregation', 'AttentionFactorisation', 'DisentangledFeatures',
    'DisentanglementHead', 'DisentanglementNeck', 'NoFactorisation',
    'SpatiotemporalFeature', 'SplitFactorisation', 'WindowShortcut'
]


class DisentangledFeatures(NamedTuple):
    """Features of a batch of clips, all (B, C, H, W); a heatmap layer reads
    the last.

    Attributes:
        motion: M.
        useful: Mu; M itself without factorisation.
        noisy: Mn; ``None`` without factorisation.
        visual: V, the key frame's (TDMI) or the spatiotemporal (TDMI-ST).
        fused: The enhanced representation, F with a tilde.
    """
    motion: Tensor
    useful: Tensor
    noisy: Optional[Tensor]
    visual: Tensor
    fused: Tensor


class ChannelAttention(BaseModule):
    """sigmoid(MLP(GAP(M))) * M, one of the two lines of Eq. 6."""

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
    """Two channel attentions that learn independently (Eq. 6)."""

    def __init__(self, channels: int, hidden_channels: int = 128) -> None:
        super().__init__()
        check_positive_int('attention_channels', hidden_channels)
        self.useful = ChannelAttention(channels, hidden_channels)
        self.noisy = ChannelAttention(channels, hidden_channels)

    def forward(self, motion: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """M (B, C, H, W) -> Mu and Mn of the same shape."""
        return self.useful(motion), self.noisy(motion)


class SplitFactorisation(BaseModule):
    """The first half of the channels is useful, the second noisy (Table 7)."""

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
        return motion, None


class Aggregation(BaseModule):
    """Residual blocks on motion and visual feature; with ``visual_shortcut``
    the shortcut plus their output, whose scale starts at 0."""

    def __init__(self,
                 channels: int,
                 num_blocks: int = 3,
                 visual_shortcut: bool = False,
                 **chain) -> None:
        super().__init__()
        self.blocks = ResidualChain(2 * channels, channels, num_blocks,
                                    **chain)
        self.shortcut_norm = None
        if visual_shortcut:
            self.shortcut_norm = build_norm_layer(
                chain.get('norm_cfg') or dict(type='BN'), channels)[1]
            constant_init(self.shortcut_norm, 0)

    def init_weights(self) -> None:
        super().init_weights()
        if self.shortcut_norm is not None:
            constant_init(self.shortcut_norm, 0)

    def forward(self, useful: Tensor, visual: Tensor,
                shortcut: Tensor) -> Tensor:
        """Mu, V and the shortcut to the enhanced feature, (B, C, H, W)."""
        fused = self.blocks(torch.cat((useful, visual), dim=1))
        if self.shortcut_norm is None:
            return fused
        return shortcut + self.shortcut_norm(fused)


@MODELS.register_module()
class DisentanglementHead(EnhancedFeatureHead):
    """Disentangle the motion feature, aggregate, predict heatmaps.

    Args:
        in_channels: C, the temporal difference neck's ``out_channels``.
        out_channels: K.
        visual: V: ``'key_frame'`` (TDMI) or ``'spatiotemporal'`` (TDMI-ST).
        offsets: The neck's frame offsets; for ``visual='spatiotemporal'`` and
            ``visual_shortcut='window'``.
        spatiotemporal: Options of :class:`SpatiotemporalFeature`.
        factorisation: ``'attention'`` (Eq. 6), ``'split'``, ``'none'`` (Table
            7).
        attention_channels: Hidden width of Eq. 6's perceptrons.
        num_blocks: Residual blocks of the aggregation.
        visual_shortcut: Start as the single-frame model: ``True``, on the key
            frame, ``'window'``, as its mean over the window
            (:class:`WindowShortcut`).
        skip_projection, norm_cfg, with_cp: As :class:`ResidualChain`'s.
        final_layer: Heatmap layer, by default the paper's 3x3 convolution.
        loss: By default the paper's ``KeypointMSELoss``, by target weights.
        mi_loss: Config of :class:`MutualInformationLoss`; without one the
            noisy branch is frozen.
        decoder: Config of the codec.
        test_activation, activation_sigma: As :class:`SpatialSoftmaxHead`'s.
        init_cfg: By default the paper's, convolutions N(0, 0.001).
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
        check_choice('visual_shortcut', visual_shortcut,
                     (False, True, 'window'))
        check_choice('visual', visual, ('key_frame', 'spatiotemporal'))
        check_choice('factorisation', factorisation,
                     ('attention', 'split', 'none'))
        if factorisation == 'none' and mi_loss is not None:
            raise ValueError(
                "mi_loss needs a noisy part of the motion feature, which "
                "factorisation='none' does not make: set mi_loss=None or "
                "factorisation='attention' or 'split'")
        if spatiotemporal is not None and visual != 'spatiotemporal':
            raise ValueError(
                "spatiotemporal is only used with visual='spatiotemporal', "
                f'got visual={visual!r} and spatiotemporal={spatiotemporal}')
        super().__init__(in_channels, out_channels, final_layer, loss, None,
                         decoder, test_activation, activation_sigma, init_cfg
                         or paper_init())
        chain: Dict[str, Any] = dict(
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
        self.spatiotemporal = self.window_shortcut = None
        if visual == 'spatiotemporal':
            self.spatiotemporal = SpatiotemporalFeature(
                in_channels, FrameWindow(tuple(offsets)), spatiotemporal,
                **chain)
        self.aggregation = Aggregation(in_channels, num_blocks,
                                       bool(visual_shortcut), **chain)
        if visual_shortcut == 'window':
            self.window_shortcut = WindowShortcut(in_channels,
                                                  FrameWindow(tuple(offsets)))
        self.build_mi_loss(mi_loss)
        if mi_loss is None and self.factorisation.noisy is not None:
            # distributed training takes a missing gradient for a mistake
            self.factorisation.noisy.requires_grad_(False)

    def disentangle(self, feats: TemporalFeatures) -> DisentangledFeatures:
        """Factorise the motion feature and aggregate its useful part."""
        if not isinstance(feats, TemporalFeatures):
            raise TypeError(
                'DisentanglementHead reads the TemporalFeatures of '
                f'TemporalDifferenceNeck, got {type(feats).__name__}')
        useful, noisy = self.factorisation(feats.motion)
        visual = shortcut = feats.key
        if self.spatiotemporal is not None:
            visual = self.spatiotemporal(feats.sequence)
        if self.window_shortcut is not None:
            shortcut = self.window_shortcut(feats.sequence, useful)
        fused = self.aggregation(useful, visual, shortcut)
        return DisentangledFeatures(feats.motion, useful, noisy, visual, fused)

    def forward(
            self, feats: Union[TemporalFeatures,
                               DisentangledFeatures]) -> Tensor:
        """The key frame's heatmaps as they are trained, (B, K, H, W), at least
        float32; of the neck's output or of :meth:`disentangle`'s."""
        if not isinstance(feats, DisentangledFeatures):
            feats = self.disentangle(feats)
        return super().forward(feats)

    def loss(self,
             feats: TemporalFeatures,
             batch_data_samples: OptSampleList,
             train_cfg: Optional[ConfigType] = None) -> dict:
        """Heatmap loss (Eq. 14) and mutual information objective (Eq. 13)."""
        return super().loss(
            self.disentangle(feats), batch_data_samples, train_cfg)


@MODELS.register_module()
class DisentanglementNeck(BaseModule):
    """Give a stock head the key frame's map enhanced by the clip's motion.

    A stock head on :class:`TemporalDifferenceNeck` sees the key frame alone.
    The mutual information objective is :class:`DisentanglementHead`'s.

    Args:
        temporal: Config of the neck that gives :class:`TemporalFeatures`.
        channels: C, the ``out_channels`` of that neck.
        factorisation: ``'attention'`` (Eq. 6, its useful part) or ``'none'``.
        visual_shortcut: See :class:`Aggregation`.
        post_neck: Config of a neck on the result, e.g. an average pooling.
        attention_channels, num_blocks, init_cfg: As
            :class:`DisentanglementHead`'s.
        skip_projection, norm_cfg, with_cp: As :class:`ResidualChain`'s.
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
        super().__init__(init_cfg or paper_init())
        check_positive_int('channels', channels)
        check_choice('factorisation', factorisation, ('attention', 'none'))
        self.temporal = MODELS.build(temporal)
        self.factorisation = NoFactorisation()
        if factorisation == 'attention':
            self.factorisation = AttentionFactorisation(
                channels, attention_channels)
            self.factorisation.noisy.requires_grad_(False)
        self.aggregation = Aggregation(
            channels,
            num_blocks,
            visual_shortcut,
            skip_projection=skip_projection,
            norm_cfg=norm_cfg,
            with_cp=with_cp)
        self.post_neck = None if post_neck is None else MODELS.build(post_neck)

    @property
    def window(self) -> FrameWindow:
        return self.temporal.window

    def encode_frames(
            self, maps: Union[Tensor, Sequence[Tensor]]) -> Tuple[Tensor, ...]:
        return self.temporal.encode_frames(maps)

    def encode_windows(self, frames: Sequence[Tensor]) -> Tuple[Tensor, ...]:
        feats = self.temporal.encode_windows(frames)
        useful, _ = self.factorisation(feats.motion)
        outs = (self.aggregation(useful, feats.key, feats.key), )
        return outs if self.post_neck is None else self.post_neck(outs)

    def forward(self, maps: Union[Tensor,
                                  Sequence[Tensor]]) -> Tuple[Tensor, ...]:
        """Maps of folded clips to the key frames' enhanced ones, (B, C, H, W),
        or what ``post_neck`` makes of them."""
        return self.encode_windows(self.encode_frames(maps))
