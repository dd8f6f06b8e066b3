"""Clips as the stored features of a frozen backbone."""
from .backbone import StoredFeatureBackbone
from .dataset import StoredFeatureDataset
from .loading import LoadStoredFeatures
from .store import FeatureStore, FeatureStoreWriter
from .writing import store_features

__all__ = [
    'FeatureStore', 'FeatureStoreWriter', 'LoadStoredFeatures',
    'StoredFeatureBackbone', 'StoredFeatureDataset', 'store_features'
]
