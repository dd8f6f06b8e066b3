"""The paper's mutual information objective (Section 3.2, Eq. 7 to 13), Eq. 15.

L_MI = I(Mu; Mn) - I(M; Mu) + I(Mu; y | F~) + I(V; y | F~), from feature maps
and heatmaps read as distributions over the H x W cells of each channel, in
float32 or better, finite for all finite input. docs/model.md has the terms of
both estimators with their ranges and gradients.

``vsd`` means what the paper says. It names Variational Self-Distillation (Tian
et al., "Farewell to Mutual Information", CVPR 2021) and gives no detail. VSD
minimises I(v; y | z), what is lost from v to z, as KL(P(y|v) || P(y|z)) with
P(y|v) detached. That is Eq. 10, and here it replaces the differences of Eq. 11
and 12. P(y|.) is, per joint, the softmax over the cells of a heatmap: for F~
the model's own prediction, for Mu and V the output of a 1x1 "probe", trained
by the heatmap loss on detached features. VSD defines no term between features:
Eq. 8 is ln 2 minus the Jensen-Shannon divergence of Mu's and Mn's
distributions (a raw -KL would be unbounded), Eq. 9 the InfoNCE bound with M
detached, so that the gradient reaches the encoder through Mu.

``released`` is a record of what the published numbers rest on, not an estimate
of mutual information. With p = softmax over the cells of (map / 0.05), a term
is V(a, b) = mean(b ln b - b a) over p of both maps, in [-ln(L - 1 + e) / L,
0]: a KL divergence's formula given a probability where it wants a logarithm.
Gradients flow into the second argument only, but for I(Mu; Mn). The label y is
the *predicted* heatmap; label terms send the detached feature through the
single-frame model's frozen 1x1 heatmap layer. Eq. 11 and 12 so give also I(Mu;
V), and twice the other terms.

Shape letters: B clips, C channels, K keypoints, H x W cells, L = H * W.
"""
import math
from typing import (Any, Callable, Dict, Mapping, NamedTuple, Optional,
                    Sequence, Union)

import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from .disentanglement import DisentangledFeatures
from .heads import SingleFrameHeatmapLayer
from .layers.blocks import (at_least_float32, check_choice, check_positive,
                            merge_options)

__all__ = [
    'ESTIMATORS', 'AlphaSchedule', 'Estimator', 'FrozenHeatmapLayer',
    'MutualInformationLoss', 'ReleasedEstimator', 'VSDEstimator',
    'released_term'
]

LOG_2 = math.log(2)


def spatial_log_softmax(maps: Tensor, temperature: float) -> Tensor:
    """Log-probabilities of cells, finite (B, C, H, W) to (B, C, L)."""
    logits = at_least_float32(maps).flatten(2)
    logits = logits - logits.amax(dim=-1, keepdim=True).detach()
    # bounds divergences, and changes no probability: exp() of it is 0
    logits = (logits / temperature).clamp_min(-1e4)
    return torch.log_softmax(logits, dim=-1)


def kl_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) in nats, (..., L) -> (...), >= 0."""
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1)


def js_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Jensen-Shannon divergence in nats, (..., L) -> (...), in [0, ln 2]."""
    log_mean = torch.logaddexp(log_p, log_q) - LOG_2
    return (kl_divergence(log_p, log_mean) +
            kl_divergence(log_q, log_mean)) / 2


def info_nce(x: Tensor,
             y: Tensor,
             temperature: float = 0.1,
             grid: Sequence[int] = (8, 6)) -> Tensor:
    """InfoNCE, a lower bound of I(x; y) of maps (B, C, H, W), in nats.

    van den Oord et al., "Representation Learning with Contrastive Predictive
    Coding": I(x; y) >= ln N + E[ln softmax_j f(x_i, y_j) at j = i] for N pairs
    and any critic f, here the cosine over a temperature. A pair is the maps'
    vectors at one cell of a coarse grid (height, width), which makes pairs
    less dependent. In [-2 / temperature, ln N].
    """
    directions_x, directions_y = (_directions(maps, grid) for maps in (x, y))
    critic = directions_x @ directions_y.t() / temperature
    pairs = torch.arange(len(critic), device=critic.device)
    return math.log(len(critic)) - F.cross_entropy(critic, pairs)


def _directions(maps: Tensor, grid: Sequence[int]) -> Tensor:
    """Unit vectors (N, C) of the cells of a coarser grid."""
    size = tuple(min(a, b) for a, b in zip(grid, maps.shape[-2:]))
    maps = at_least_float32(maps)
    # squares of huge values would overflow; the scale does not matter
    scale = maps.detach().abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1)
    vectors = F.adaptive_avg_pool2d(maps / scale, size)
    vectors = vectors.permute(0, 2, 3, 1).flatten(0, 2)
    squares = vectors.square().sum(dim=1, keepdim=True)
    # keeps the gradient finite where a vector is zero
    return vectors * (squares + 1e-6).rsqrt()


class AlphaSchedule:
    """The weight alpha of the objective, Eq. 15; the paper's is 1 throughout.

    Args:
        alpha: A number >= 0, or ``dict(type='linear', start=0., end=1.,
            begin=0, stop=1000, by_epoch=False)``: from ``start`` at iteration
            (epoch) ``begin`` to ``end`` at ``stop``, constant outside.
    """

    def __init__(self, alpha: Union[float, Mapping]) -> None:
        if not isinstance(alpha, Mapping):
            alpha = dict(start=alpha, end=alpha)
        self._set(**merge_options('alpha', alpha, self._set))

    def _set(self,
             type: str = 'linear',
             start: float = 0.,
             end: float = 1.,
             begin: int = 0,
             stop: int = 1000,
             by_epoch: bool = False) -> None:
        if type != 'linear':
            raise ValueError("alpha must be a number or a dict of type "
                             f"'linear', got type {type!r}")
        check_positive('alpha.start', start, or_zero=True)
        check_positive('alpha.end', end, or_zero=True)
        if not begin < stop:
            raise ValueError('alpha.begin must be before alpha.stop, got '
                             f'{begin} and {stop}')
        self.start, self.end = float(start), float(end)
        self.begin, self.stop, self.by_epoch = begin, stop, by_epoch

    def value(self) -> float:
        """Alpha now; outside of a Runner's training, that at time 0."""
        if self.start == self.end:
            return self.end
        now = MessageHub.get_current_instance().get_info(
            'epoch' if self.by_epoch else 'iter', 0)
        progress = (now - self.begin) / (self.stop - self.begin)
        progress = min(max(progress, 0.), 1.)
        return self.start + (self.end - self.start) * progress


class Estimator(BaseModule):
    """An estimator of the objective's terms; your own goes by its name into
    :data:`ESTIMATORS`. Its ``__init__`` takes ``in_channels``,
    ``num_keypoints``, and options with defaults. Called with the features,
    predicted heatmaps and targets, (B, K, H, W), and their weights, (B, K), it
    gives scalar terms by name."""

    #: How often each term counts in the objective, and with which sign.
    coefficients: Dict[str, float] = {}

    def scale(self, heatmaps: Tensor) -> float:
        """What the terms are multiplied by in the objective."""
        return 1.

    def probe_losses(self, features: NamedTuple, targets: Tensor,
                     target_weights: Tensor,
                     heatmap_loss: Callable) -> Dict[str, Tensor]:
        """Losses, by name, of what the estimator trains for itself."""
        return {}


class ProbingEstimator(Estimator):
    """An estimator with probes; options as :class:`VSDEstimator`'s."""

    #: Names of the features that are probed.
    probed: Sequence[str] = ()

    def __init__(self, in_channels: int, num_keypoints: int,
                 label_temperature: float, probe_weight: float, reduction: str,
                 gate: str) -> None:
        super().__init__()
        check_positive('label_temperature', label_temperature)
        check_positive('probe_weight', probe_weight)
        check_choice('reduction', reduction, ('mean', 'sum'))
        check_choice('gate', gate, ('none', 'label'))
        self.label_temperature = label_temperature
        self.probe_weight = probe_weight
        self.reduction = reduction
        self.gate = gate
        for name in self.probed:
            self.add_module(f'{name}_probe',
                            nn.Conv2d(in_channels, num_keypoints, 1))

    def probe(self, features: Any) -> Dict[str, Tensor]:
        """Heatmaps (B * S, K, H, W) of detached features, (B, C, H, W) or (B,
        S, C, H, W), by name."""
        return {
            name:
            getattr(self,
                    f'{name}_probe')(getattr(features,
                                             name).detach().flatten(0, -4))
            for name in self.probed
        }

    def scale(self, heatmaps: Tensor) -> float:
        return 1. if self.reduction == 'sum' else 1 / heatmaps[0, 0].numel()

    def probabilities(self, maps: Tensor) -> Tensor:
        return spatial_log_softmax(maps, self.label_temperature)

    def conditional(self, probe: Tensor, prediction: Tensor, label: Tensor,
                    counts: Tensor) -> Tensor:
        """KL(probe || prediction) of (B * S, K, L) and (B, K, L), averaged
        over the joints that count, (B, K)."""
        repeats = probe.shape[0] // prediction.shape[0]
        prediction, counts = (
            x.repeat_interleave(repeats, 0) for x in (prediction, counts))
        total = counts.sum().clamp_min(1)
        if self.gate == 'label':
            advantage = (label.repeat_interleave(repeats, 0) *
                         (probe - prediction.detach())).sum(dim=-1)
            counts = counts * (advantage > 0)
        return (kl_divergence(probe, prediction) * counts).sum() / total

    def probe_losses(self, features: Any, targets: Tensor,
                     target_weights: Tensor,
                     heatmap_loss: Callable) -> Dict[str, Tensor]:
        losses = {}
        for name, maps in self.probe(features).items():
            repeats = maps.shape[0] // targets.shape[0]
            losses[name] = self.probe_weight * heatmap_loss(
                maps, targets.repeat_interleave(repeats, 0),
                target_weights.repeat_interleave(repeats, 0))
        return losses


class VSDEstimator(ProbingEstimator):
    """Conditional terms as VSD has them, bounded feature terms; in nats.

    Args:
        in_channels, num_keypoints: C and K.
        temperature: Of the features' distributions over space.
        label_temperature: Of the heatmaps': 0.05 suits peaks of 1, as the mean
            squared error makes them; 1.0 a loss on logits.
        nce_temperature, nce_grid: Of InfoNCE's critic; grid, (height, width).
        probe_weight: Weight of the probes' losses.
        reduction: ``'mean'`` divides the objective's terms by a map's cells,
            of which the paper's heatmap loss and the authors' terms are means;
            ``'sum'`` leaves nats: for :class:`SpatialCrossEntropyLoss`.
        gate: Joints that count in the conditional terms: ``'none'``, all that
            have a target (VSD's form), or ``'label'``, those whose label the
            probe explains better than the prediction does.
    """

    probed = ('useful', 'visual')
    coefficients = dict(
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
        super().__init__(in_channels, num_keypoints, label_temperature,
                         probe_weight, reduction, gate)
        check_positive('temperature', temperature)
        check_positive('nce_temperature', nce_temperature)
        if (not isinstance(nce_grid, Sequence) or isinstance(nce_grid, str)
                or len(nce_grid) != 2 or min(nce_grid) < 1):
            raise ValueError('nce_grid must be (height, width), both >= 1, '
                             f'got {nce_grid!r}')
        self.temperature = temperature
        self.nce_temperature = nce_temperature
        self.nce_grid = tuple(nce_grid)

    def forward(self, features: DisentangledFeatures, heatmaps: Tensor,
                targets: Tensor, target_weights: Tensor) -> Dict[str, Tensor]:
        """The terms by name; targets only count with ``gate='label'``."""
        useful = spatial_log_softmax(features.useful, self.temperature)
        noisy = spatial_log_softmax(features.noisy, self.temperature)
        terms = dict(
            useful_noise=(LOG_2 - js_divergence(useful, noisy)).mean(),
            motion_useful=info_nce(features.motion.detach(), features.useful,
                                   self.nce_temperature, self.nce_grid))
        prediction = self.probabilities(heatmaps)
        label = None if self.gate == 'none' else targets.flatten(2).to(
            prediction.dtype)
        counts = (target_weights > 0).to(prediction.dtype)
        with torch.no_grad():
            probes = self.probe(features)
        for name, maps in probes.items():
            terms[f'{name}_conditional'] = self.conditional(
                self.probabilities(maps), prediction, label, counts)
        return terms


def released_term(a: Tensor, b: Tensor, temperature: float = 0.05) -> Tensor:
    """V(a, b) of two maps (B, C, H, W), a scalar; not a KL divergence."""
    p_a = spatial_log_softmax(a, temperature).exp()
    log_b = spatial_log_softmax(b, temperature)
    p_b = log_b.exp()
    return (p_b * log_b - p_b * p_a).mean()


# Conv2d once more: initialisers go by the names of direct bases
class FrozenHeatmapLayer(SingleFrameHeatmapLayer, nn.Conv2d):
    """A pretrained 1x1 heatmap layer that is never trained, from ``init_cfg``
    (``dict(type='Pretrained', checkpoint=..., prefix='head.final_layer')``) or
    a checkpoint of the whole model."""

    key = 'mi_loss.label_init_cfg'

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 init_cfg: Optional[dict] = None) -> None:
        if init_cfg is not None and (init_cfg.get('type') != 'Pretrained'
                                     or 'checkpoint' not in init_cfg):
            raise ValueError(
                "label_init_cfg must be dict(type='Pretrained', checkpoint="
                f"..., prefix='head.final_layer'), got {init_cfg}")
        found = init_cfg or {}
        super().__init__(
            in_channels,
            num_keypoints,
            checkpoint=found.get('checkpoint'),
            prefix=found.get('prefix', 'head.final_layer'))


class ReleasedEstimator(Estimator):
    """The authors' seven terms, of maps divided by ``temperature``;
    ``label_init_cfg`` is :class:`FrozenHeatmapLayer`'s."""

    coefficients = dict(
        useful_noise=2.,
        motion_useful=-1.,
        useful_visual=1.,
        useful_fused=-2.,
        visual_fused=-2.,
        useful_label=1.,
        visual_label=1.)

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 temperature: float = 0.05,
                 label_init_cfg: Optional[dict] = None) -> None:
        super().__init__()
        check_positive('temperature', temperature)
        self.temperature = temperature
        self.label_layer = FrozenHeatmapLayer(in_channels, num_keypoints,
                                              label_init_cfg)

    def term(self, a: Tensor, b: Tensor) -> Tensor:
        """V(a, b) with this temperature."""
        return released_term(a, b, self.temperature)

    def forward(self, features: Any, heatmaps: Tensor, targets: Tensor,
                target_weights: Tensor) -> Dict[str, Tensor]:
        """The terms by name; targets and weights are not used."""
        motion, useful, noisy, visual, fused = features
        label, term = self.label_layer, self.term
        return dict(
            useful_noise=term(useful, noisy),
            motion_useful=term(motion.detach(), useful),
            useful_visual=term(useful.detach(), visual),
            useful_fused=term(useful.detach(), fused),
            visual_fused=term(visual.detach(), fused),
            useful_label=term(label(useful.detach()), heatmaps),
            visual_label=term(label(visual.detach()), heatmaps))


#: The estimators by name.
ESTIMATORS: Dict[str, Any] = dict(vsd=VSDEstimator, released=ReleasedEstimator)


@MODELS.register_module()
class MutualInformationLoss(BaseModule):
    """alpha * L_MI, term by term.

    Every term gives ``loss_mi_<term>``, its share of the objective (alpha *
    weight * coefficient * estimate, for ``vsd`` as its ``reduction`` says),
    and, only logged, the bare estimate ``mi_<term>`` beside ``mi_alpha``.
    Probes add ``loss_probe_<name>``, whatever alpha is.

    Args:
        in_channels, num_keypoints: C and K; the head gives them.
        estimator: A name in :data:`ESTIMATORS`: ``'vsd'``, ``'released'``, ...
        alpha: Eq. 15's alpha, see :class:`AlphaSchedule`.
        weights: By the terms' names; 1 where not given.
        **options: The estimator's: ``temperature``, ``label_init_cfg``, ...
    """

    estimators = ESTIMATORS

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 estimator: str = 'vsd',
                 alpha: Union[float, Mapping] = 1.0,
                 weights: Optional[Mapping[str, float]] = None,
                 init_cfg=None,
                 **options) -> None:
        super().__init__(init_cfg)
        check_choice('mi_loss.estimator', estimator, tuple(self.estimators))
        build = self.estimators[estimator]
        options = merge_options(f'mi_loss with estimator={estimator!r}',
                                options, build)
        self.alpha = AlphaSchedule(alpha)
        self.estimator = build(in_channels, num_keypoints, **options)
        self.weights = merge_options(
            f'mi_loss.weights with estimator={estimator!r}', weights,
            dict.fromkeys(self.estimator.coefficients, 1.))
        for name, weight in self.weights.items():
            check_positive(f'mi_loss.weights.{name}', weight, or_zero=True)

    def forward(self, features: NamedTuple, heatmaps: Tensor, targets: Tensor,
                target_weights: Tensor,
                heatmap_loss: Callable) -> Dict[str, Tensor]:
        """The terms, see the class, of features (B, C, H, W), with a noisy
        part, heatmaps and targets (B, K, H, W), their weights (B, K)."""
        alpha, estimator = self.alpha.value(), self.estimator
        losses = {}
        with torch.autocast(heatmaps.device.type, enabled=False):
            # the layers of the estimators do not take half precision here
            features = type(features)(*map(at_least_float32, features))
            terms = estimator(features, heatmaps, targets, target_weights)
            scale = alpha * estimator.scale(heatmaps)
            for name, estimate in terms.items():
                factor = (
                    scale * self.weights[name] * estimator.coefficients[name])
                losses[f'loss_mi_{name}'] = factor * estimate
                losses[f'mi_{name}'] = estimate.detach()
            losses['mi_alpha'] = heatmaps.new_tensor(alpha)
            probes = estimator.probe_losses(features, targets, target_weights,
                                            heatmap_loss)
        return {**losses, **{f'loss_probe_{k}': x for k, x in probes.items()}}
