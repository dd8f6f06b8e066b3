"""How long a crop is kept for a person, and what crop that is.

The rule. Every box asks for a crop: its centre and size, enlarged and brought
to the input's ratio of sides as the config's pipeline does it. The crop in
use is kept for a frame while the crop that the frame's box asks for

- is not off its centre by more than ``max_shift`` of its width (horizontally)
  or height (vertically), and
- is not larger or smaller by a factor of more than ``max_scale``.

Otherwise, and after ``max_run`` frames, a new one is chosen: the middle
between the extremes of the crops that this box and the next ones ask for,
over as many of the known next frames as it holds for. With nothing known of
the next frames, as online, it is what this box asks for. Looking ahead makes
a crop last up to twice as long: the person starts at one side of the
tolerance and leaves at the other.

A person who stays in place but grows is off in size only; nothing is said
about rotation, which a test's crops do not have.

Shape shorthand: none.
"""
import math
from dataclasses import dataclass
from typing import Optional, Sequence

from ..structures import Crop

#: Slack of comparisons: a crop that was not changed is never off.
_EPSILON = 1e-6


@dataclass(frozen=True)
class CropPolicy:
    """Decides on the crops of a track.

    Args:
        max_shift (float): How far the wanted crop's centre may be from the
            crop's, as a share of the crop's side. With the usual padding of
            1.25 a box reaches the crop's border at 0.1. Defaults to 0.05.
        max_scale (float): How much larger or smaller the wanted crop may be,
            at least 1. Defaults to 1.1.
        lookahead (int): How many of the next frames are looked at when a
            crop is chosen; offline only, where as many frames are kept in
            memory. Defaults to 16.
        max_run (int, optional): The longest run of person-frames with one
            crop. Defaults to ``None``, any.

    Raises:
        ValueError: If an argument is out of its range.
    """
    max_shift: float = 0.05
    max_scale: float = 1.1
    lookahead: int = 16
    max_run: Optional[int] = None

    def __post_init__(self) -> None:
        if not 0 <= self.max_shift < math.inf:
            raise ValueError('max_shift must be a share of the crop of at '
                             f'least 0, got {self.max_shift!r}')
        if not 1 <= self.max_scale < math.inf:
            raise ValueError(
                f'max_scale must be at least 1, got {self.max_scale!r}')
        if not isinstance(self.lookahead, int) or self.lookahead < 0:
            raise ValueError('lookahead must be a number of frames, got '
                             f'{self.lookahead!r}')
        if self.max_run is not None and (not isinstance(self.max_run, int)
                                         or self.max_run < 1):
            raise ValueError('max_run must be a number of frames or None, '
                             f'got {self.max_run!r}')

    def keeps(self, crop: Crop, wanted: Crop) -> bool:
        """Whether a crop serves a frame.

        Args:
            crop (Crop): The crop in use.
            wanted (Crop): What the frame's box asks for.

        Returns:
            bool: Whether it is within the tolerances.
        """
        shift = max(
            abs(a - b) / side
            for a, b, side in zip(wanted.center, crop.center, crop.scale))
        ratio = wanted.scale[1] / crop.scale[1]
        return (shift <= self.max_shift + _EPSILON
                and max(ratio, 1 / ratio) <= self.max_scale + _EPSILON)

    def choose(self, wanted: Sequence[Crop]) -> Crop:
        """A crop for a frame and the ones that follow it.

        Args:
            wanted (Sequence[Crop]): What the boxes of this frame and of the
                known next ones ask for, at least one, in order of time.

        Returns:
            Crop: A crop that serves the first frame and as many of the next
            as possible.
        """
        low, high = wanted[0], wanted[0]
        chosen = wanted[0]
        for crop in wanted[1:]:
            low, high = _bounds(low, high, crop)
            middle = Crop(
                tuple((a + b) / 2 for a, b in zip(low.center, high.center)),
                tuple(math.sqrt(a * b) for a, b in zip(low.scale, high.scale)))
            # the tolerances are intervals, so their ends stand for all
            if not (self.keeps(middle, low) and self.keeps(middle, high)):
                break
            chosen = middle
        return chosen


def _bounds(low: Crop, high: Crop, crop: Crop) -> 'tuple[Crop, Crop]':
    """The smallest and largest coordinates and sizes, ``crop`` included."""
    return (Crop(
        tuple(map(min, low.center, crop.center)),
        tuple(map(min, low.scale, crop.scale))),
            Crop(
                tuple(map(max, high.center, crop.center)),
                tuple(map(max, high.scale, crop.scale))))
