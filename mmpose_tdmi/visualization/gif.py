"""Short pieces of videos as animated GIFs, for pages.

Shape shorthand: N frames of H x W pixels.
"""
from fractions import Fraction
from pathlib import Path
from typing import Iterable, List, Optional, Tuple, Union

import cv2
import numpy as np
from PIL import Image

from mmpose_tdmi.utils.files import atomic_path
from mmpose_tdmi.utils.video import VideoReader


def video_to_gif(video: Union[str, Path],
                 path: Union[str, Path],
                 width: Optional[int] = None,
                 every: int = 1,
                 start: int = 0,
                 stop: Optional[int] = None,
                 colours: int = 256) -> Tuple[int, Tuple[int, int]]:
    """Write a piece of a video as an animated GIF that repeats.

    Args:
        video (str | Path): The video file.
        path (str | Path): The GIF, which appears when it is complete.
        width (int, optional): Width in pixels; the height follows. Defaults
            to ``None``, the video's.
        every (int): Takes every n-th frame. The speed stays what it is.
            Defaults to 1.
        start (int): The first frame. Defaults to 0.
        stop (int, optional): The frame before which it ends. Defaults to
            ``None``, the video's end.
        colours (int): Size of the palette that all frames share, 2 to 256:
            fewer make the file smaller. Defaults to 256.

    Returns:
        tuple[int, tuple[int, int]]: The number of frames written, and their
        width and height.

    Raises:
        FileNotFoundError: If there is no such video.
        ValueError: If an argument is out of its range, or no frame is left.
    """
    _check_range('width', width, 1)
    _check_range('every', every, 1)
    _check_range('start', start, 0)
    _check_range('colours', colours, 2, 256)
    with VideoReader(video) as reader:
        frames = [
            _resized(frame, width) for index, frame in _until(reader, stop)
            if index >= start and (index - start) % every == 0
        ]
        fps = Fraction(reader.fps) / every
    if not frames:
        raise ValueError(f'{video} has no frame from {start} on' +
                         (f' and before {stop}' if stop is not None else ''))
    write_gif(path, frames, fps, colours)
    return len(frames), (frames[0].shape[1], frames[0].shape[0])


def write_gif(path: Union[str, Path],
              frames: List[np.ndarray],
              fps: Union[Fraction, float],
              colours: int = 256) -> None:
    """Write frames as an animated GIF that repeats.

    Args:
        path (str | Path): The file.
        frames (list[np.ndarray]): N frames (H, W, 3), uint8, BGR.
        fps (Fraction | float): Frames per second. GIFs count in hundredths
            of a second, and viewers show no more than 50 a second.
        colours (int): Size of the palette that all frames share. Defaults to
            256.
    """
    images = [Image.fromarray(frame[..., ::-1]) for frame in frames]
    # a palette per frame would make what stands still flicker; of Pillow's
    # ways this one keeps the few pixels of bright lines
    some = frames[::max(1, len(frames) // 8)]
    palette = Image.fromarray(np.vstack(some)[..., ::-1]).quantize(
        colours, Image.Quantize.FASTOCTREE)
    # dithering looks better in a still, but is noise that does not compress
    images = [
        image.quantize(palette=palette, dither=Image.Dither.NONE)
        for image in images
    ]
    with atomic_path(path) as temporary:
        images[0].save(
            temporary,
            format='GIF',
            save_all=True,
            append_images=images[1:],
            duration=max(20,
                         round(100 / fps) * 10),
            loop=0,
            optimize=True)


def _until(reader: VideoReader,
           stop: Optional[int]) -> Iterable[Tuple[int, np.ndarray]]:
    for index, frame in reader:
        if stop is not None and index >= stop:
            return
        yield index, frame


def _resized(frame: np.ndarray, width: Optional[int]) -> np.ndarray:
    if width is None or width == frame.shape[1]:
        return frame
    height = max(1, round(frame.shape[0] * width / frame.shape[1]))
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)


def _check_range(name: str,
                 value: Optional[int],
                 low: int,
                 high: Optional[int] = None) -> None:
    if value is not None and (value < low
                              or high is not None and value > high):
        limits = f'at least {low}' if high is None else f'{low} to {high}'
        raise ValueError(f'{name} must be {limits}, got {value}')
