"""Building blocks that several of the paper's boxes share."""
from .deformable import DeformableConv2d
from .deformable_estimator import DeformableEstimator, SteeredDeformableConv2d
from .dirac_init import DiracInit
from .grid_sample_deform import deform_conv2d_grid_sample
from .residual import ResidualChain

__all__ = [
    'DeformableConv2d', 'DeformableEstimator', 'DiracInit', 'ResidualChain',
    'SteeredDeformableConv2d', 'deform_conv2d_grid_sample'
]
