"""A loss for labels of which some have left and right exchanged."""
import math
from typing import Optional

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_tdmi.models.losses import SpatialCrossEntropyLoss
from .people import OTHER_SIDE


@MODELS.register_module()
class SideNoiseLoss(SpatialCrossEntropyLoss):
    """Cross-entropy over space, of labels that are perhaps exchanged.

    A person's likelihood is a mixture of that of the label and that of the
    label with all sides exchanged: "forward correction" (Patrini et al.,
    CVPR 2017) with whole people exchanged. A label that the model strongly
    disbelieves so loses its pull.

    Args:
        exchanged: The share of people whose label is exchanged, in (0, 0.5).
        **kwargs: As SpatialCrossEntropyLoss's.
    """

    def __init__(self, exchanged: float, **kwargs) -> None:
        super().__init__(**kwargs)
        if not 0 < exchanged < 0.5:
            raise ValueError(
                f'exchanged={exchanged}: expected a share in (0, 0.5)')
        self.exchanged = exchanged

    def forward(self,
                output: Tensor,
                target: Tensor,
                target_weights: Optional[Tensor] = None) -> Tensor:
        """Logits and targets >= 0, (B, K, H, W), weights, (B, K), to nats a
        joint."""
        output, target = output.flatten(2).float(), target.flatten(2).float()
        mass = target.sum(dim=-1)
        weights = (mass > 0).float()
        if self.use_target_weight and target_weights is not None:
            weights = weights * target_weights
        shares = target / mass.clamp_min(1e-12)[..., None]
        logs = []
        for joints, prior in ((output, 1 - self.exchanged),
                              (output[:, OTHER_SIDE], self.exchanged)):
            entropies = -(shares * F.log_softmax(joints, dim=-1)).sum(dim=-1)
            logs.append(math.log(prior) - (weights * entropies).sum(dim=1))
        total = weights.sum().clamp_min(1e-6)
        likelihoods = torch.logsumexp(torch.stack(logs), dim=0)
        return -self.loss_weight * likelihoods.sum() / total
