"""FAMI-Pose's mutual information terms as the release computes them.

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
"""
from typing import Dict, Optional

from mmengine.model import BaseModule
from torch import Tensor

from mmpose_tdmi.structures import fold_time
from ...layers.checks import check_positive
from ...mutual_information import FrozenHeatmapLayer, released_term
from .features import FAMIFeatures


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
