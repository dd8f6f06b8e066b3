"""Systems compared on generated clips, whose truth is known.

Importing it registers the datasets and backbone of stored features, the
hook that measures dependence and the transform that corrupts clips.
"""
from .corruption import CorruptFrames
from .dependence import DependenceHook
from .stored_features import (FeatureStore, LoadStoredFeatures,
                              StoredFeatureBackbone, StoredFeatureDataset)

__all__ = [
    'CorruptFrames', 'DependenceHook', 'FeatureStore', 'LoadStoredFeatures',
    'StoredFeatureBackbone', 'StoredFeatureDataset'
]
