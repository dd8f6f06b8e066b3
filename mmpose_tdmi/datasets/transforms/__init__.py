"""Transforms for clips; all others are MMPose's own."""
from .loading import LoadFrameSequence
from .pipeline import PackPoseSequenceInputs, ShareRandomParams
from .reduced_loading import LoadTopdownCrops, LocateFrameSequence

__all__ = [
    'LoadFrameSequence', 'LoadTopdownCrops', 'LocateFrameSequence',
    'PackPoseSequenceInputs', 'ShareRandomParams'
]
