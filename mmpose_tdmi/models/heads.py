"""From features to heatmaps: what TDMI's head, its single-frame baseline and
the rivals share.

Not in the paper: heatmaps trained as logits, by
:class:`SpatialCrossEntropyLoss`. Their softmax over space times 2 * pi *
sigma^2, the volume under a Gaussian of peak 1, peaks at 1 where the prediction
is perfect, so that scores mean what they do with the mean squared error.

Shape letters: B instances, C channels, K keypoints, H x W heatmap cells.
"""
import logging
import math
from typing import Any, Optional

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.structures import PixelData
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models.heads import HeatmapHead
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.registry import MODELS
from mmpose.utils.tensor_utils import to_numpy
from mmpose.utils.typing import (ConfigType, Features, OptConfigType,
                                 OptSampleList, Predictions)
from torch import Tensor, nn

from mmpose_tdmi.utils.checkpoints import read_checkpoint
from .layers.blocks import (at_least_float32, check_choice, check_positive,
                            check_positive_int)

__all__ = [
    'EnhancedFeatureHead', 'HeatmapActivationMixin', 'SingleFrameHeatmapLayer',
    'SpatialSoftmaxHead'
]

ACTIVATIONS = ('none', 'softmax')


def heatmaps_of_logits(logits: Tensor, sigma: float) -> Tensor:
    """Softmax over space; a Gaussian of ``sigma`` cells then peaks at 1."""
    probability = torch.softmax(logits.flatten(2), dim=-1)
    return (probability * (2 * math.pi * sigma**2)).reshape_as(logits)


class HeatmapActivationMixin(HeatmapHead):
    """Adds ``test_activation`` to the host's HeatmapHead.

    The head's ``__init__`` calls :meth:`init_activation`. Outputs are brought
    to float32, which the host's accuracy needs under bfloat16. A head's
    ``mi_loss`` adds its losses.
    """

    def init_activation(self, test_activation: str,
                        sigma: Optional[float]) -> None:
        """Set what is done to heatmaps before they are decoded; ``sigma``, of
        the targets in cells, is by default the decoder's."""
        check_choice('test_activation', test_activation, ACTIVATIONS)
        self.test_activation = test_activation
        if test_activation == 'none':
            return
        if sigma is None:
            # without a decoder the head is only used for its maps
            sigma = 1. if self.decoder is None else getattr(
                self.decoder, 'sigma', None)
        check_positive(
            "activation_sigma (test_activation='softmax' needs it where the "
            'decoder has no single sigma)', sigma)
        self.activation_sigma = float(sigma)

    def forward(self, feats: Any) -> Tensor:
        """Heatmaps as they are trained, at least float32, (B, K, H, W)."""
        return at_least_float32(super().forward(feats))

    def activate(self, outputs: Tensor) -> Tensor:
        """Trained maps to maps that are decoded, both (B, K, H, W)."""
        if self.test_activation == 'none':
            return outputs
        return heatmaps_of_logits(outputs, self.activation_sigma)

    def predict(self,
                feats: Features,
                batch_data_samples: OptSampleList,
                test_cfg: Optional[ConfigType] = None) -> Predictions:
        """The host's, of activated heatmaps, with scores of at most 1."""
        test_cfg = test_cfg or {}
        if self.test_activation == 'none':
            return super().predict(feats, batch_data_samples, test_cfg)
        if test_cfg.get('flip_test', False):
            feats, feats_flipped = feats
            flipped = flip_heatmaps(
                self.activate(self.forward(feats_flipped)),
                flip_mode=test_cfg.get('flip_mode', 'heatmap'),
                flip_indices=batch_data_samples[0].metainfo['flip_indices'],
                shift_heatmap=test_cfg.get('shift_heatmap', False))
            heatmaps = (self.activate(self.forward(feats)) + flipped) * 0.5
        else:
            heatmaps = self.activate(self.forward(feats))
        preds = self.decode(heatmaps)
        for pred in preds:
            # a map sharper than its target peaks above 1
            pred.keypoint_scores = np.minimum(pred.keypoint_scores, 1)
        if test_cfg.get('output_heatmaps', False):
            return preds, [PixelData(heatmaps=x) for x in heatmaps.detach()]
        return preds

    def loss(self,
             feats: Any,
             batch_data_samples: OptSampleList,
             train_cfg: Optional[ConfigType] = None) -> dict:
        """The host's losses, with the accuracy of activated heatmaps."""
        heatmaps = self.forward(feats)
        targets = torch.stack(
            [sample.gt_fields.heatmaps for sample in batch_data_samples])
        weights = torch.cat([
            sample.gt_instance_labels.keypoint_weights
            for sample in batch_data_samples
        ])
        losses = dict(loss_kpt=self.loss_module(heatmaps, targets, weights))
        if (train_cfg or {}).get('compute_acc', True):
            _, accuracy, _ = pose_pck_accuracy(
                output=to_numpy(self.activate(heatmaps.detach())),
                target=to_numpy(targets),
                mask=to_numpy(weights) > 0)
            losses['acc_pose'] = torch.tensor(accuracy, device=targets.device)
        mi_loss = getattr(self, 'mi_loss', None)
        if mi_loss is not None:
            losses.update(
                mi_loss(feats, heatmaps, targets, weights, self.loss_module))
        return losses


class EnhancedFeatureHead(HeatmapActivationMixin):
    """A heatmap layer, by default the paper's 3x3 convolution, on an enhanced
    feature; by default the mean squared error on visible joints."""

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
        self.build_mi_loss(mi_loss)

    def build_mi_loss(self, mi_loss: OptConfigType) -> None:
        """Build the objective of the head's channels, if there is one."""
        self.mi_loss = None if mi_loss is None else MODELS.build(
            mi_loss,
            default_args=dict(
                in_channels=self.in_channels, num_keypoints=self.out_channels))


@MODELS.register_module()
class SpatialSoftmaxHead(HeatmapActivationMixin):
    """HeatmapHead whose maps are softmaxed over space before decoding.

    The single-frame counterpart of :class:`DisentanglementHead` with
    ``test_activation='softmax'``, whose ``final_layer`` takes its weights.

    Args:
        *args: As HeatmapHead's.
        test_activation: ``'softmax'``, or ``'none'``, the host's head.
        activation_sigma: Standard deviation of the target Gaussians in heatmap
            cells; ``None``: the decoder's.
        **kwargs: As HeatmapHead's; ``loss`` must be one on logits, such as
            :class:`SpatialCrossEntropyLoss`.
    """

    def __init__(self,
                 *args,
                 test_activation: str = 'softmax',
                 activation_sigma: Optional[float] = None,
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.init_activation(test_activation, activation_sigma)


class SingleFrameHeatmapLayer(nn.Conv2d):
    """A convolution to heatmaps that is loaded from a single-frame model.

    PoseWarper and DCPose refine *heatmaps* of a frozen single-frame model, of
    which this is the last layer. Not in their papers: softmax, for models
    trained on logits, which cannot be warped: what lies off the map counts as
    0, which is no low logit.

    Args:
        in_channels, num_keypoints: C and K.
        kernel_size: Odd, that of the single-frame head's ``final_layer``.
        activation: ``'none'`` or ``'softmax'``.
        sigma: With softmax, the target Gaussians' standard deviation in cells.
        frozen: Whether the layer is left as it was loaded.
        checkpoint, prefix: Path or URL of the single-frame model, and the
            layer's name in it.
    """

    #: The layer's config key, for messages.
    key = 'heatmap_layer'

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 kernel_size: int = 1,
                 activation: str = 'none',
                 sigma: Optional[float] = None,
                 frozen: bool = True,
                 checkpoint: Optional[str] = None,
                 prefix: str = 'head.final_layer') -> None:
        check_positive_int('heatmap_layer.kernel_size', kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError('heatmap_layer.kernel_size must be odd, so that '
                             f'the maps keep their size, got {kernel_size}')
        check_choice('heatmap_layer.activation', activation, ACTIVATIONS)
        if activation == 'softmax':
            check_positive(
                "heatmap_layer.sigma (which activation='softmax' needs)",
                sigma)
        super().__init__(
            in_channels, num_keypoints, kernel_size, padding=kernel_size // 2)
        self.activation = activation
        self.sigma = sigma
        self.checkpoint = checkpoint
        self.prefix = prefix.rstrip('.')
        self.requires_grad_(not frozen)

    def init_weights(self) -> None:
        if self.checkpoint is None:
            print_log(
                f'{self.key} gives no checkpoint: this layer to single-frame '
                'heatmaps is random unless a checkpoint of the whole model is '
                'loaded', 'current', logging.WARNING)
            return
        weights = read_checkpoint(self.checkpoint)
        weights = weights.get('state_dict', weights)
        for name, parameter in self.named_parameters():
            name = f'{self.prefix}.{name}'
            found = weights.get(name)
            if found is None or found.shape != parameter.shape:
                got = 'nothing' if found is None else tuple(found.shape)
                raise ValueError(
                    f'{self.key}: {self.checkpoint} must have {name} of shape '
                    f'{tuple(parameter.shape)}, found {got}')
            parameter.data.copy_(found)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to heatmaps (N, K, H, W), at least float32."""
        maps = at_least_float32(super().forward(x))
        if self.activation == 'none':
            return maps
        return heatmaps_of_logits(maps, self.sigma)
