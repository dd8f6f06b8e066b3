"""Reading and writing video files, through PyAV.

Frame indices are 0-based and in the order of display. Frames are BGR, as
OpenCV and MMPose have them, and upright: rotation that the file asks for is
applied.
"""
from .pixels import upright_image
from .reading import VideoReader, VideoReadError
from .writing import VideoWriter, join_videos

__all__ = [
    'VideoReadError', 'VideoReader', 'VideoWriter', 'join_videos',
    'upright_image'
]
