"""The host's heatmap head for heatmaps that are trained as logits.

The single-frame counterpart of :class:`DisentanglementHead` with
``test_activation='softmax'``: same ``final_layer`` names, so that its weights
start TDMI. Not in the paper.
"""
from typing import Optional

from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS

from .heatmap_activation import HeatmapActivationMixin


@MODELS.register_module()
class SpatialSoftmaxHead(HeatmapActivationMixin, HeatmapHead):
    """HeatmapHead whose maps are softmaxed over space before decoding.

    Args:
        *args: As HeatmapHead's.
        test_activation (str): ``'softmax'``, or ``'none'``, which makes it
            the host's head. Defaults to ``'softmax'``.
        activation_sigma (float, optional): Standard deviation of the target
            Gaussians in heatmap cells. Defaults to ``None``, the decoder's.
        **kwargs: As HeatmapHead's; ``loss`` must be one on logits, such as
            :class:`SpatialCrossEntropyLoss`.
    """

    def __init__(self,
                 *args,
                 test_activation: str = 'softmax',
                 activation_sigma: Optional[float] = None,
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.init_activation(test_activation, activation_sigma)
