"""Which frames make up a clip: the frames of a video and the clip's ends.

The frames that exist decide. A window's offset is counted in the video's own
frame numbers, in units of the video's frame step (1 for an ordinary video, 5
for one of which every fifth frame was extracted). Where the number asked for
does not exist, because the video starts or ends there or has a gap, a padding
policy names an existing frame in its place.

Shape shorthand: T frames of a clip, N frames of a video.
"""
from dataclasses import dataclass
from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np

from mmpose_tdmi.structures import FrameWindow

#: ``policy(numbers, key, target)`` -> the number to use for ``target``, which
#: does not exist. ``numbers`` (N, ) ascending, ``key`` is one of them.
PaddingPolicy = Callable[[np.ndarray, int, int], int]


def clamp(numbers: np.ndarray, key: int, target: int) -> int:
    """The existing frame nearest to ``target``.

    Past an end of the video that is its first or last frame. In a gap, of two
    equally near frames the one on the key frame's side is taken.

    Args:
        numbers (np.ndarray): Ascending numbers of the video's frames, (N, ).
        key (int): The key frame's number.
        target (int): The missing frame's number.

    Returns:
        int: One of ``numbers``.
    """
    distance = np.abs(numbers - target)
    nearest = numbers[distance == distance.min()]
    return int(nearest[np.argmin(np.abs(nearest - key))])


def key_frame(numbers: np.ndarray, key: int, target: int) -> int:
    """The key frame itself. Arguments as of :func:`clamp`."""
    return int(key)


def released(numbers: np.ndarray, key: int, target: int) -> int:
    """What the authors' code does, for any offset.

    A missing past frame becomes the key frame. A missing future frame becomes
    the last existing frame before it, not before the key frame: for their
    five frames, a missing t+2 becomes t+1 if that exists, else the key frame,
    and a missing t+1 the key frame. Arguments as of :func:`clamp`.
    """
    if target < key:
        return int(key)
    return int(numbers[np.searchsorted(numbers, target) - 1])


#: The padding policies by their config names.
PADDING_POLICIES: Dict[str, PaddingPolicy] = dict(
    clamp=clamp, key_frame=key_frame, released=released)


def padding_policy(name: str) -> PaddingPolicy:
    """Look up a policy by its config name.

    Raises:
        ValueError: If there is no such policy.
    """
    if name not in PADDING_POLICIES:
        raise ValueError(f'unknown padding {name!r}; there are '
                         f'{", ".join(map(repr, PADDING_POLICIES))}')
    return PADDING_POLICIES[name]


@dataclass(frozen=True)
class VideoFrames:
    """The frames that exist of one video.

    Args:
        video (str): What the video is called in messages.
        numbers (np.ndarray): Their numbers in the video's own numbering,
            strictly ascending, any start, gaps allowed, (N, ).
        paths (Sequence[str]): Their files, N.

    Raises:
        ValueError: If there is no frame, the numbers do not ascend strictly,
            or there are not as many paths as numbers.
    """
    video: str
    numbers: np.ndarray
    paths: Sequence[str]

    def __post_init__(self) -> None:
        numbers = np.asarray(self.numbers, dtype=np.int64)
        if not len(numbers):
            raise ValueError(f'{self.video}: the video has no frames')
        if len(numbers) != len(self.paths):
            raise ValueError(f'{self.video}: {len(numbers)} frame numbers for '
                             f'{len(self.paths)} paths')
        rises = np.diff(numbers)
        if (rises <= 0).any():
            place = int(np.argmax(rises <= 0))
            raise ValueError(
                f'{self.video}: frame numbers must ascend strictly, but '
                f'{numbers[place]} ({self.paths[place]}) is followed by '
                f'{numbers[place + 1]} ({self.paths[place + 1]})')
        object.__setattr__(self, 'numbers', numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def step(self) -> int:
        """int: The frame step, the largest that reaches every frame.

        It is the greatest common divisor of the differences of the numbers,
        1 for a video of a single frame.
        """
        return int(np.gcd.reduce(np.diff(self.numbers))) or 1

    def position(self, number: int) -> int:
        """The place of frame ``number`` among the existing frames.

        Raises:
            ValueError: If that frame does not exist.
        """
        place = int(np.searchsorted(self.numbers, number))
        if place == len(self) or self.numbers[place] != number:
            raise ValueError(
                f'{self.video}: frame {number} is not among the '
                f'{len(self)} frames that exist, numbers {self.numbers[0]} to '
                f'{self.numbers[-1]}')
        return place

    def clip(self, key: int, window: FrameWindow,
             policy: PaddingPolicy) -> Tuple[List[int], List[bool]]:
        """Resolve a window around a key frame.

        Args:
            key (int): The key frame's number.
            window (FrameWindow): T offsets, in frame steps.
            policy (Callable): What replaces a frame that does not exist.

        Returns:
            tuple:
            - list[int]: The places of the clip's frames in
              :attr:`numbers` and :attr:`paths`, T.
            - list[bool]: Where the frame asked for did not exist, T.

        Raises:
            ValueError: If the key frame does not exist.
        """
        self.position(key)
        targets = [key + offset * self.step for offset in window.offsets]
        exists = np.isin(targets, self.numbers).tolist()
        places = [
            self.position(
                target if found else policy(self.numbers, key, target))
            for target, found in zip(targets, exists)
        ]
        return places, [not found for found in exists]
