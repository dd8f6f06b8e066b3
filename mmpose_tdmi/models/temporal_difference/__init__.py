"""The paper's multi-stage Temporal Difference Encoder (Section 3.1)."""
from .accumulation import ConcatFusion, ProgressiveAccumulation
from .difference import feature_differences
from .features import TemporalFeatures
from .intra_stage import IntraStageFusion
from .modulation import SpatialModulation
from .neck import TemporalDifferenceNeck

__all__ = [
    'ConcatFusion', 'IntraStageFusion', 'ProgressiveAccumulation',
    'SpatialModulation', 'TemporalDifferenceNeck', 'TemporalFeatures',
    'feature_differences'
]
