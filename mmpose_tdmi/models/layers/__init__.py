"""Building blocks that several of the paper's boxes share."""
from .blocks import DiracInit, ResidualChain
from .deformable import (DeformableConv2d, DeformableEstimator,
                         SteeredDeformableConv2d, deform_conv2d_grid_sample)

__all__ = [
    'DeformableConv2d', 'DeformableEstimator', 'DiracInit', 'ResidualChain',
    'SteeredDeformableConv2d', 'deform_conv2d_grid_sample'
]
