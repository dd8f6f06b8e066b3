"""Datasets of bodies. MMPose's inferencer goes by this module's name."""
from .posetrack18_sequence_dataset import PoseTrack18SequenceDataset

__all__ = ['PoseTrack18SequenceDataset']
