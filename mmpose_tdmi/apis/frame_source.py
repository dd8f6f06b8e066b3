"""Frames by index: of a video file, a folder, a glob or a single image.

For jobs that must go on where they were. What goes through a video once, in
order, uses :mod:`mmpose_tdmi.video.decoding`.

Shape shorthand: N frames of H x W pixels.
"""
from pathlib import Path
from typing import Union

from mmpose_tdmi.utils.video import VideoReader
from mmpose_tdmi.video.decoding import ImageSequence, find_images

#: Frames of a video that can be asked for by index.
FrameSource = Union[VideoReader, ImageSequence]


def open_frames(source: Union[str, Path], keep: int = 8) -> FrameSource:
    """Open a video file, a folder of frames, a glob or a single image.

    Args:
        source (str | Path): What to open.
        keep (int): How many of the last frames to keep. Defaults to 8.

    Returns:
        VideoReader | ImageSequence: The frames.

    Raises:
        FileNotFoundError: If there is nothing to open.
        ValueError: If it cannot be read.
    """
    images = find_images(source)
    if images:
        return ImageSequence(images, keep=keep)
    return VideoReader(source, keep)
