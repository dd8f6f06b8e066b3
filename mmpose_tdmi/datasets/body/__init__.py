"""Datasets of bodies. MMPose's inferencer goes by this module's name."""
from .hieve_sequence_dataset import HiEveSequenceDataset
from .metainfo import keypoint_definition, keypoint_mapping
from .posetrack17_sequence_dataset import PoseTrack17SequenceDataset
from .posetrack18_sequence_dataset import PoseTrack18SequenceDataset
from .posetrack21_sequence_dataset import PoseTrack21SequenceDataset

__all__ = [
    'HiEveSequenceDataset', 'PoseTrack17SequenceDataset',
    'PoseTrack18SequenceDataset', 'PoseTrack21SequenceDataset',
    'keypoint_definition', 'keypoint_mapping'
]
