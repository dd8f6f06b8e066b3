"""Which window a sample gets: a fixed one, or one drawn anew each time.

Shape shorthand: T frames of a clip.
"""
from typing import Optional, Tuple

import numpy as np

from mmpose_tdmi.structures import FrameWindow


class WindowDraw:
    """Gives the window of each sample.

    Args:
        window (FrameWindow): The window, T offsets.
        random_range (tuple[int, int], optional): Draw the supporting frames,
            without repetition: those before the key frame from offsets
            ``random_range[0] ... -1``, those after it from
            ``1 ... random_range[1]``, as many of each as ``window`` has.
            Defaults to None, always ``window``.
        test_mode (bool): Whether results must not change from run to run.
            Defaults to False.

    Raises:
        ValueError: If the range is too narrow, or ``test_mode`` is set with
            one.
    """

    def __init__(self,
                 window: FrameWindow,
                 random_range: Optional[Tuple[int, int]] = None,
                 test_mode: bool = False) -> None:
        self.window = window
        self.random_range = random_range
        self._num_past = window.key
        self._num_future = window.num_frames - window.key - 1
        if random_range is None:
            return
        if test_mode:
            raise ValueError('random_range is for training, but test_mode is '
                             'set: results would change from run to run')
        low, high = random_range
        if -low < self._num_past or high < self._num_future:
            raise ValueError(
                f'random_range {tuple(random_range)} is too narrow to draw '
                f'{self._num_past} frames before and {self._num_future} '
                'after the key frame without repetition')

    def __call__(self) -> FrameWindow:
        """The next sample's window, by numpy's global generator."""
        if self.random_range is None:
            return self.window
        low, high = self.random_range
        past = np.random.choice(range(low, 0), self._num_past, replace=False)
        future = np.random.choice(
            range(1, high + 1), self._num_future, replace=False)
        return FrameWindow(
            (*sorted(past.tolist()), 0, *sorted(future.tolist())))
