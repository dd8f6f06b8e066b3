"""Transforms for clips; all others are MMPose's own."""
from .loading import LoadFrameSequence, LoadTopdownCrops, LocateFrameSequence
from .pipeline import CorruptFrames, PackPoseSequenceInputs, ShareRandomParams

__all__ = [
    'CorruptFrames', 'LoadFrameSequence', 'LoadTopdownCrops',
    'LocateFrameSequence', 'PackPoseSequenceInputs', 'ShareRandomParams'
]
