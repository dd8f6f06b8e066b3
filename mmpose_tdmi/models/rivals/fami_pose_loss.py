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

FAMI-Pose's mutual information terms as the release computes them.

The term V(a, b) is the one that TDMI's authors' code took over; see
``mutual_information/released.py`` for what it is and what it is not. With y
the *predicted* heatmap, L the single-frame model's frozen heatmap layer, z~
the enhanced feature, z the key frame's and z_s the supporting one, the
objective is, before alpha,

    -beta * V(L(z~), y) + beta * V(z, z~)
    + V(L(z_s), y) - V(z_s, z~) + V(L(z), y) - V(z, z~)

The first line stands for the maximised I(y; z~ | z), the second for the two
regularisers I(y; z_s | z~) and I(y; z | z~). V(z, z~) occurs twice and is one
term here. Gradients flow into the second argument only.

Shape shorthand: B clips, S supporting features, C channels, K keypoints, H x
W cells.

FAMI-Pose's mutual information objective.

Liu et al., CVPR 2022, Sec. 3.2: maximise I(y; z~ | z), what the enhanced
feature tells about the pose beyond the key frame, and minimise I(y; z_s | z~)
and I(y; z | z~), what is lost on the way from the supporting frames and the
key frame to it. The estimator by name: ``released`` (``released_terms.py``),
which the published numbers rest on, or ``vsd`` (``variational_terms.py``),
which means what the paper says.

Shape shorthand: B clips, C channels, K keypoints, H x W cells.
"""
from typing import Any, Callable, Dict, Mapping, Optional, Union

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_tdmi.structures import fold_time
from ..layers.blocks import (at_least_float32, check_choice, check_positive,
                             merge_options)
from ..mutual_information import (AlphaSchedule, FrozenHeatmapLayer,
                                  kl_divergence, released_term,
                                  spatial_log_softmax)
from .fami_pose import FAMIFeatures

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


class ReleasedTerms(BaseModule):
    """The release's six terms, as five.

    Args:
        in_channels (int): C.
        num_keypoints (int): K.
        beta (float): Weight of the maximised conditional information.
        temperature (float): What maps are divided by. Defaults to 0.05.
        label_init_cfg (dict, optional): Weights of the frozen heatmap layer,
            see :class:`FrozenHeatmapLayer`.
    """

    DEFAULTS = dict(temperature=0.05, label_init_cfg=None)

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 beta: float,
                 temperature: float = 0.05,
                 label_init_cfg: Optional[dict] = None) -> None:
        super().__init__()
        check_positive('temperature', temperature)
        self.temperature = temperature
        self.label_layer = FrozenHeatmapLayer(in_channels, num_keypoints,
                                              label_init_cfg)
        #: How often each term counts in the objective, and with which sign.
        self.coefficients = dict(
            fused_label=-beta,
            key_fused=beta - 1,
            support_label=1.,
            support_fused=-1.,
            key_label=1.)

    def scale(self, heatmaps: Tensor) -> float:
        """What the terms are multiplied by in the objective: they are means
        over cells as they are."""
        return 1.

    def forward(self, features: FAMIFeatures, heatmaps: Tensor,
                targets: Tensor, target_weights: Tensor) -> Dict[str, Tensor]:
        """The terms by name, before coefficients.

        Args:
            features (FAMIFeatures): The neck's output.
            heatmaps (Tensor): Predicted heatmaps, (B, K, H, W).
            targets, target_weights (Tensor): Not used.

        Returns:
            dict[str, Tensor]: Scalars.
        """
        num_support = features.support.shape[1]
        support = fold_time(features.support).detach()
        key, fused = features.key.detach(), features.fused

        def term(a: Tensor, b: Tensor) -> Tensor:
            if len(a) != len(b):
                b = b.repeat_interleave(num_support, 0)
            return released_term(a, b, self.temperature)

        return dict(
            fused_label=term(self.label_layer(fused.detach()), heatmaps),
            key_fused=term(key, fused),
            support_label=term(self.label_layer(support), heatmaps),
            support_fused=term(support, fused),
            key_label=term(self.label_layer(key), heatmaps))

    def probe_losses(self, *args) -> Dict[str, Tensor]:
        """There are no probes."""
        return {}


ESTIMATORS: Dict[str, Any] = dict(released=ReleasedTerms, vsd=VariationalTerms)


@MODELS.register_module()
class FAMIMutualInformationLoss(BaseModule):
    """alpha * L_MI of FAMI-Pose, term by term.

    The result holds, for every term, ``loss_mi_<term>``, its share of the
    objective (the host adds up every key with ``loss`` in it), and
    ``mi_<term>``, the bare estimate, which is logged and not added; with
    ``vsd`` also ``loss_probe_key`` and ``loss_probe_support``, which train
    its probes alone.

    Args:
        in_channels (int): C; the head gives it.
        num_keypoints (int): K; the head gives it.
        estimator (str): ``'released'`` or ``'vsd'``. Defaults to
            ``'released'``.
        alpha (float | dict): Weight of the objective, see
            :class:`AlphaSchedule`. Defaults to 0.5, the release's.
        beta (float): Weight of the maximised information. Defaults to 0.1,
            the release's.
        init_cfg (dict | list[dict], optional): Initialisation config.
        **options: The estimator's: ``temperature``, ``label_init_cfg``, ...

    Raises:
        ValueError: If an option is invalid; the message names its key.
    """

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 estimator: str = 'released',
                 alpha: Union[float, Mapping] = 0.5,
                 beta: float = 0.1,
                 init_cfg=None,
                 **options) -> None:
        super().__init__(init_cfg)
        check_choice('mi_loss.estimator', estimator, tuple(ESTIMATORS))
        estimator_class = ESTIMATORS[estimator]
        options = merge_options(f'mi_loss with estimator={estimator!r}',
                                options, estimator_class.DEFAULTS)
        if isinstance(beta, bool) or not isinstance(
                beta, (int, float)) or not 0 <= beta < float('inf'):
            raise ValueError('mi_loss.beta must be a finite number >= 0, got '
                             f'{beta!r}')
        self.alpha = AlphaSchedule(alpha)
        self.estimator = estimator_class(in_channels, num_keypoints, beta,
                                         **options)

    def forward(self, features: FAMIFeatures, heatmaps: Tensor,
                targets: Tensor, target_weights: Tensor,
                heatmap_loss: Callable) -> Dict[str, Tensor]:
        """The objective's terms.

        Args:
            features (FAMIFeatures): The neck's output.
            heatmaps (Tensor): Predicted heatmaps, (B, K, H, W).
            targets (Tensor): Target heatmaps, (B, K, H, W).
            target_weights (Tensor): Their weights, (B, K).
            heatmap_loss (Callable): The head's heatmap loss.

        Returns:
            dict[str, Tensor]: See the class.
        """
        alpha = self.alpha.value()
        with torch.autocast(heatmaps.device.type, enabled=False):
            # the layers of the estimators do not take half precision here
            features = FAMIFeatures(*(at_least_float32(x) for x in features))
            terms = self.estimator(features, heatmaps, targets, target_weights)
            scale = alpha * self.estimator.scale(heatmaps)
            losses = {}
            for name, estimate in terms.items():
                coefficient = self.estimator.coefficients[name]
                losses[f'loss_mi_{name}'] = scale * coefficient * estimate
                losses[f'mi_{name}'] = estimate.detach()
            losses['mi_alpha'] = heatmaps.new_tensor(alpha)
            probes = self.estimator.probe_losses(features, targets,
                                                 target_weights, heatmap_loss)
            losses.update({
                f'loss_probe_{name}': loss
                for name, loss in probes.items()
            })
        return losses
