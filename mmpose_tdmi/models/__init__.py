"""TDMI's models; importing this registers them with MMPose.

The folders are the paper's boxes: ``temporal_difference`` is Section 3.1,
``disentanglement`` and ``mutual_information`` are Section 3.2. ``rivals``
holds the systems that it is compared with, ``optical_flow`` the motion source
that Table 5 compares the differences with.
"""
from .backbones import MultiStageHRNet, MultiStageViT
from .data_preprocessors import SequencePoseDataPreprocessor
from .disentanglement import (DisentangledFeatures, DisentanglementHead,
                              DisentanglementNeck)
from .heads import SpatialSoftmaxHead
from .losses import SpatialCrossEntropyLoss
from .mutual_information import MutualInformationLoss
from .optical_flow import BackboneWithFrames, OpticalFlowNeck
from .rivals import (DCPoseNeck, FAMIFeatures, FAMIMutualInformationLoss,
                     FAMIPoseHead, FAMIPoseNeck, PoseidonNeck, PoseWarpingNeck,
                     TemporalAttentionHead)
from .temporal_difference import TemporalDifferenceNeck, TemporalFeatures

__all__ = [
    'BackboneWithFrames', 'DCPoseNeck', 'DisentangledFeatures',
    'DisentanglementHead', 'DisentanglementNeck', 'FAMIFeatures',
    'FAMIMutualInformationLoss', 'FAMIPoseHead', 'FAMIPoseNeck',
    'MultiStageHRNet', 'MultiStageViT', 'MutualInformationLoss',
    'OpticalFlowNeck', 'PoseWarpingNeck', 'PoseidonNeck',
    'SequencePoseDataPreprocessor', 'SpatialCrossEntropyLoss',
    'SpatialSoftmaxHead', 'TemporalAttentionHead', 'TemporalDifferenceNeck',
    'TemporalFeatures'
]
