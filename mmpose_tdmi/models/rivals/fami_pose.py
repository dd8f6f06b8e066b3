"""FAMI-Pose: neighbours' features, aligned to the key frame's.

What FAMI-Pose's neck gives to its head.

Shape shorthand: B clips, S supporting features, C channels, H x W cells.

Global transformation, FAMI-Pose's coarse alignment.

Liu et al., "Temporal Feature Alignment and Mutual Information Maximization
for Video-Based Human Pose Estimation", CVPR 2022, Sec. 3.1: from the
difference of a supporting frame's map and the key frame's, one affine
transformation of the whole map is estimated and applied. The release
estimates a translation only.

Here the estimate starts at zero, so that a new module passes maps through
(the release's last layer starts at random).

Shape shorthand: N pairs of frames, C channels, H x W cells.

Local calibration, FAMI-Pose's fine alignment.

Liu et al., CVPR 2022, Sec. 3.1: the globally aligned feature is resampled by
deformable convolutions whose offsets and modulation come from it and the key
frame's map. In the release:

- c: a residual block on the concatenation of both;
- two deformable convolutions in turn on c, each steered by its own input;
- a third on the supporting feature, steered by their result; a fourth on
  that, steered by itself.

TDMI-ST's visual feature is of the same design (``spatiotemporal.py``).

Shape shorthand: N maps, C channels, H x W cells.

FAMI-Pose's hierarchical alignment as a neck.

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

FAMI-Pose's head: a heatmap layer and the mutual information objective.

Liu et al., CVPR 2022, Sec. 3. Codecs, flip test, decoding and heatmap output
are the host's.

Shape shorthand: B clips, C channels, K keypoints, H x W feature and heatmap
cells.
"""
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential, constant_init, normal_init
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList
from torch import Tensor, nn

from mmpose_tdmi.structures import FrameWindow, fold_time, unfold_time
from ..disentanglement import Aggregation
from ..heads import HeatmapActivationMixin, stack_targets
from ..layers import ResidualChain, SteeredDeformableConv2d
from ..layers.blocks import (at_least_float32, check_choice,
                             check_positive_int, merge_options)

__all__ = [
    'FAMIFeatures', 'FAMIPoseHead',
    'FAMIPoseNeck', 'GlobalAlignment', 'LocalCalibration'
]


class FAMIFeatures(NamedTuple):
    """Features of a batch of clips.

    The last item is what a heatmap layer reads: a stock head that takes
    ``feats[-1]`` works on these.

    Attributes:
        support (Tensor): What there was to learn from, (B, S, C, H, W): the
            supporting frames' maps, or with ``merge='before'`` their
            globally aligned merger, S = 1.
        calibrated (Tensor): The supporting frames' aligned feature, (B, C,
            H, W).
        key (Tensor): The key frame's map, (B, C, H, W).
        fused (Tensor): The enhanced feature, (B, C, H, W).
    """
    support: Tensor
    calibrated: Tensor
    key: Tensor
    fused: Tensor


#: Transformations and their numbers of parameters.
TRANSFORMS = dict(translation=2, affine=6)


class GlobalAlignment(BaseModule):
    """Transform a whole map towards the key frame's.

    Args:
        channels (int): C.
        transform (str): ``'translation'`` (release) or ``'affine'``, which
            adds the four numbers of a linear map.
        hidden_channels (int): Width of the estimator.
        num_reductions (int): Its number of convolutions of stride 2. What
            they leave of the map is pooled to 3 x 3; with the release's
            five, that is what they leave of 96 x 72.
        norm_cfg (dict, optional): Config of the normalisation layers.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 channels: int,
                 transform: str = 'translation',
                 hidden_channels: int = 16,
                 num_reductions: int = 5,
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__()
        check_choice('transform', transform, tuple(TRANSFORMS))
        check_positive_int('num_reductions', num_reductions)
        self.transform = transform
        norm_cfg = norm_cfg or dict(type='BN')
        self.difference = ResidualChain(
            channels,
            hidden_channels,
            1,
            skip_projection='always',
            norm_cfg=norm_cfg)
        self.reduction = Sequential(*(ConvModule(
            hidden_channels,
            hidden_channels,
            3,
            stride=2,
            padding=1,
            norm_cfg=norm_cfg) for _ in range(num_reductions)))
        # without activations between them, as in the release
        self.estimate = nn.Sequential(
            nn.AdaptiveAvgPool2d(3), nn.Flatten(),
            nn.Linear(9 * hidden_channels, 64), nn.Linear(64, 64),
            nn.Linear(64, TRANSFORMS[transform]))
        constant_init(self.estimate[-1], 0)

    def init_weights(self) -> None:
        """Initialise; the transformation starts as the identity."""
        super().init_weights()
        for layer in self.reduction:
            normal_init(layer.conv, std=0.001)
        constant_init(self.estimate[-1], 0)

    def parameters_of(self, support: Tensor, key: Tensor) -> Tensor:
        """The transformations' parameters.

        Args:
            support (Tensor): The supporting frames' maps, (N, C, H, W).
            key (Tensor): The key frames', (N, C, H, W).

        Returns:
            Tensor: (N, 2), how far the content moves, (right, down), in
            cells; or (N, 6), these two and then, row by row, what is added
            to the identity to give the linear map from a place in the
            result to that in ``support``, in halves of the map's width and
            height around its centre.
        """
        # a place in the map has to be better known than in half precision,
        # whose kernels for maps of one cell are not to be trusted either
        with torch.autocast(support.device.type, enabled=False):
            difference = at_least_float32(support - key)
            return self.estimate(self.reduction(self.difference(difference)))

    def forward(self, support: Tensor, key: Tensor) -> Tensor:
        """Supporting maps, transformed; all (N, C, H, W)."""
        return transform_maps(support, self.parameters_of(support, key))


def transform_maps(maps: Tensor, parameters: Tensor) -> Tensor:
    """Resample whole maps bilinearly; what lies outside is 0.

    Args:
        maps (Tensor): (N, C, H, W).
        parameters (Tensor): As :meth:`GlobalAlignment.parameters_of` gives
            them, (N, 2) or (N, 6).

    Returns:
        Tensor: (N, C, H, W).
    """
    with torch.autocast(maps.device.type, enabled=False):
        dtype = torch.promote_types(maps.dtype, torch.float32)
        maps, parameters = maps.to(dtype), parameters.to(dtype)
        height, width = maps.shape[-2:]
        size = parameters.new_tensor([width, height])
        # grid_sample asks where a cell of the result comes from
        shift = -2 * parameters[:, :2] / size
        linear = torch.eye(2, dtype=dtype, device=maps.device)
        linear = linear.expand(maps.shape[0], 2, 2)
        if parameters.shape[1] == 6:
            linear = linear + parameters[:, 2:].unflatten(1, (2, 2))
        theta = torch.cat((linear, shift[:, :, None]), dim=2)
        grid = F.affine_grid(theta, list(maps.shape), align_corners=False)
        return F.grid_sample(maps, grid, align_corners=False)


#: The options of the config key ``calibration`` with their defaults.
CALIBRATION_DEFAULTS = dict(
    backend='auto',
    groups=12,
    mask='none',
    dilation=3,
    offset_dilation=3,
    offset_init='normal')


class LocalCalibration(BaseModule):
    """Align a supporting feature to the key frame's, cell by cell.

    Args:
        channels (int): C.
        options (Mapping, optional): Those of :class:`SteeredDeformableConv2d`
            in :data:`CALIBRATION_DEFAULTS`, the release's.
        norm_cfg (dict, optional): As :class:`ResidualChain`'s.
        with_cp (bool): As :class:`ResidualChain`'s.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self,
                 channels: int,
                 options: Optional[Mapping] = None,
                 norm_cfg: Optional[dict] = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        options = merge_options('calibration', options, CALIBRATION_DEFAULTS)
        self.context_blocks = ResidualChain(
            2 * channels,
            channels,
            1,
            skip_projection='always',
            norm_cfg=norm_cfg,
            with_cp=with_cp)
        self.context_deform1 = SteeredDeformableConv2d(channels, **options)
        self.context_deform2 = SteeredDeformableConv2d(channels, **options)
        self.align_deform1 = SteeredDeformableConv2d(channels, **options)
        self.align_deform2 = SteeredDeformableConv2d(channels, **options)

    def forward(self, support: Tensor, key: Tensor) -> Tensor:
        """Supporting features, aligned; all (N, C, H, W)."""
        context = self.context_blocks(torch.cat((support, key), dim=1))
        context = self.context_deform1(context, context)
        context = self.context_deform2(context, context)
        aligned = self.align_deform1(support, context)
        return self.align_deform2(aligned, aligned)


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


@MODELS.register_module()
class FAMIPoseHead(HeatmapActivationMixin, HeatmapHead):
    """Heatmaps of the enhanced feature.

    Args:
        in_channels (int): C, the neck's.
        out_channels (int): K.
        final_layer (dict, optional): Config of the heatmap layer. Defaults
            to ``None``, a 3x3 convolution, ``dict(kernel_size=3,
            padding=1)``.
        loss (dict, optional): Config of the heatmap loss. Defaults to
            ``None``, ``dict(type='KeypointMSELoss',
            use_target_weight=True)``.
        mi_loss (dict, optional): Config of
            :class:`FAMIMutualInformationLoss`; its channels come from the
            head. Defaults to ``None``, heatmap loss only.
        decoder (dict, optional): Config of the codec.
        test_activation (str): ``'none'``, or ``'softmax'`` for heatmaps that
            are trained as logits. Defaults to ``'none'``.
        activation_sigma (float, optional): With softmax, the standard
            deviation of the target Gaussians in cells. Defaults to ``None``,
            the decoder's.
        init_cfg (dict | list[dict], optional): Defaults to convolutions
            N(0, 0.001).

    Raises:
        ValueError: If an option is invalid; the message names its key.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 final_layer: Optional[dict] = None,
                 loss: OptConfigType = None,
                 mi_loss: OptConfigType = None,
                 decoder: OptConfigType = None,
                 test_activation: str = 'none',
                 activation_sigma: Optional[float] = None,
                 init_cfg=None) -> None:
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
        self.mi_loss = None
        if mi_loss is not None:
            self.mi_loss = MODELS.build(
                mi_loss,
                default_args=dict(
                    in_channels=in_channels, num_keypoints=out_channels))

    def loss(self,
             feats: FAMIFeatures,
             batch_data_samples: OptSampleList,
             train_cfg: Optional[ConfigType] = None) -> dict:
        """Heatmap loss and mutual information objective.

        Args:
            feats (FAMIFeatures): The neck's output.
            batch_data_samples (list[PoseDataSample]): B data samples.
            train_cfg (dict, optional): As the host's.

        Returns:
            dict: The host's ``loss_kpt`` and ``acc_pose``, and what
            :class:`FAMIMutualInformationLoss` gives.
        """
        losses = super().loss(feats, batch_data_samples, train_cfg)
        if self.mi_loss is not None:
            targets, weights = stack_targets(batch_data_samples)
            losses.update(
                self.mi_loss(feats, self.forward(feats), targets, weights,
                             self.loss_module))
        return losses
