"""FAMI-Pose's mutual information objective with proper divergences.

The paper names Variational Self-Distillation (Tian et al., CVPR 2021) as its
estimator. In that form, with P(y|.) per joint the softmax over the cells of a
heatmap, z~ the enhanced feature, z the key frame's and z_s a supporting one:

- ``support_conditional``: KL(sg P(y|z_s) || P(y|z~)) for the minimised I(y;
  z_s | z~), and ``key_conditional``: KL(sg P(y|z) || P(y|z~)) for I(y; z |
  z~);
- ``fused_gain``: the label's log-probability under P(y|z~) minus that under
  P(y|z), the variational estimate of the maximised I(y; z~ | z).

P(y|z~) is the model's own prediction; P(y|z) and P(y|z_s) come from 1x1
probes that the heatmap loss trains on detached features. Only the prediction
gets a gradient from the terms. As with TDMI's ``vsd``, a probe that knows
less than the model pulls the prediction away from the label; ``gate='label'``
leaves such joints out. ``reduction`` and ``label_temperature`` are as there.

Shape shorthand: B clips, S supporting features, C channels, K keypoints, H x
W cells.
"""
from typing import Callable, Dict

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmpose_tdmi.structures import fold_time
from ...layers.checks import check_choice, check_positive
from ...mutual_information.distributions import (kl_divergence,
                                                 spatial_log_softmax)
from .features import FAMIFeatures

REDUCTIONS = ('mean', 'sum')
GATES = ('none', 'label')


class VariationalTerms(BaseModule):
    """Conditional terms as VSD has them, and the gain over the key frame.

    Args:
        in_channels (int): C.
        num_keypoints (int): K.
        beta (float): Weight of ``fused_gain``.
        label_temperature (float): Temperature of the heatmaps'
            distributions. Defaults to 0.05, for heatmaps with peaks of 1.
        probe_weight (float): Weight of the probes' losses. Defaults to 1.0.
        reduction (str): ``'mean'`` divides the objective by the cells of a
            map, ``'sum'`` leaves it in nats. Defaults to ``'mean'``.
        gate (str): Joints that count in the conditional terms: ``'none'``,
            all that have a target, or ``'label'``, those of them whose label
            the probe explains better than the prediction does. Defaults to
            ``'none'``.
    """

    DEFAULTS = dict(
        label_temperature=0.05,
        probe_weight=1.0,
        reduction='mean',
        gate='none')

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 beta: float,
                 label_temperature: float = 0.05,
                 probe_weight: float = 1.0,
                 reduction: str = 'mean',
                 gate: str = 'none') -> None:
        super().__init__()
        check_positive('label_temperature', label_temperature)
        check_positive('probe_weight', probe_weight)
        check_choice('reduction', reduction, REDUCTIONS)
        check_choice('gate', gate, GATES)
        self.label_temperature = label_temperature
        self.probe_weight = probe_weight
        self.reduction = reduction
        self.gate = gate
        self.key_probe = nn.Conv2d(in_channels, num_keypoints, 1)
        self.support_probe = nn.Conv2d(in_channels, num_keypoints, 1)
        #: How often each term counts in the objective, and with which sign.
        self.coefficients = dict(
            support_conditional=1., key_conditional=1., fused_gain=-beta)

    def scale(self, heatmaps: Tensor) -> float:
        """What the terms are multiplied by in the objective."""
        if self.reduction == 'sum':
            return 1.
        return 1 / (heatmaps.shape[-2] * heatmaps.shape[-1])

    def probe(self, features: FAMIFeatures) -> Dict[str, Tensor]:
        """Heatmaps that the features, detached, predict: ``key``, (B, K, H,
        W), and ``support``, (B * S, K, H, W)."""
        return dict(
            key=self.key_probe(features.key.detach()),
            support=self.support_probe(fold_time(features.support).detach()))

    def forward(self, features: FAMIFeatures, heatmaps: Tensor,
                targets: Tensor, target_weights: Tensor) -> Dict[str, Tensor]:
        """The terms by name, before coefficients.

        Args:
            features (FAMIFeatures): The neck's output.
            heatmaps (Tensor): Predicted heatmaps, (B, K, H, W).
            targets (Tensor): Target heatmaps, (B, K, H, W).
            target_weights (Tensor): Joints of weight 0 are left out, (B, K).

        Returns:
            dict[str, Tensor]: Scalars, in nats.
        """
        prediction = spatial_log_softmax(heatmaps, self.label_temperature)
        label = targets.flatten(2).to(prediction.dtype)
        mass = label.sum(dim=-1)
        label = label / mass.clamp_min(1e-12)[..., None]
        counts = ((target_weights > 0) & (mass > 0)).to(prediction.dtype)
        with torch.no_grad():
            probes = {
                name: spatial_log_softmax(maps, self.label_temperature)
                for name, maps in self.probe(features).items()
            }
        terms = {
            f'{name}_conditional':
            self._conditional(probe, prediction, label, counts)
            for name, probe in probes.items()
        }
        gain = (label * (prediction - probes['key'])).sum(dim=-1)
        terms['fused_gain'] = (gain * counts).sum() / counts.sum().clamp_min(1)
        return terms

    def _conditional(self, probe: Tensor, prediction: Tensor, label: Tensor,
                     counts: Tensor) -> Tensor:
        """KL(probe || prediction), (N, K, L) of N = B or B * S, averaged."""
        repeats = len(probe) // len(prediction)
        prediction, label, counts = (
            x.repeat_interleave(repeats, 0)
            for x in (prediction, label, counts))
        total = counts.sum().clamp_min(1)
        if self.gate == 'label':
            advantage = (label * (probe - prediction.detach())).sum(dim=-1)
            counts = counts * (advantage > 0)
        return (kl_divergence(probe, prediction) * counts).sum() / total

    def probe_losses(self, features: FAMIFeatures, targets: Tensor,
                     target_weights: Tensor,
                     heatmap_loss: Callable) -> Dict[str, Tensor]:
        """What trains the probes, and only them.

        Args:
            features (FAMIFeatures): The neck's output.
            targets (Tensor): Target heatmaps, (B, K, H, W).
            target_weights (Tensor): Their weights, (B, K).
            heatmap_loss (Callable): The head's heatmap loss.

        Returns:
            dict[str, Tensor]: ``key`` and ``support``, scalars.
        """
        losses = {}
        for name, maps in self.probe(features).items():
            repeats = len(maps) // len(targets)
            losses[name] = self.probe_weight * heatmap_loss(
                maps, targets.repeat_interleave(repeats, 0),
                target_weights.repeat_interleave(repeats, 0))
        return losses
