"""Systems that TDMI is compared with, in the same frame.

Written from their papers and from facts about their released code, as necks
and heads that plug into the stock estimator. docs/rivals.md has what differs
from the releases, their recipes and costs.
"""
from .dcpose import DCPoseNeck
from .fami_pose import (FAMIFeatures, FAMIMutualInformationLoss, FAMIPoseHead,
                        FAMIPoseNeck)
from .poseidon import PoseidonNeck
from .posewarper import PoseWarpingNeck
from .temporal_attention import TemporalAttentionHead

__all__ = [
    'DCPoseNeck', 'FAMIFeatures', 'FAMIMutualInformationLoss', 'FAMIPoseHead',
    'FAMIPoseNeck', 'PoseWarpingNeck', 'PoseidonNeck', 'TemporalAttentionHead'
]
