"""One query per joint, attending over the frames of a clip."""
from .aggregation import JointTemporalAggregation
from .head import TemporalAttentionHead
from .joint_regions import joint_regions
from .restoration import FeatureRestoration

__all__ = [
    'FeatureRestoration', 'JointTemporalAggregation', 'TemporalAttentionHead',
    'joint_regions'
]
