"""What TDMI's head and its single-frame baseline share.

Decoding of heatmaps that were trained as logits.

Goes with :class:`SpatialCrossEntropyLoss`; the paper's heatmaps are trained
by the mean squared error and need nothing. Logits have no scale: their
maximum is no score. The softmax over space has one, and multiplied by
2 * pi * sigma^2 (cells^2, the volume under a Gaussian of peak 1) a perfect
prediction has the peak 1 that a heatmap trained by the mean squared error
has, so that scores and thresholds mean the same.

Shape shorthand: B instances, K keypoints, H x W heatmap cells.

The host's heatmap head for heatmaps that are trained as logits.

The single-frame counterpart of :class:`DisentanglementHead` with
``test_activation='softmax'``: same ``final_layer`` names, so that its weights
start TDMI. Not in the paper.
"""
import math
from typing import Any, Callable, Optional, Tuple

import numpy as np
import torch
from mmengine.structures import PixelData
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models.heads import HeatmapHead
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.registry import MODELS
from mmpose.utils.tensor_utils import to_numpy
from mmpose.utils.typing import (ConfigType, Features, OptSampleList,
                                 Predictions)
from torch import Tensor

from .layers.blocks import at_least_float32, check_choice, check_positive

__all__ = ['HeatmapActivationMixin', 'SpatialSoftmaxHead']

TEST_ACTIVATIONS = ('none', 'softmax')


class HeatmapActivationMixin:
    """Adds ``test_activation`` to a subclass of the host's HeatmapHead.

    To be mixed in before the head; the head's ``__init__`` then calls
    :meth:`init_activation`. Network outputs are also brought to float32,
    which numpy, and so the host's accuracy under bfloat16, needs.
    """

    # the head's
    decoder: Any
    decode: Callable

    def init_activation(self, test_activation: str,
                        sigma: Optional[float]) -> None:
        """Set what is done to heatmaps before they are decoded.

        Args:
            test_activation (str): ``'none'`` or ``'softmax'``.
            sigma (float, optional): Standard deviation of the targets in
                heatmap cells; ``None`` takes the decoder's.

        Raises:
            ValueError: If ``test_activation`` is unknown, or is softmax and
                no sigma is known.
        """
        check_choice('test_activation', test_activation, TEST_ACTIVATIONS)
        self.test_activation = test_activation
        if test_activation == 'none':
            return
        if sigma is None:
            sigma = getattr(self.decoder, 'sigma', None)
        # without a decoder the head is only used for its maps
        if sigma is None and self.decoder is None:
            sigma = 1.0
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
        probability = torch.softmax(outputs.flatten(2), dim=-1)
        volume = 2 * math.pi * self.activation_sigma**2
        return (probability * volume).reshape_as(outputs)

    def predict(self,
                feats: Features,
                batch_data_samples: OptSampleList,
                test_cfg: Optional[ConfigType] = None) -> Predictions:
        """Predict poses; as the host's, with activated heatmaps.

        Args:
            feats (tuple | list[tuple]): The features, or with flip test a
                list of the features and those of the flipped input.
            batch_data_samples (list[PoseDataSample]): The data samples.
            test_cfg (dict, optional): As the host's.

        Returns:
            list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
            As the host's. Scores of activated maps are at most 1.
        """
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
        """The host's losses; the accuracy is that of activated heatmaps.

        Args:
            feats (tuple[Tensor]): The features.
            batch_data_samples (list[PoseDataSample]): The data samples.
            train_cfg (dict, optional): As the host's.

        Returns:
            dict: ``loss_kpt`` and, unless switched off, ``acc_pose``.
        """
        train_cfg = dict(train_cfg or {})
        compute_acc = train_cfg.get('compute_acc', True)
        if self.test_activation == 'none' or not compute_acc:
            return super().loss(feats, batch_data_samples, train_cfg)
        losses = super().loss(feats, batch_data_samples, {
            **train_cfg, 'compute_acc': False
        })
        with torch.no_grad():
            heatmaps = self.activate(self.forward(feats))
        targets, weights = stack_targets(batch_data_samples)
        _, accuracy, _ = pose_pck_accuracy(
            output=to_numpy(heatmaps),
            target=to_numpy(targets),
            mask=to_numpy(weights) > 0)
        losses['acc_pose'] = torch.tensor(accuracy, device=targets.device)
        return losses


def stack_targets(batch_data_samples: OptSampleList) -> Tuple[Tensor, Tensor]:
    """Target heatmaps (B, K, H, W) and keypoint weights (B, K)."""
    heatmaps = torch.stack(
        [sample.gt_fields.heatmaps for sample in batch_data_samples])
    weights = torch.cat([
        sample.gt_instance_labels.keypoint_weights
        for sample in batch_data_samples
    ])
    return heatmaps, weights


@MODELS.register_module()
class SpatialSoftmaxHead(HeatmapActivationMixin, HeatmapHead):
    """HeatmapHead whose maps are softmaxed over space before decoding.

    Args:
        *args: As HeatmapHead's.
        test_activation (str): ``'softmax'``, or ``'none'``, which makes it
            the host's head. Defaults to ``'softmax'``.
        activation_sigma (float, optional): Standard deviation of the target
            Gaussians in heatmap cells. Defaults to ``None``, the decoder's.
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
