"""Transforms for clips; all others are MMPose's own."""
from .formatting import PackPoseSequenceInputs
from .loading import LoadFrameSequence
from .wrappers import ShareRandomParams

__all__ = ['LoadFrameSequence', 'PackPoseSequenceInputs', 'ShareRandomParams']
