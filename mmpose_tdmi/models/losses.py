"""Cross-entropy between heatmaps seen as distributions over space.

Not in the paper: small models trained from scratch stay on the mean squared
error's all-zero plateau and leave it with this one. Predictions are logits:
decode them with ``test_activation='softmax'``.

Shape letters: B instances, K keypoints, H x W heatmap cells.
"""
from typing import Optional

import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from .layers.blocks import at_least_float32, check_positive

__all__ = ['SpatialCrossEntropyLoss']


@MODELS.register_module()
class SpatialCrossEntropyLoss(nn.Module):
    """Cross-entropy of softmax over H x W against the normalised target.

    The mean over joints, by target weights if ``use_target_weight``. Joints
    with an empty target (off the heatmap) are left out; without any the loss
    is 0 and still connected to the output.
    """

    def __init__(self,
                 use_target_weight: bool = True,
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        check_positive('loss_weight', loss_weight)
        self.use_target_weight = use_target_weight
        self.loss_weight = loss_weight

    def forward(self,
                output: Tensor,
                target: Tensor,
                target_weights: Optional[Tensor] = None) -> Tensor:
        """Logits and targets >= 0, (B, K, H, W), weights, (B, K), to nats."""
        output = at_least_float32(output)
        target = target.flatten(2).to(output.dtype)
        mass = target.sum(dim=-1)
        weights = (mass > 0).to(output.dtype)
        if self.use_target_weight and target_weights is not None:
            weights = weights * target_weights.to(output.dtype)
        probability = target / mass.clamp_min(1e-12)[..., None]
        log_prediction = F.log_softmax(output.flatten(2), dim=-1)
        entropies = -(probability * log_prediction).sum(dim=-1)
        # the clamp only acts when there is no joint at all: 0 / 1
        total = weights.sum().clamp_min(1e-6)
        return self.loss_weight * (weights * entropies).sum() / total
