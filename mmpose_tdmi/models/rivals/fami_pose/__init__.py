"""FAMI-Pose: neighbours' features, aligned to the key frame's."""
from .calibration import LocalCalibration
from .features import FAMIFeatures
from .global_alignment import GlobalAlignment
from .head import FAMIPoseHead
from .loss import FAMIMutualInformationLoss
from .neck import FAMIPoseNeck

__all__ = [
    'FAMIFeatures', 'FAMIMutualInformationLoss', 'FAMIPoseHead',
    'FAMIPoseNeck', 'GlobalAlignment', 'LocalCalibration'
]
