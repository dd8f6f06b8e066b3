"""Frames of any kind of video, each decoded once, in order, in the background.

:func:`open_video` takes whatever a user has, :func:`read_ahead` decodes it in
a thread of its own with bounded memory.
"""
from .files import (IMAGE_SUFFIXES, ImageFiles, ImageSequence, VideoFile,
                    find_images, is_one_video, number_images, open_video,
                    relative_names)
from .sources import (DEFAULT_FPS, ON_CORRUPT, ArrayFrames, DecodedFrame,
                      ReadAhead, VideoSource, Webcam, read_ahead)

__all__ = [
    'DEFAULT_FPS', 'IMAGE_SUFFIXES', 'ON_CORRUPT', 'ArrayFrames',
    'DecodedFrame', 'ImageFiles', 'ImageSequence', 'ReadAhead', 'VideoFile',
    'VideoSource', 'Webcam', 'find_images', 'is_one_video', 'number_images',
    'open_video', 'read_ahead', 'relative_names'
]
