"""Drawing of poses along a video."""
from .drawers import PoseDrawer, VideoDrawer

__all__ = ['PoseDrawer', 'VideoDrawer']
