"""Transforms for clips; all others are MMPose's own."""
from .loading import LoadFrameSequence
from .pipeline import CorruptFrames, PackPoseSequenceInputs, ShareRandomParams
from .reduced_loading import LoadTopdownCrops, LocateFrameSequence

__all__ = [
    'CorruptFrames', 'LoadFrameSequence', 'LoadTopdownCrops',
    'LocateFrameSequence', 'PackPoseSequenceInputs', 'ShareRandomParams'
]
