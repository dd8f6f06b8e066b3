"""Datasets of clips and the transforms that load and pack them."""
from .base_sequence_dataset import BaseSequenceDataset
from .body import PoseTrack18SequenceDataset
from .clip_frames import PADDING_POLICIES, VideoFrames, padding_policy
from .frame_catalogue import FrameCatalogue
from .person_boxes import load_person_boxes
from .transforms import (LoadFrameSequence, PackPoseSequenceInputs,
                         ShareRandomParams)

__all__ = [
    'PADDING_POLICIES', 'BaseSequenceDataset', 'FrameCatalogue',
    'LoadFrameSequence', 'PackPoseSequenceInputs',
    'PoseTrack18SequenceDataset', 'ShareRandomParams', 'VideoFrames',
    'load_person_boxes', 'padding_policy'
]
