"""MMPose's feature pyramid for heads of one map."""
from typing import List, Sequence

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
