"""PoseWarper: neighbours' heatmaps, warped to the key frame and averaged."""
from .neck import PoseWarpingNeck
from .warping import HeatmapWarping

__all__ = ['HeatmapWarping', 'PoseWarpingNeck']
