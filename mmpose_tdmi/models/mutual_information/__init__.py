"""The paper's mutual information objective (Section 3.2, Eq. 7 to 13)."""
from .alpha import AlphaSchedule
from .loss import MutualInformationLoss
from .released import FrozenHeatmapLayer, ReleasedEstimator, released_term
from .vsd import VSDEstimator

__all__ = [
    'AlphaSchedule', 'FrozenHeatmapLayer', 'MutualInformationLoss',
    'ReleasedEstimator', 'VSDEstimator', 'released_term'
]
