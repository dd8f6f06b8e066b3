"""Metrics that the Runner's evaluator builds by name."""
from .hieve_metric import HiEveMetric
from .posetrack_metric import PoseTrackMetric

__all__ = ['HiEveMetric', 'PoseTrackMetric']
