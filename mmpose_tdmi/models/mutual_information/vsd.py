"""Mutual information terms in the form of Variational Self-Distillation.

The paper names VSD (Tian et al., "Farewell to Mutual Information:
Variational Distillation for Cross-Modal Person Re-Identification", CVPR 2021)
as its estimator, and gives no detail. What VSD does: the conditional mutual
information I(v; y | z) that is lost from v to z is minimised as
KL(P(y|v) || P(y|z)) with P(y|v) detached. That is Eq. 10, so here, in place
of the differences of Eq. 11 and 12:

- ``useful_conditional``: KL(sg P(y|Mu) || P(y|F~)), for I(Mu; y | F~);
- ``visual_conditional``: KL(sg P(y|V) || P(y|F~)), for I(V; y | F~).

P(y|.) is, per joint, the softmax over the cells of a heatmap: for F~ the
model's own prediction, for Mu and V the output of a 1x1 "probe". The probes
are trained by the heatmap loss on detached features: they measure what a
feature says about y and do not change it. Joints without a target are left
out. The form takes P(y|v) for the truth: where a probe predicts worse than
the model, as one on motion alone often does, it pulls the model's prediction
away from the label. ``gate='label'`` leaves such joints out: what v does not
know about y cannot have been lost on the way to F~.

VSD defines no term between features. The other two are

- ``useful_noise``, minimised (Eq. 8): ln 2 minus the Jensen-Shannon
  divergence of Mu's and Mn's distributions over space, per channel. In
  [0, ln 2], 0 if they share nothing, ln 2 if they are the same; a raw -KL
  would be unbounded below. Gradients flow into both.
- ``motion_useful``, maximised (Eq. 9): the InfoNCE lower bound of I(M; Mu),
  at most ln N. M is detached; the gradient reaches the encoder through Mu.

The terms are in nats. The paper's heatmap loss is a mean over cells, some
10^3 times smaller, and the authors' terms are such means, too; so that alpha
= 1 weighs what it does in the paper, the objective is by default divided by
the number of cells (``reduction='mean'``).

Shape shorthand: B clips, C channels, K keypoints, H x W cells.
"""
from typing import Callable, Dict, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..disentanglement.features import DisentangledFeatures
from ..layers.checks import check_choice, check_positive
from .distributions import (LOG_2, js_divergence, kl_divergence,
                            spatial_log_softmax)
from .info_nce import info_nce

REDUCTIONS = ('mean', 'sum')
GATES = ('none', 'label')


class VSDEstimator(BaseModule):
    """Conditional terms as VSD has them, bounded feature terms.

    Args:
        in_channels (int): C.
        num_keypoints (int): K.
        temperature (float): Temperature of the features' distributions over
            space. Defaults to 1.0.
        label_temperature (float): Temperature of the heatmaps'
            distributions: 0.05 (default) suits heatmaps with peaks of 1, as
            the mean squared error makes them; set 1.0 with a loss on logits
            such as :class:`SpatialCrossEntropyLoss`.
        nce_temperature (float): Temperature of InfoNCE's critic. Defaults to
            0.1.
        nce_grid (Sequence[int]): InfoNCE's grid, (height, width). Defaults
            to ``(8, 6)``.
        probe_weight (float): Weight of the probes' losses. Defaults to 1.0.
        reduction (str): How the terms count in the objective: ``'mean'``
            (default) divides them by the cells of a map, which suits heatmap
            losses that are means over cells, such as the mean squared error;
            ``'sum'`` leaves them in nats, which suits
            :class:`SpatialCrossEntropyLoss`. The bare terms stay in nats.
        gate (str): Joints that count in the conditional terms: ``'none'``
            (default, VSD's form), all that have a target, or ``'label'``,
            those of them whose label the probe explains better than the
            model's prediction does.
    """

    DEFAULTS = dict(
        temperature=1.0,
        label_temperature=0.05,
        nce_temperature=0.1,
        nce_grid=(8, 6),
        probe_weight=1.0,
        reduction='mean',
        gate='none')

    #: How often each term counts in the objective, and with which sign.
    COEFFICIENTS = dict(
        useful_noise=1.,
        motion_useful=-1.,
        useful_conditional=1.,
        visual_conditional=1.)

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 temperature: float = 1.0,
                 label_temperature: float = 0.05,
                 nce_temperature: float = 0.1,
                 nce_grid: Sequence[int] = (8, 6),
                 probe_weight: float = 1.0,
                 reduction: str = 'mean',
                 gate: str = 'none') -> None:
        super().__init__()
        check_positive('temperature', temperature)
        check_positive('label_temperature', label_temperature)
        check_positive('nce_temperature', nce_temperature)
        check_positive('probe_weight', probe_weight)
        check_choice('reduction', reduction, REDUCTIONS)
        check_choice('gate', gate, GATES)
        self.reduction = reduction
        self.gate = gate
        if (not isinstance(nce_grid, Sequence) or isinstance(nce_grid, str)
                or len(nce_grid) != 2 or min(nce_grid) < 1):
            raise ValueError('nce_grid must be (height, width), both >= 1, '
                             f'got {nce_grid!r}')
        self.temperature = temperature
        self.label_temperature = label_temperature
        self.nce_temperature = nce_temperature
        self.nce_grid = tuple(nce_grid)
        self.probe_weight = probe_weight
        self.useful_probe = nn.Conv2d(in_channels, num_keypoints, 1)
        self.visual_probe = nn.Conv2d(in_channels, num_keypoints, 1)

    def scale(self, heatmaps: Tensor) -> float:
        """What the terms are multiplied by in the objective."""
        if self.reduction == 'sum':
            return 1.
        return 1 / (heatmaps.shape[-2] * heatmaps.shape[-1])

    def probe(self, features: DisentangledFeatures) -> Dict[str, Tensor]:
        """Heatmaps (B, K, H, W) that Mu and V, detached, predict."""
        return dict(
            useful=self.useful_probe(features.useful.detach()),
            visual=self.visual_probe(features.visual.detach()))

    def forward(self, features: DisentangledFeatures, heatmaps: Tensor,
                targets: Tensor, target_weights: Tensor) -> Dict[str, Tensor]:
        """The terms by name, before coefficients and weights.

        Args:
            features (DisentangledFeatures): (B, C, H, W) each.
            heatmaps (Tensor): Predicted heatmaps, (B, K, H, W).
            targets (Tensor): Target heatmaps, (B, K, H, W); they only count
                with ``gate='label'``.
            target_weights (Tensor): Joints of weight 0 are left out of the
                conditional terms, (B, K).

        Returns:
            dict[str, Tensor]: Scalars, in nats.
        """
        useful = spatial_log_softmax(features.useful, self.temperature)
        noisy = spatial_log_softmax(features.noisy, self.temperature)
        terms = dict(
            useful_noise=(LOG_2 - js_divergence(useful, noisy)).mean(),
            motion_useful=info_nce(features.motion.detach(), features.useful,
                                   self.nce_temperature, self.nce_grid))

        prediction = spatial_log_softmax(heatmaps, self.label_temperature)
        with torch.no_grad():
            probes = self.probe(features)
        for name, maps in probes.items():
            probe = spatial_log_softmax(maps, self.label_temperature)
            counts = (target_weights > 0).to(probe.dtype)
            total = counts.sum().clamp_min(1)
            if self.gate == 'label':
                label = targets.flatten(2).to(probe.dtype)
                advantage = (label * (probe - prediction.detach())).sum(-1)
                counts = counts * (advantage > 0)
            divergence = kl_divergence(probe, prediction)
            terms[f'{name}_conditional'] = (divergence * counts).sum() / total
        return terms

    def probe_losses(self, features: DisentangledFeatures, targets: Tensor,
                     target_weights: Tensor,
                     heatmap_loss: Callable) -> Dict[str, Tensor]:
        """What trains the probes, and only them.

        Args:
            features (DisentangledFeatures): (B, C, H, W) each.
            targets (Tensor): Target heatmaps, (B, K, H, W).
            target_weights (Tensor): Their weights, (B, K).
            heatmap_loss (Callable): The head's heatmap loss.

        Returns:
            dict[str, Tensor]: ``useful`` and ``visual``, scalars.
        """
        return {
            name:
            self.probe_weight * heatmap_loss(maps, targets, target_weights)
            for name, maps in self.probe(features).items()
        }
