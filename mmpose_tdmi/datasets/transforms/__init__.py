"""Transforms for clips; all others are MMPose's own."""
from .corruption import CorruptFrames
from .formatting import PackPoseSequenceInputs
from .loading import LoadFrameSequence
from .reduced_loading import LoadTopdownCrops, LocateFrameSequence
from .wrappers import ShareRandomParams

__all__ = [
    'CorruptFrames', 'LoadFrameSequence', 'LoadTopdownCrops',
    'LocateFrameSequence', 'PackPoseSequenceInputs', 'ShareRandomParams'
]
