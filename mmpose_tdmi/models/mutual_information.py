"""The paper's mutual information objective (Section 3.2, Eq. 7 to 13).

Distributions over space and quantities between them.

The mutual information terms (Eq. 8 to 13) are estimated from feature maps
and heatmaps read as distributions over the H x W cells of each channel.
Everything here is computed in float32 or better and is finite for all finite
input, whatever its size.

Shape shorthand: B clips, C channels, H x W cells, L = H * W.

The weight alpha of the mutual information objective, Eq. 15.

The paper uses alpha = 1 throughout. A linear change over the training is an
option; progress is read from mmengine's message hub, where the Runner keeps
it.

InfoNCE, a lower bound of the mutual information of two feature maps.

van den Oord et al., "Representation Learning with Contrastive Predictive
Coding": with N pairs drawn from the joint distribution and any critic f,
I(x; y) >= ln N + E[ln softmax_j f(x_i, y_j) at j = i]. Here a pair is the two
maps' channel vectors at one place of one clip, and the critic is the cosine
similarity over a temperature. Bounded: it cannot exceed ln N, nor fall below
-2 / temperature.

Shape shorthand: B clips, C channels, H x W cells, N = B * h * w pairs.

Mutual information terms in the form of Variational Self-Distillation.

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

The mutual information terms as the authors' code computes them.

A record of what the published numbers rest on, not an estimate of mutual
information. With p = softmax over the cells of (map / 0.05), per channel, a
term is V(a, b) = mean(b ln b - b a) over p of both maps: a KL divergence's
formula given a probability where it wants a log-probability. It lies in
[-ln(L - 1 + e) / L, 0] (-1.28e-3 at 96 x 72), is about -entropy(b) / L, and
hardly depends on a: a small, bounded entropy regulariser.

Gradients flow into the second argument only, except for I(Mu; Mn), where
they flow into both. The label y is the *predicted* heatmap; label terms send
the detached feature through a frozen 1x1 heatmap layer, that of the
pretrained single-frame model.

Eq. 11 and 12 with these give, beside Eq. 13's, the terms I(Mu; V) and twice
the others, see :attr:`ReleasedEstimator.COEFFICIENTS`.

Shape shorthand: B clips, C channels, K keypoints, H x W cells, L = H * W.

The mutual information objective, Eq. 8 to 13, weighted as in Eq. 15.

The paper's L_MI = I(Mu; Mn) - I(M; Mu) + I(Mu; y | F~) + I(V; y | F~), with
an estimator by name: ``vsd`` (``vsd.py``), which means what the paper says,
or ``released`` (``released.py``), which computes what the authors' code does.

Shape shorthand: B clips, C channels, K keypoints, H x W cells.
"""
import logging
import math
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Union

import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub, print_log
from mmengine.model import BaseModule
from mmengine.runner.checkpoint import CheckpointLoader
from mmpose.registry import MODELS
from torch import Tensor, nn

from .disentanglement import DisentangledFeatures
from .layers.blocks import (at_least_float32, check_choice, check_positive,
                            merge_options)

__all__ = [
    'AlphaSchedule', 'FrozenHeatmapLayer', 'MutualInformationLoss',
    'ReleasedEstimator', 'VSDEstimator', 'released_term'
]

LOG_2 = math.log(2)
# exp() of it is 0 in float32 and float64, so that clamping here changes no
# probability, and it bounds every divergence
MIN_LOGIT = -1e4


def spatial_log_softmax(maps: Tensor, temperature: float) -> Tensor:
    """Log-probabilities of the cells of each channel.

    Args:
        maps (Tensor): (B, C, H, W), finite.
        temperature (float): What the maps are divided by.

    Returns:
        Tensor: (B, C, L), between about -1e4 and 0.
    """
    logits = at_least_float32(maps).flatten(2)
    logits = logits - logits.amax(dim=-1, keepdim=True).detach()
    logits = (logits / temperature).clamp_min(MIN_LOGIT)
    return torch.log_softmax(logits, dim=-1)


def kl_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) in nats, (..., L) -> (...), >= 0."""
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1)


def js_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Jensen-Shannon divergence in nats, (..., L) -> (...), in [0, ln 2].

    It is the mutual information between a fair coin and a cell drawn from p
    or q as the coin says.
    """
    log_mean = torch.logaddexp(log_p, log_q) - LOG_2
    return (kl_divergence(log_p, log_mean) +
            kl_divergence(log_q, log_mean)) / 2


class AlphaSchedule:
    """Constant or linearly changing alpha.

    Args:
        alpha (float | dict): A number >= 0, or ``dict(type='linear',
            start=0., end=1., begin=0, stop=1000, by_epoch=False)``: alpha is
            ``start`` up to iteration (epoch) ``begin``, ``end`` from
            ``stop`` on, and in between linear.

    Raises:
        ValueError: If a value is invalid.
    """

    LINEAR_DEFAULTS = dict(
        type='linear', start=0., end=1., begin=0, stop=1000, by_epoch=False)

    def __init__(self, alpha: Union[float, Mapping]) -> None:
        if not isinstance(alpha, Mapping):
            alpha = dict(start=alpha, end=alpha)
        options = merge_options('alpha', alpha, self.LINEAR_DEFAULTS)
        if options['type'] != 'linear':
            raise ValueError("alpha must be a number or a dict of type "
                             f"'linear', got type {options['type']!r}")
        for key in ('start', 'end'):
            value = options[key]
            if isinstance(value, bool) or not isinstance(
                    value, (int, float)) or not 0 <= value < float('inf'):
                raise ValueError(f'alpha must be a finite number >= 0, got '
                                 f'{value!r} (alpha.{key})')
        if not options['begin'] < options['stop']:
            raise ValueError('alpha.begin must be before alpha.stop, got '
                             f'{options["begin"]} and {options["stop"]}')
        self.start, self.end = float(options['start']), float(options['end'])
        self.begin, self.stop = options['begin'], options['stop']
        self.by_epoch = options['by_epoch']

    def value(self) -> float:
        """Alpha now; outside of a Runner's training, that at time 0."""
        if self.start == self.end:
            return self.end
        now = MessageHub.get_current_instance().get_info(
            'epoch' if self.by_epoch else 'iter', 0)
        progress = (now - self.begin) / (self.stop - self.begin)
        progress = min(max(progress, 0.), 1.)
        return self.start + (self.end - self.start) * progress


# keeps the direction's gradient finite where a vector is zero
EPSILON = 1e-3


def info_nce(x: Tensor,
             y: Tensor,
             temperature: float = 0.1,
             grid: Sequence[int] = (8, 6)) -> Tensor:
    """InfoNCE estimate of I(x; y).

    Args:
        x (Tensor): (B, C, H, W).
        y (Tensor): (B, C, H, W).
        temperature (float): The critic's temperature. Defaults to 0.1.
        grid (tuple[int, int]): The maps are averaged over a grid of at most
            this many cells (height, width), which bounds N and makes the
            pairs less dependent. Defaults to ``(8, 6)``.

    Returns:
        Tensor: The estimate in nats, a scalar, at most ln N.
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
    return vectors * (squares + EPSILON**2).rsqrt()


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


def released_term(a: Tensor, b: Tensor, temperature: float = 0.05) -> Tensor:
    """V(a, b) of two maps (B, C, H, W), a scalar; not a KL divergence."""
    p_a = spatial_log_softmax(a, temperature).exp()
    log_b = spatial_log_softmax(b, temperature)
    p_b = log_b.exp()
    return (p_b * log_b - p_b * p_a).mean()


class FrozenHeatmapLayer(nn.Conv2d):
    """A pretrained model's 1x1 heatmap layer that is never trained.

    Args:
        in_channels (int): C.
        num_keypoints (int): K.
        init_cfg (dict, optional): ``dict(type='Pretrained', checkpoint=...,
            prefix='head.final_layer')``: where the weights come from. Without
            it they must come with a checkpoint of the whole model.

    Raises:
        ValueError: If ``init_cfg`` is not of that form.
    """

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(in_channels, num_keypoints, kernel_size=1)
        if init_cfg is not None and (init_cfg.get('type') != 'Pretrained'
                                     or 'checkpoint' not in init_cfg):
            raise ValueError(
                "label_init_cfg must be dict(type='Pretrained', checkpoint="
                f"..., prefix='head.final_layer'), got {init_cfg}")
        self.init_cfg = init_cfg
        self.requires_grad_(False)

    def init_weights(self) -> None:
        """Load the pretrained weights.

        Raises:
            ValueError: If the checkpoint has no such layer or one of another
                shape.
        """
        if self.init_cfg is None:
            print_log(
                "MutualInformationLoss(estimator='released'): no "
                'label_init_cfg is given, so the frozen heatmap layer of the '
                'label terms is random unless a checkpoint of the whole '
                'model is loaded',
                logger='current',
                level=logging.WARNING)
            return
        path = self.init_cfg['checkpoint']
        prefix = self.init_cfg.get('prefix', 'head.final_layer').rstrip('.')
        checkpoint = CheckpointLoader.load_checkpoint(path, 'cpu')
        weights = checkpoint.get('state_dict', checkpoint)
        for name, parameter in self.named_parameters():
            found = weights.get(f'{prefix}.{name}')
            if found is None or found.shape != parameter.shape:
                got = 'nothing' if found is None else tuple(found.shape)
                raise ValueError(
                    f'label_init_cfg: {path} must have {prefix}.{name} of '
                    f'shape {tuple(parameter.shape)}, found {got}')
            with torch.no_grad():
                parameter.copy_(found)


class ReleasedEstimator(BaseModule):
    """The authors' seven terms.

    Args:
        in_channels (int): C.
        num_keypoints (int): K.
        temperature (float): What maps are divided by. Defaults to 0.05.
        label_init_cfg (dict, optional): Weights of the frozen heatmap layer,
            see :class:`FrozenHeatmapLayer`.
    """

    DEFAULTS = dict(temperature=0.05, label_init_cfg=None)

    #: How often each term counts in the objective, and with which sign.
    COEFFICIENTS = dict(
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

    def scale(self, heatmaps: Tensor) -> float:
        """What the terms are multiplied by in the objective: they are means
        over cells as they are."""
        return 1.

    def forward(self, features: DisentangledFeatures, heatmaps: Tensor,
                targets: Tensor, target_weights: Tensor) -> Dict[str, Tensor]:
        """The terms by name, before coefficients and weights.

        Args:
            features (DisentangledFeatures): (B, C, H, W) each.
            heatmaps (Tensor): Predicted heatmaps, (B, K, H, W).
            targets, target_weights (Tensor): Not used: the authors' label
                is the prediction, and their terms are not masked.

        Returns:
            dict[str, Tensor]: Scalars.
        """
        motion, useful, noisy, visual, fused = features

        def term(a: Tensor, b: Tensor) -> Tensor:
            return released_term(a, b, self.temperature)

        return dict(
            useful_noise=term(useful, noisy),
            motion_useful=term(motion.detach(), useful),
            useful_visual=term(useful.detach(), visual),
            useful_fused=term(useful.detach(), fused),
            visual_fused=term(visual.detach(), fused),
            useful_label=term(self.label_layer(useful.detach()), heatmaps),
            visual_label=term(self.label_layer(visual.detach()), heatmaps))


ESTIMATORS: Dict[str, Any] = dict(vsd=VSDEstimator, released=ReleasedEstimator)


@MODELS.register_module()
class MutualInformationLoss(BaseModule):
    """alpha * L_MI, term by term.

    The result holds, for every term, ``loss_mi_<term>``, its share of the
    objective (alpha * weight * coefficient * estimate, for ``vsd`` per cell
    or in nats as its ``reduction`` says): the host adds up
    every key with ``loss`` in it, so their sum is alpha * L_MI, counted
    once. Beside it stand ``mi_<term>``, the bare estimate, and ``mi_alpha``,
    which are logged and not added. The ``vsd`` estimator adds
    ``loss_probe_useful`` and ``loss_probe_visual``, which train its probes
    alone and do not depend on alpha.

    Args:
        in_channels (int): C; the head gives it.
        num_keypoints (int): K; the head gives it.
        estimator (str): ``'vsd'`` or ``'released'``. Defaults to ``'vsd'``.
        alpha (float | dict): Eq. 15's alpha, see :class:`AlphaSchedule`.
            Defaults to 1.
        weights (dict, optional): Weight of each term, by its name among the
            estimator's ``COEFFICIENTS``; 1 where not given.
        init_cfg (dict | list[dict], optional): Initialisation config.
        **options: The estimator's: ``temperature``, ``label_init_cfg``, ...

    Raises:
        ValueError: If an option is invalid; the message names its key.
    """

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 estimator: str = 'vsd',
                 alpha: Union[float, Mapping] = 1.0,
                 weights: Optional[Mapping[str, float]] = None,
                 init_cfg=None,
                 **options) -> None:
        super().__init__(init_cfg)
        check_choice('mi_loss.estimator', estimator, tuple(ESTIMATORS))
        estimator_class = ESTIMATORS[estimator]
        options = merge_options(f'mi_loss with estimator={estimator!r}',
                                options, estimator_class.DEFAULTS)
        self.weights = merge_options(
            f'mi_loss.weights with estimator={estimator!r}', weights,
            dict.fromkeys(estimator_class.COEFFICIENTS, 1.))
        for name, weight in self.weights.items():
            if isinstance(weight, bool) or not isinstance(
                    weight, (int, float)) or not 0 <= weight < float('inf'):
                raise ValueError(f'mi_loss.weights.{name} must be a finite '
                                 f'number >= 0, got {weight!r}')
        self.alpha = AlphaSchedule(alpha)
        self.estimator = estimator_class(in_channels, num_keypoints, **options)

    def forward(self, features: DisentangledFeatures, heatmaps: Tensor,
                targets: Tensor, target_weights: Tensor,
                heatmap_loss: Callable) -> Dict[str, Tensor]:
        """The objective's terms.

        Args:
            features (DisentangledFeatures): (B, C, H, W) each, with a noisy
                part.
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
            features = DisentangledFeatures(*(at_least_float32(x)
                                              for x in features))
            terms = self.estimator(features, heatmaps, targets, target_weights)
            scale = alpha * self.estimator.scale(heatmaps)
            losses = {}
            for name, estimate in terms.items():
                factor = (
                    scale * self.weights[name] *
                    self.estimator.COEFFICIENTS[name])
                losses[f'loss_mi_{name}'] = factor * estimate
                losses[f'mi_{name}'] = estimate.detach()
            losses['mi_alpha'] = heatmaps.new_tensor(alpha)
            if isinstance(self.estimator, VSDEstimator):
                probes = self.estimator.probe_losses(features, targets,
                                                     target_weights,
                                                     heatmap_loss)
                losses.update({
                    f'loss_probe_{name}': loss
                    for name, loss in probes.items()
                })
        return losses
