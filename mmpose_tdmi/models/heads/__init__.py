"""What TDMI's head and its single-frame baseline share."""
from .heatmap_activation import HeatmapActivationMixin
from .spatial_softmax_head import SpatialSoftmaxHead

__all__ = ['HeatmapActivationMixin', 'SpatialSoftmaxHead']
