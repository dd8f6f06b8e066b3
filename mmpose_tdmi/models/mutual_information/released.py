"""The mutual information terms as the authors' code computes them.

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
"""
import logging
from typing import Dict, Optional

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from ..disentanglement.features import DisentangledFeatures
from ..layers.checks import check_positive
from .distributions import spatial_log_softmax


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
