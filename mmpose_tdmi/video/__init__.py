"""Pose estimation along videos, without the entry points for users.

Those are in :mod:`mmpose_tdmi.apis`, which builds on this package and is not
imported by it: MMDetection is not needed here.
"""
from .streaming import CropPolicy, StreamingPoseEstimator, StreamingStats
from .structures import (Crop, Frame, FramePoses, PersonPose, TrackedBox,
                         TrackedFrame)

__all__ = [
    'Crop', 'CropPolicy', 'Frame', 'FramePoses', 'PersonPose',
    'StreamingPoseEstimator', 'StreamingStats', 'TrackedBox', 'TrackedFrame'
]
