"""FAMI-Pose: neighbours' features, aligned to the key frame's.

Liu et al., "Temporal Feature Alignment and Mutual Information Maximization for
Video-Based Human Pose Estimation", CVPR 2022. Sec. 3.1, the neck: each
supporting frame's map is aligned to the key frame's, first as a whole, then
locally; the aligned maps are merged and combined with the key frame's map. The
backbone is the single-frame model's, frozen. The paper aligns every supporting
frame fully, then merges (``merge='after'``, the default); the release merges
the globally aligned maps and calibrates their merger (``merge='before'``).
Not in either: ``visual_shortcut``, with which a model that was loaded with
single-frame weights starts *as* the single-frame model.

Sec. 3.2, the objective: with y the pose, z~ the enhanced feature, z the key
frame's and z_s a supporting one, maximise I(y; z~ | z), what the enhanced
feature tells beyond the key frame, and minimise I(y; z_s | z~) and I(y; z |
z~), what is lost on the way to it. docs/rivals.md has the terms of both
estimators, ``mutual_information.py`` describes them. In ``released``, which
the published numbers rest on, V(z, z~) occurs twice and is one term here;
gradients flow into the second argument only. In ``vsd``, which means what the
paper says, ``fused_gain`` is the variational estimate of the maximised term.

Shape letters: B clips, T frames, S supporting features, N pairs of frames, C
channels, K keypoints, H x W feature and heatmap cells.
"""
from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Union

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential, constant_init, normal_init
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_tdmi.structures import fold_time, unfold_time
from ..disentanglement import Aggregation
from ..heads import EnhancedFeatureHead
from ..layers import ResidualChain
from ..layers.blocks import (at_least_float32, check_choice, check_positive,
                             check_positive_int, merge_options, paper_init,
                             projection)
from ..mutual_information import (MutualInformationLoss, ProbingEstimator,
                                  ReleasedEstimator)
from ..spatiotemporal import (ALIGNMENT_DEFAULTS, ContextAlignment,
                              supporting_frames)
from ..temporal_difference import clip_window


class FAMIFeatures(NamedTuple):
    """Features of a batch of clips; a heatmap layer reads the last.

    Attributes:
        support: The supporting frames' maps, (B, S, C, H, W), or with
            ``merge='before'`` their globally aligned merger, S = 1.
        calibrated: The supporting frames' aligned feature, (B, C, H, W).
        key: The key frame's map, (B, C, H, W).
        fused: The enhanced feature, (B, C, H, W).
    """
    support: Tensor
    calibrated: Tensor
    key: Tensor
    fused: Tensor


class GlobalAlignment(BaseModule):
    """Transform a whole map towards the key frame's, as estimated from their
    difference by convolutions of stride 2 and pooling to 3 x 3."""

    def __init__(self,
                 channels: int,
                 transform: str = 'translation',
                 num_reductions: int = 5,
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__()
        sizes = dict(translation=2, affine=6)
        check_choice('transform', transform, tuple(sizes))
        check_positive_int('num_reductions', num_reductions)
        hidden, norm_cfg = 16, norm_cfg or dict(type='BN')
        self.difference = ResidualChain(channels, hidden, 1, 'always',
                                        norm_cfg)
        self.reduction = Sequential(
            *(ConvModule(hidden, hidden, 3, 2, 1, norm_cfg=norm_cfg)
              for _ in range(num_reductions)))
        # without activations between them, as in the release
        self.estimate = nn.Sequential(
            nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(9 * hidden, 64),
            nn.Linear(64, 64), nn.Linear(64, sizes[transform]))
        constant_init(self.estimate[-1], 0)

    def init_weights(self) -> None:
        super().init_weights()
        for layer in self.reduction:
            normal_init(layer.conv, std=0.001)
        constant_init(self.estimate[-1], 0)

    def parameters_of(self, support: Tensor, key: Tensor) -> Tensor:
        """Of maps (N, C, H, W): (N, 2), how far the content moves, (right,
        down), in cells; or (N, 6), these and then, row by row, what is added
        to the identity to give the linear map from a place in the result to
        that in ``support``, in halves of the map's width and height around its
        centre."""
        # a place in the map has to be better known than in half precision,
        # whose kernels for maps of one cell are not to be trusted either
        with torch.autocast(support.device.type, enabled=False):
            difference = at_least_float32(support - key)
            return self.estimate(self.reduction(self.difference(difference)))

    def forward(self, support: Tensor, key: Tensor) -> Tensor:
        """Supporting maps, transformed; all (N, C, H, W)."""
        return transform_maps(support, self.parameters_of(support, key))


def transform_maps(maps: Tensor, parameters: Tensor) -> Tensor:
    """Resample whole maps (N, C, H, W) bilinearly by what
    :meth:`GlobalAlignment.parameters_of` gives; what lies outside is 0."""
    with torch.autocast(maps.device.type, enabled=False):
        maps = at_least_float32(maps)
        parameters = parameters.to(maps.dtype)
        # grid_sample asks where a cell of the result comes from
        size = parameters.new_tensor([maps.shape[3], maps.shape[2]])
        shift = -2 * parameters[:, :2] / size
        linear = torch.eye(2, dtype=maps.dtype, device=maps.device)
        linear = linear.expand(maps.shape[0], 2, 2)
        if parameters.shape[1] == 6:
            linear = linear + parameters[:, 2:].unflatten(1, (2, 2))
        theta = torch.cat((linear, shift[:, :, None]), dim=2)
        grid = F.affine_grid(theta, list(maps.shape), align_corners=False)
        return F.grid_sample(maps, grid, align_corners=False)


class LocalCalibration(ContextAlignment):
    """Fine alignment, by default with the release's options of
    :class:`SteeredDeformableConv2d`."""

    def __init__(self, channels: int, options: Optional[Mapping],
                 **chain) -> None:
        super().__init__()
        self.context_blocks = ResidualChain(2 * channels, channels, 1, **chain)
        defaults = dict(ALIGNMENT_DEFAULTS, mask='none', offset_init='normal')
        self.add_convolutions(channels,
                              merge_options('calibration', options, defaults))

    forward = ContextAlignment.align


@MODELS.register_module()
class FAMIPoseNeck(BaseModule):
    """Align supporting frames' features to the key frame's and fuse them.

    Args:
        in_channels: Of the backbone's last map.
        out_channels: C, by a 1x1 convolution; by default ``in_channels``.
        offsets: The clip's frame offsets, at least two.
        merge: When the supporting frames are merged: ``'after'`` their local
            calibration (paper) or ``'before'`` it (release).
        transform: Global one: ``'translation'`` (release) or ``'affine'``.
        calibration: Options of :class:`LocalCalibration`.
        num_merge_blocks, num_output_blocks: Residual blocks on the supporting
            frames, and on their merger and the key frame's map.
        visual_shortcut: As :class:`Aggregation`'s.
        norm_cfg, with_cp: As :class:`ResidualChain`'s.
        init_cfg: By default the release's, convolutions N(0, 0.001).
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
        check_choice('merge', merge, ('after', 'before'))
        super().__init__(init_cfg or paper_init())
        self.window = clip_window(offsets)
        self.merge = merge
        self.projection = projection(in_channels, channels)
        self.global_alignment = GlobalAlignment(
            channels, transform, norm_cfg=norm_cfg)
        chain: Dict[str, Any] = dict(
            skip_projection='always', norm_cfg=norm_cfg, with_cp=with_cp)
        self.local_calibration = LocalCalibration(channels, calibration,
                                                  **chain)
        self.merge_blocks = ResidualChain(
            (self.window.num_frames - 1) * channels, channels,
            num_merge_blocks, **chain)
        self.aggregation = Aggregation(channels, num_output_blocks,
                                       visual_shortcut, **chain)

    def forward(self, maps: Sequence[Tensor]) -> FAMIFeatures:
        """Align and fuse folded clips' last maps, (B * T, C, H, W)."""
        last = maps if isinstance(maps, Tensor) else maps[-1]
        sequence = unfold_time(self.projection(last), self.window.num_frames)
        key = sequence[:, self.window.key]
        support = supporting_frames(sequence, self.window)
        num_support = support.shape[1]
        keys = key.repeat_interleave(num_support, 0)
        aligned = self.global_alignment(fold_time(support), keys)
        if self.merge == 'after':
            aligned = self.local_calibration(aligned, keys)
        merged = self.merge_blocks(
            unfold_time(aligned, num_support).flatten(1, 2))
        if self.merge == 'before':
            support = merged[:, None]
            merged = self.local_calibration(merged, key)
        fused = self.aggregation(merged, key, key)
        return FAMIFeatures(support, merged, key, fused)


@MODELS.register_module()
class FAMIPoseHead(EnhancedFeatureHead):
    """Heatmaps of the enhanced feature, and the objective.

    Args:
        in_channels, out_channels: C, the neck's, and K.
        mi_loss: Config of :class:`FAMIMutualInformationLoss`, or ``None``.
        final_layer, loss, decoder, test_activation, activation_sigma: As
            :class:`DisentanglementHead`'s.
    """


class VariationalTerms(ProbingEstimator):
    """``vsd``; options as :class:`VSDEstimator`'s."""

    probed = ('key', 'support')

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 beta: float = 0.1,
                 label_temperature: float = 0.05,
                 probe_weight: float = 1.0,
                 reduction: str = 'mean',
                 gate: str = 'none') -> None:
        super().__init__(in_channels, num_keypoints, label_temperature,
                         probe_weight, reduction, gate)
        self.coefficients = dict(
            support_conditional=1., key_conditional=1., fused_gain=-beta)

    def forward(self, features: FAMIFeatures, heatmaps: Tensor,
                targets: Tensor, target_weights: Tensor) -> Dict[str, Tensor]:
        """The terms by name, in nats."""
        prediction = self.probabilities(heatmaps)
        label = targets.flatten(2).to(prediction.dtype)
        mass = label.sum(dim=-1)
        label = label / mass.clamp_min(1e-12)[..., None]
        counts = ((target_weights > 0) & (mass > 0)).to(prediction.dtype)
        terms = {}
        with torch.no_grad():
            probes = self.probe(features)
        for name, maps in probes.items():
            probes[name] = self.probabilities(maps)
            terms[f'{name}_conditional'] = self.conditional(
                probes[name], prediction, label, counts)
        gain = (label * (prediction - probes['key'])).sum(dim=-1)
        terms['fused_gain'] = (gain * counts).sum() / counts.sum().clamp_min(1)
        return terms


class ReleasedTerms(ReleasedEstimator):
    """``released``: the six terms, as five."""

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 beta: float = 0.1,
                 temperature: float = 0.05,
                 label_init_cfg: Optional[dict] = None) -> None:
        super().__init__(in_channels, num_keypoints, temperature,
                         label_init_cfg)
        self.coefficients = dict(
            fused_label=-beta,
            key_fused=beta - 1,
            support_label=1.,
            support_fused=-1.,
            key_label=1.)

    def forward(self, features: FAMIFeatures, heatmaps: Tensor,
                targets: Tensor, target_weights: Tensor) -> Dict[str, Tensor]:
        """The terms by name; targets and weights are not used."""
        num_support = features.support.shape[1]
        support = fold_time(features.support).detach()
        key, fused = features.key.detach(), features.fused
        each_fused, each_heatmaps = (
            x.repeat_interleave(num_support, 0) for x in (fused, heatmaps))
        label, term = self.label_layer, self.term
        return dict(
            fused_label=term(label(fused.detach()), heatmaps),
            key_fused=term(key, fused),
            support_label=term(label(support), each_heatmaps),
            support_fused=term(support, each_fused),
            key_label=term(label(key), heatmaps))


#: ``'released'`` and ``'vsd'``, and yours; each has a ``beta``.
FAMI_ESTIMATORS: Dict[str, Any] = dict(
    released=ReleasedTerms, vsd=VariationalTerms)


@MODELS.register_module()
class FAMIMutualInformationLoss(MutualInformationLoss):
    """alpha * L_MI of FAMI-Pose; see :class:`MutualInformationLoss`.

    Args:
        in_channels, num_keypoints: C and K; the head gives them.
        estimator: A name in :data:`FAMI_ESTIMATORS`.
        alpha: Weight of the objective, see :class:`AlphaSchedule`.
        beta: Weight of the maximised information.
        **options: The estimator's: ``temperature``, ``label_init_cfg``, ...
    """

    estimators = FAMI_ESTIMATORS

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 estimator: str = 'released',
                 alpha: Union[float, Mapping] = 0.5,
                 beta: float = 0.1,
                 init_cfg=None,
                 **options) -> None:
        check_positive('mi_loss.beta', beta, or_zero=True)
        options['beta'] = beta
        super().__init__(in_channels, num_keypoints, estimator, alpha, None,
                         init_cfg, **options)
