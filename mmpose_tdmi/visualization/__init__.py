"""Drawing of poses along a video."""
from .pose_drawer import PoseDrawer
from .video_drawer import VideoDrawer

__all__ = ['PoseDrawer', 'VideoDrawer']
