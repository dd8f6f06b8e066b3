"""Systems compared on generated clips, whose truth is known.

Importing it registers the datasets and backbone of stored features.
"""
from .stored_features import (FeatureStore, LoadStoredFeatures,
                              StoredFeatureBackbone, StoredFeatureDataset)

__all__ = [
    'FeatureStore', 'LoadStoredFeatures', 'StoredFeatureBackbone',
    'StoredFeatureDataset'
]
