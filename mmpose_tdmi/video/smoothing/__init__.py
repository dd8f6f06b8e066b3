"""Smoothing of poses along tracks, off unless asked for."""
from .build import SMOOTHERS, build_smoother
from .one_euro import OneEuroSmoother
from .pose_smoother import NoSmoother, PoseSmoother
from .window_smoothers import GaussianSmoother, SavitzkyGolaySmoother

__all__ = [
    'SMOOTHERS', 'GaussianSmoother', 'NoSmoother', 'OneEuroSmoother',
    'PoseSmoother', 'SavitzkyGolaySmoother', 'build_smoother'
]
