"""Opening of whatever a user calls a video.

Shape shorthand: N frames of H x W pixels.
"""
import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Iterable, Optional, Union

import numpy as np

from .arrays import ArrayFrames
from .image_files import IMAGE_SUFFIXES, ImageFiles, find_images
from .source import DEFAULT_FPS, VideoSource
from .video_file import VideoFile
from .webcam import Webcam

_WEBCAM = re.compile(r'webcam(?::(\d+))?')


def open_video(input: Any,
               fps: Optional[Union[Fraction, float]] = None,
               on_corrupt: str = 'skip') -> VideoSource:
    """Open a video of any kind.

    Args:
        input: One of

            - the path of a video file, a folder of frames, a glob or an
              image;
            - a sequence of paths of images, the frames in order;
            - a sequence of arrays, an array (N, H, W, 3), or any iterable of
              arrays such as a generator, uint8 and BGR;
            - a camera: its index, ``'webcam'`` or ``'webcam:1'``;
            - a :class:`VideoSource`, which is given back.
        fps (float, optional): Frames per second of images and arrays.
            Defaults to ``None``: 25.
        on_corrupt (str): What is done about frames that do not decode:
            ``'skip'``, leave them out, or ``'raise'``. Defaults to
            ``'skip'``.

    Returns:
        VideoSource: The frames.

    Raises:
        FileNotFoundError: If there is nothing to open.
        ValueError: If the input is none of those above or cannot be read, or
            ``fps`` is given for a video that has its own.
    """
    if isinstance(input, VideoSource):
        return input
    if _is_camera(input):
        _refuse(fps, input)
        match = _WEBCAM.fullmatch(str(input))
        return Webcam(
            int(match.group(1) or 0) if match else int(input), on_corrupt)
    rate = DEFAULT_FPS if fps is None else fps
    if isinstance(input, (str, Path)):
        images = find_images(input)
        if images:
            return ImageFiles(images, _name(input), str(input), rate,
                              on_corrupt)
        _refuse(fps, input)
        return VideoFile(input, on_corrupt)
    if _is_list_of_paths(input):
        for path in input:
            if not Path(path).is_file():
                raise FileNotFoundError(f'the frame {path} does not exist')
        folder = Path(input[0]).resolve().parent
        return ImageFiles(input, folder.name, f'{folder} ({len(input)} files)',
                          rate, on_corrupt)
    if isinstance(input, Iterable):
        return ArrayFrames(input, rate, on_corrupt=on_corrupt)
    raise ValueError(
        'a video must be a path, a glob, a sequence of paths or arrays, a '
        f'generator of arrays or a camera, got {type(input).__name__}')


def is_one_video(inputs: Any) -> bool:
    """Whether inputs are one video rather than a sequence of videos.

    Args:
        inputs: What a user calls a video or several.

    Returns:
        bool: False for a list or tuple of anything but arrays and images.
    """
    if not isinstance(inputs, (list, tuple)):
        return True
    return _is_list_of_paths(inputs) or any(
        image is None or isinstance(image, np.ndarray) and image.ndim == 3
        for image in inputs)


def _is_list_of_paths(input: Any) -> bool:
    """Whether it is a list of image files."""
    return isinstance(input, (list, tuple)) and len(input) > 0 and all(
        isinstance(path, (str, Path)) and Path(path).suffix.lower() in
        IMAGE_SUFFIXES and '*' not in str(path) for path in input)


def _is_camera(input: Any) -> bool:
    if isinstance(input, (int, np.integer)):
        return not isinstance(input, bool)
    return isinstance(input, str) and not Path(input).exists() and (
        input.isdigit() or _WEBCAM.fullmatch(input) is not None)


def _refuse(fps: Any, input: Any) -> None:
    if fps is not None:
        raise ValueError(f'{input}: a video has its own frame rate, but '
                         f'fps={fps} was given')


def _name(source: Union[str, Path]) -> str:
    """``a/b.jpg`` -> ``b``, ``a/b`` and ``a/b/*.jpg`` -> ``b``."""
    path = Path(source)
    if path.is_file():
        return path.stem
    if path.is_dir():
        return path.resolve().name
    return path.parent.resolve().name.replace('*', '_')
