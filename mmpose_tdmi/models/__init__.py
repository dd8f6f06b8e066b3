"""TDMI's models; importing this registers them with MMPose.

The folders are the paper's boxes: ``temporal_difference`` is Section 3.1,
``disentanglement`` and ``mutual_information`` are Section 3.2.
"""
from .backbones import MultiStageHRNet
from .data_preprocessors import SequencePoseDataPreprocessor
from .disentanglement import DisentangledFeatures, DisentanglementHead
from .heads import SpatialSoftmaxHead
from .losses import SpatialCrossEntropyLoss
from .mutual_information import MutualInformationLoss
from .temporal_difference import TemporalDifferenceNeck, TemporalFeatures

__all__ = [
    'DisentangledFeatures', 'DisentanglementHead', 'MultiStageHRNet',
    'MutualInformationLoss', 'SequencePoseDataPreprocessor',
    'SpatialCrossEntropyLoss', 'SpatialSoftmaxHead', 'TemporalDifferenceNeck',
    'TemporalFeatures'
]
