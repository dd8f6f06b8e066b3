"""Metrics that the Runner's evaluator builds by name."""
from .posetrack_metric import PoseTrackMetric

__all__ = ['PoseTrackMetric']
