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

Runs: stretches of a track that are seen through one crop.

Every frame of a track in which the person has a box belongs to one run, which
gives the crop for all frames of its window. Runs are decided in the order of
time, on boxes alone: not on what is cached or batched.

Features of a frame as seen through one crop, moved into another crop.

Where a track gets a new crop, windows of both crops see the same frames.
Crops differ in place and size only, so that their features can be moved from
the one to the other: a cell of the target reads the source, bilinearly, at
the same place of the frame; outside of the source its border is continued.

That is not what the backbone would give for the target crop (strides are
larger than a cell's shift, and its layers see the crop's borders), which is
why only the other frames of a window are moved, never its key frame.

Shape shorthand: C channels, h x w cells, W x H the model's input.
"""
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import (Callable, Dict, Iterable, List, Optional, Sequence, Set,
                    Tuple)

import torch
import torch.nn.functional as F
from torch import Tensor

from ..structures import Crop, TrackedBox
from .clips import ClipSettings
from .phases import FrameFeatures, Maps

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


@dataclass
class CropRun:
    """A stretch of a track with one crop.

    Args:
        id (int): Unique in a video.
        track_id (int): The track's.
        crop (Crop): The crop.
        last (int): The number of its last frame so far.
        length (int): Its frames with a box so far.
    """
    id: int
    track_id: int
    crop: Crop
    last: int
    length: int = 0


class CropRuns:
    """Assigns frames to runs.

    Args:
        settings (ClipSettings): What crop a box asks for.
        policy (CropPolicy): How long a crop is kept.
    """

    def __init__(self, settings: ClipSettings, policy: CropPolicy) -> None:
        self._settings = settings
        self._policy = policy
        self._runs: Dict[int, CropRun] = {}
        self.count = 0

    def assign(self, number: int, box: TrackedBox,
               upcoming: Iterable[TrackedBox]) -> CropRun:
        """The run of a person's frame.

        Args:
            number (int): The frame's number, ascending from call to call.
            box (TrackedBox): The person's box in it.
            upcoming (Iterable[TrackedBox]): The person's boxes in the frames
                that follow, as far as they are known; only looked at where
                a crop is chosen.

        Returns:
            CropRun: The track's run, the same object for each of its frames.
        """
        wanted = self._settings.crop(box.bbox)
        run = self._current(box.track_id, wanted)
        if run is None:
            crops = [self._settings.crop(b.bbox) for b in upcoming]
            run = CropRun(self.count, box.track_id,
                          self._policy.choose([wanted, *crops]), number)
            self._runs[box.track_id] = run
            self.count += 1
        run.last = number
        run.length += 1
        return run

    def _current(self, track_id: int, wanted: Crop) -> Optional[CropRun]:
        """The track's run, if it goes on."""
        run = self._runs.get(track_id)
        if run is None or run.length == self._policy.max_run:
            return None
        return run if self._policy.keeps(run.crop, wanted) else None

    def keep(self, goes_on: Callable[[CropRun], bool]) -> None:
        """End all runs but those for which ``goes_on`` is true."""
        self._runs = {
            track_id: run
            for track_id, run in self._runs.items() if goes_on(run)
        }

    @property
    def active(self) -> Set[int]:
        """set[int]: The ids of the runs that go on."""
        return {run.id for run in self._runs.values()}


#: Per axis: target pixel t is source pixel ``ratio * t + shift``.
Axis = Tuple[float, float]


class CropWarp:
    """Moves features between crops.

    Args:
        input_size (tuple[int, int]): W and H in pixels.
        use_udp (bool): Whether crops are cut out by UDP, whose crops are
            W - 1 pixel steps wide, or else W.
    """

    def __init__(self, input_size: Tuple[int, int], use_udp: bool) -> None:
        self._input_size = tuple(input_size)
        self._steps = tuple(side - use_udp for side in input_size)

    def __call__(self, features: FrameFeatures, source: Crop,
                 target: Crop) -> FrameFeatures:
        """Features as if they had been seen through another crop.

        Args:
            features (FrameFeatures): Of the source crop.
            source (Crop): What they were seen through.
            target (Crop): What they are wanted for.

        Returns:
            FrameFeatures: Maps of the same shapes; the same object if the
            crops are equal. The data sample stays that of the source.
        """
        if source == target:
            return features
        axes = self._axes(source, target)
        flipped = features.flipped
        if flipped is not None:
            # the mirror image counts its columns from the other side
            (ratio, shift), vertical = axes
            last = self._input_size[0] - 1
            mirrored = (ratio, last * (1 - ratio) - shift), vertical
            flipped = self._warp(flipped, mirrored)
        return features._replace(
            maps=self._warp(features.maps, axes), flipped=flipped)

    def _axes(self, source: Crop, target: Crop) -> Tuple[Axis, Axis]:
        """How input pixels correspond, horizontally and vertically."""
        axes = []
        for side in (0, 1):
            borders = [
                crop.center[side] - crop.scale[side] / 2
                for crop in (source, target)
            ]
            axes.append((target.scale[side] / source.scale[side],
                         (borders[1] - borders[0]) * self._steps[side] /
                         source.scale[side]))
        return axes[0], axes[1]

    def _warp(self, maps: Maps, axes: Tuple[Axis, Axis]) -> Maps:
        """All maps of a size at once, (1, C, h, w) each."""
        places: Dict[tuple, List[int]] = defaultdict(list)
        for place, x in enumerate(maps):
            places[tuple(x.shape[2:]), x.dtype].append(place)
        warped: List[Tensor] = list(maps)
        for same in places.values():
            together = torch.cat([maps[place] for place in same], 1)
            moved = F.grid_sample(
                together.float(),
                self._grid(together, axes),
                padding_mode='border',
                align_corners=True).to(together.dtype)
            parts = moved.split([maps[place].shape[1] for place in same], 1)
            for place, part in zip(same, parts):
                warped[place] = part.contiguous(
                    memory_format=_memory_format(maps[place]))
        return tuple(warped)

    def _grid(self, x: Tensor, axes: Tuple[Axis, Axis]) -> Tensor:
        """Where each cell reads, -1 to 1 from first to last, (1, h, w, 2)."""
        read = []
        for size, cells, (ratio, shift) in zip(self._input_size,
                                               (x.shape[3], x.shape[2]), axes):
            cell = torch.arange(cells, device=x.device, dtype=torch.float32)
            # a cell is as many pixels as the input has for each of them
            cell = ratio * cell + shift * cells / size
            read.append(2 * cell / max(cells - 1, 1) - 1)
        horizontal, vertical = read
        rows, columns = torch.meshgrid(vertical, horizontal, indexing='ij')
        return torch.stack([columns, rows], -1)[None]


def _memory_format(x: Tensor) -> torch.memory_format:
    channels_last = torch.channels_last
    return channels_last if x.is_contiguous(
        memory_format=channels_last) else torch.contiguous_format
