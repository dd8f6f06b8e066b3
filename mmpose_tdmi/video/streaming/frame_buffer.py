"""The last frames of a video, and which of them make up a window.

The streaming counterpart of the datasets' :class:`VideoFrames`: a window's
offsets count frame numbers in steps of the video's frame step, and what
stands in for a number that does not exist is said by the same padding
policies. Only the video's own frames count: where a track starts, ends or
pauses, the window has the frames that are there, as in the datasets.

Kept are the frames that a window of the frames to come can name: those in its
span and, for holes, the last one before.

Shape shorthand: T frames of a clip.
"""
from collections import deque
from typing import Deque, Iterator, List

import numpy as np

from mmpose_tdmi.datasets.clip_frames import PaddingPolicy
from mmpose_tdmi.structures import FrameWindow
from ..structures import TrackedFrame


class FrameBuffer:
    """Frames by number, ascending.

    Args:
        window (FrameWindow): The T offsets.
        policy (Callable): What replaces a frame that does not exist.
        frame_step (int): Difference of the numbers of frames that follow
            each other. Defaults to 1.
        causal (bool): Whether every frame is taken for the video's last.
            Defaults to ``False``.
    """

    def __init__(self,
                 window: FrameWindow,
                 policy: PaddingPolicy,
                 frame_step: int = 1,
                 causal: bool = False) -> None:
        self._window = window
        self._policy = policy
        self._step = frame_step
        self._causal = causal
        self._past = -window.offsets[0]
        self._future = 0 if causal else window.offsets[-1]
        self._frames: Deque[TrackedFrame] = deque()

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[TrackedFrame]:
        return iter(self._frames)

    @property
    def first(self) -> int:
        """int: The number of the oldest frame that is kept."""
        return number_of(self._frames[0])

    @property
    def last(self) -> int:
        """int: The number of the newest frame."""
        return number_of(self._frames[-1])

    def append(self, frame: TrackedFrame) -> None:
        """Add the next frame.

        Raises:
            ValueError: If its number is not above the last one's.
        """
        if self._frames and number_of(frame) <= self.last:
            raise ValueError('frames must come in ascending order, but '
                             f'{number_of(frame)} follows {self.last}')
        self._frames.append(frame)

    def __getitem__(self, number: int) -> TrackedFrame:
        """The frame of a number.

        Raises:
            KeyError: If it is not kept.
        """
        for frame in self._frames:
            if number_of(frame) == number:
                return frame
        raise KeyError(f'frame {number} is not among those kept')

    def is_complete(self, key: int) -> bool:
        """Whether all frames that a key frame's window can name are there."""
        return self.last >= key + self._future * self._step

    def clip(self, key: int) -> List[int]:
        """The numbers of a window's frames.

        Args:
            key (int): The key frame's number.

        Returns:
            list[int]: T numbers of frames that are kept. The video ends with
            the newest frame, or, if causal, with the key frame.
        """
        last = key if self._causal else self.last
        numbers = np.array([
            number for number in map(number_of, self._frames) if number <= last
        ])
        targets = [key + o * self._step for o in self._window.offsets]
        exists = np.isin(targets, numbers)
        return [
            target if found else self._policy(numbers, key, target)
            for target, found in zip(targets, exists)
        ]

    def share_frames(self, earlier: int, later: int) -> bool:
        """Whether the windows of two key frames overlap."""
        return later - earlier <= (self._past + self._future) * self._step

    def drop_before(self, key: int) -> None:
        """Forget what no window of ``key`` or a later frame can name."""
        bound = key - self._past * self._step
        while len(self._frames) > 1 and number_of(self._frames[1]) <= bound:
            self._frames.popleft()


def number_of(frame: TrackedFrame) -> int:
    """A frame's number in the video's own numbering."""
    return frame.index if frame.number is None else frame.number
