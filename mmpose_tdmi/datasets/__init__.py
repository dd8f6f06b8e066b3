"""Datasets of clips and the transforms that load and pack them."""
from .body import (HiEveSequenceDataset, PoseTrack17SequenceDataset,
                   PoseTrack18SequenceDataset, PoseTrack21SequenceDataset)
from .frames import (PADDING_POLICIES, FrameCatalogue, VideoFrames, VideoTable,
                     padding_policy)
from .person_boxes import load_person_boxes
from .samplers import FrameGroupSampler, WorkerRunBatchSampler
from .sequence_dataset import BaseSequenceDataset
from .transforms import (LoadFrameSequence, LoadTopdownCrops,
                         LocateFrameSequence, PackPoseSequenceInputs,
                         ShareRandomParams)

__all__ = [
    'PADDING_POLICIES', 'BaseSequenceDataset', 'FrameCatalogue',
    'FrameGroupSampler', 'HiEveSequenceDataset', 'LoadFrameSequence',
    'LoadTopdownCrops', 'LocateFrameSequence', 'PackPoseSequenceInputs',
    'PoseTrack17SequenceDataset', 'PoseTrack18SequenceDataset',
    'PoseTrack21SequenceDataset', 'ShareRandomParams', 'VideoFrames',
    'VideoTable', 'WorkerRunBatchSampler', 'load_person_boxes',
    'padding_policy'
]
