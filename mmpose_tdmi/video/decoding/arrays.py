"""Frames that are arrays already: a list, one big array or a generator.

Shape shorthand: N frames of H x W pixels.
"""
from fractions import Fraction
from typing import Iterable, Iterator, Optional, Union

import numpy as np

from ..streaming.stages import stage
from .source import DEFAULT_FPS, DecodedFrame, VideoSource


class ArrayFrames(VideoSource):
    """Arrays as a video.

    Args:
        frames (Iterable[np.ndarray]): Frames (H, W, 3), uint8, BGR, upright;
            a generator is read as it is needed, once. ``None`` in place of a
            frame is one that could not be had.
        fps (float): Frames per second. Defaults to 25.
        name (str): What outputs are called. Defaults to ``'frames'``.
        on_corrupt (str): ``'skip'`` or ``'raise'``. Defaults to ``'skip'``.
    """

    def __init__(self,
                 frames: Iterable[np.ndarray],
                 fps: Union[Fraction, float] = DEFAULT_FPS,
                 name: str = 'frames',
                 on_corrupt: str = 'skip') -> None:
        self._arrays = frames
        self._length: Optional[int] = None
        text = '<generator>'
        if isinstance(frames, (list, tuple, np.ndarray)):
            self._length = len(frames)
            text = f'<{self._length} arrays>'
        super().__init__(name, text, fps, on_corrupt)

    @property
    def num_frames(self) -> Optional[int]:
        """int: The number of arrays; None of a generator."""
        return self._length

    def _frames(self) -> Iterator[DecodedFrame]:
        arrays = iter(self._arrays)
        index = -1
        while True:
            with stage('decode'):
                try:
                    image = next(arrays)
                except StopIteration:
                    return
            index += 1
            if image is None:
                self._skip(f'{self.input}: frame {index} is None')
                continue
            if not (isinstance(image, np.ndarray) and image.dtype == np.uint8
                    and image.ndim == 3 and image.shape[2] == 3):
                what = (f'{image.dtype} {image.shape}' if isinstance(
                    image, np.ndarray) else type(image).__name__)
                raise ValueError(
                    f'{self.input}: frame {index} must be an array (H, W, 3) '
                    f'of uint8 in BGR, got {what}')
            yield DecodedFrame(index, float(index / self.fps), image, index)
