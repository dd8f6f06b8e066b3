"""Heatmap losses that the host lacks."""
from .spatial_cross_entropy import SpatialCrossEntropyLoss

__all__ = ['SpatialCrossEntropyLoss']
