"""Drawing of poses along a video."""
from .drawers import FramePoseVisualizer, PoseDrawer, VideoDrawer

__all__ = ['FramePoseVisualizer', 'PoseDrawer', 'VideoDrawer']
