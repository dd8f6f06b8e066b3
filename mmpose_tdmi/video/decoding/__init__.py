"""Frames of any kind of video, each decoded once, in order, in the background.

:func:`open_video` takes whatever a user has, :func:`read_ahead` decodes it in
a thread of its own with bounded memory.
"""
from .arrays import ArrayFrames
from .image_files import (IMAGE_SUFFIXES, ImageFiles, ImageSequence,
                          find_images, number_images, relative_names)
from .opening import is_one_video, open_video
from .read_ahead import ReadAhead, read_ahead
from .source import DEFAULT_FPS, ON_CORRUPT, DecodedFrame, VideoSource
from .video_file import VideoFile
from .webcam import Webcam

__all__ = [
    'DEFAULT_FPS', 'IMAGE_SUFFIXES', 'ON_CORRUPT', 'ArrayFrames',
    'DecodedFrame', 'ImageFiles', 'ImageSequence', 'ReadAhead', 'VideoFile',
    'VideoSource', 'Webcam', 'find_images', 'is_one_video', 'number_images',
    'open_video', 'read_ahead', 'relative_names'
]
