"""MMPose's feature pyramid for heads of one map."""
from typing import List, Sequence, Tuple

from mmengine.model import BaseModule
from mmpose.models.necks import FPN
from mmpose.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class FinestMapFPN(FPN):
    """An FPN that gives its finest map alone.

    MMPose's heads take a neck's *last* map, an FPN's coarsest. Parameters are
    named as FPN's, so that a ``pre_neck`` of that type takes them over.
    """

    def forward(self, inputs: Sequence[Tensor]) -> List[Tensor]:
        """Maps (B, C_j, H_j, W_j), fine to coarse, to one (B, C, H_0, W_0)."""
        return super().forward(inputs)[:1]


@MODELS.register_module()
class PyramidBackbone(BaseModule):
    """A backbone and the finest map of its pyramid, frozen, as one backbone.

    Args:
        body: Config of the backbone.
        pyramid: Config of an FPN.
    """

    def __init__(self, body: dict, pyramid: dict) -> None:
        super().__init__()
        self.body = MODELS.build(body)
        self.pyramid = MODELS.build(pyramid)
        self.frozen = True
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Frames (N, 3, H, W) to their finest map, (N, C, H / 4, W / 4)."""
        return tuple(self.pyramid(self.body(x))[:1])

    def train(self, mode: bool = True) -> 'PyramidBackbone':
        """Stay in eval mode."""
        super().train(False)
        return self
