"""FAMI-Pose's mutual information objective.

Liu et al., CVPR 2022, Sec. 3.2: maximise I(y; z~ | z), what the enhanced
feature tells about the pose beyond the key frame, and minimise I(y; z_s | z~)
and I(y; z | z~), what is lost on the way from the supporting frames and the
key frame to it. The estimator by name: ``released`` (``released_terms.py``),
which the published numbers rest on, or ``vsd`` (``variational_terms.py``),
which means what the paper says.

Shape shorthand: B clips, C channels, K keypoints, H x W cells.
"""
from typing import Any, Callable, Dict, Mapping, Union

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor

from ...layers.checks import check_choice, merge_options
from ...layers.precision import at_least_float32
from ...mutual_information import AlphaSchedule
from .features import FAMIFeatures
from .released_terms import ReleasedTerms
from .variational_terms import VariationalTerms

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
