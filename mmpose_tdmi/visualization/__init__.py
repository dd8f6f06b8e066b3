"""Drawing of poses along a video."""
from .pose_drawer import PoseDrawer

__all__ = ['PoseDrawer']
