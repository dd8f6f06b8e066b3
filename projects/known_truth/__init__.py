"""Systems compared on generated clips, whose truth is known.

Importing it registers the datasets and backbone of stored features, and the
hook that measures dependence.
"""
from .dependence import DependenceHook
from .stored_features import (FeatureStore, LoadStoredFeatures,
                              StoredFeatureBackbone, StoredFeatureDataset)

__all__ = [
    'DependenceHook', 'FeatureStore', 'LoadStoredFeatures',
    'StoredFeatureBackbone', 'StoredFeatureDataset'
]
