"""The paper's Representation Disentanglement Module (Section 3.2)."""
from .aggregation import Aggregation
from .factorisation import (AttentionFactorisation, NoFactorisation,
                            SplitFactorisation)
from .features import DisentangledFeatures
from .head import DisentanglementHead
from .spatiotemporal import SpatiotemporalFeature
from .window_shortcut import WindowShortcut

__all__ = [
    'Aggregation', 'AttentionFactorisation', 'DisentangledFeatures',
    'DisentanglementHead', 'NoFactorisation', 'SpatiotemporalFeature',
    'SplitFactorisation', 'WindowShortcut'
]
