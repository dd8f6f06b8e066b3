"""DCPose: heatmaps corrected by those of the frame before and after."""
from .correction import PoseCorrection
from .neck import DCPoseNeck
from .residual_fusion import PoseResidualFusion
from .temporal_merger import PoseTemporalMerger

__all__ = [
    'DCPoseNeck', 'PoseCorrection', 'PoseResidualFusion', 'PoseTemporalMerger'
]
