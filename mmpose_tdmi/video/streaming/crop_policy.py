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

What a renewal costs is said by ``renewal``. With ``'warp'`` it costs no pass
of the backbone: frames that windows of both crops see have their features
moved, and the crop of a key frame can be as near to its box as one likes.
With ``'recompute'`` they go through the backbone again, the poses are exactly
those of the model without a cache, and only crops that last save passes: a
person is then off the crop's centre, which costs accuracy where the model was
not trained on such crops (docs/performance.md).

A person who stays in place but grows is off in size only; nothing is said
about rotation, which a test's crops do not have.

Shape shorthand: none.
"""
import math
from dataclasses import dataclass
from typing import Callable, Optional, Sequence

from ..structures import Crop

RENEWALS = ('recompute', 'warp')
#: Slack of comparisons: a crop that was not changed is never off.
_EPSILON = 1e-6


@dataclass(frozen=True)
class CropPolicy:
    """Decides on the crops of a track.

    Args:
        max_shift (float): How far the wanted crop's centre may be from the
            crop's, as a share of the crop's side. With the usual padding of
            1.25 a box reaches the crop's border at 0.1. Defaults to 0.01.
        max_scale (float): How much larger or smaller the wanted crop may be,
            at least 1. Defaults to 1.02.
        lookahead (int): How many of the next frames are looked at when a
            crop is chosen; offline only, where as many frames are kept in
            memory. Defaults to 0: for crops that last, i.e. larger
            tolerances.
        max_run (int, optional): The longest run of person-frames with one
            crop. Defaults to ``None``, any.
        renewal (str): What becomes of frames that windows of two crops see:
            ``'recompute'``, each crop of them goes through the backbone, or
            ``'warp'``, only that of their own box does, and windows of
            another crop get its features moved (:mod:`.crop_warp`). Defaults
            to ``'warp'``.

    Raises:
        ValueError: If an argument is out of its range.
    """
    max_shift: float = 0.01
    max_scale: float = 1.02
    lookahead: int = 0
    max_run: Optional[int] = None
    renewal: str = 'warp'

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
        if self.renewal not in RENEWALS:
            raise ValueError(
                f'renewal must be one of {RENEWALS}, got {self.renewal!r}')

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
            x, y = ((a + b) / 2 for a, b in zip(low.center, high.center))
            width, height = (math.sqrt(a * b)
                             for a, b in zip(low.scale, high.scale))
            middle = Crop((x, y), (width, height))
            # the tolerances are intervals, so their ends stand for all
            if not (self.keeps(middle, low) and self.keeps(middle, high)):
                break
            chosen = middle
        return chosen


def _bounds(low: Crop, high: Crop, crop: Crop) -> 'tuple[Crop, Crop]':
    """The smallest and largest coordinates and sizes, ``crop`` included."""
    return _each(min, low, crop), _each(max, high, crop)


def _each(choose: Callable[[float, float], float], one: Crop,
          other: Crop) -> Crop:
    (x, y), (u, v) = one.center, other.center
    (width, height), (w, h) = one.scale, other.scale
    return Crop((choose(x, u), choose(y, v)),
                (choose(width, w), choose(height, h)))
