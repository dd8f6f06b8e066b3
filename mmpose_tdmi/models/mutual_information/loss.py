"""The mutual information objective, Eq. 8 to 13, weighted as in Eq. 15.

The paper's L_MI = I(Mu; Mn) - I(M; Mu) + I(Mu; y | F~) + I(V; y | F~), with
an estimator by name: ``vsd`` (``vsd.py``), which means what the paper says,
or ``released`` (``released.py``), which computes what the authors' code does.

Shape shorthand: B clips, C channels, K keypoints, H x W cells.
"""
from typing import Any, Callable, Dict, Mapping, Optional, Union

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor

from ..disentanglement.features import DisentangledFeatures
from ..layers.checks import check_choice, merge_options
from ..layers.precision import at_least_float32
from .alpha import AlphaSchedule
from .released import ReleasedEstimator
from .vsd import VSDEstimator

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
