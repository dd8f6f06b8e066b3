"""Datasets of clips and the transforms that load and pack them."""
from .base_sequence_dataset import BaseSequenceDataset
from .body import (HiEveSequenceDataset, PoseTrack17SequenceDataset,
                   PoseTrack18SequenceDataset, PoseTrack21SequenceDataset)
from .clip_frames import PADDING_POLICIES, VideoFrames, padding_policy
from .frame_catalogue import FrameCatalogue
from .person_boxes import load_person_boxes
from .samplers import FrameGroupSampler, WorkerRunBatchSampler
from .stored_features import (FeatureStore, LoadStoredFeatures,
                              StoredFeatureDataset)
from .transforms import (LoadFrameSequence, LoadTopdownCrops,
                         LocateFrameSequence, PackPoseSequenceInputs,
                         ShareRandomParams)
from .video_table import VideoTable

__all__ = [
    'PADDING_POLICIES', 'BaseSequenceDataset', 'FeatureStore',
    'FrameCatalogue', 'FrameGroupSampler', 'HiEveSequenceDataset',
    'LoadFrameSequence', 'LoadStoredFeatures', 'LoadTopdownCrops',
    'LocateFrameSequence', 'PackPoseSequenceInputs',
    'PoseTrack17SequenceDataset', 'PoseTrack18SequenceDataset',
    'PoseTrack21SequenceDataset', 'ShareRandomParams', 'StoredFeatureDataset',
    'VideoFrames', 'VideoTable', 'WorkerRunBatchSampler', 'load_person_boxes',
    'padding_policy'
]
