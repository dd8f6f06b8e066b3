"""Optical flow in place of feature differences: Table 5, "Op-Flow"."""
from .frames_backbone import BackboneWithFrames
from .neck import OpticalFlowNeck
from .raft import RaftFlow

__all__ = ['BackboneWithFrames', 'OpticalFlowNeck', 'RaftFlow']
