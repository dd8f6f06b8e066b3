"""Runs: stretches of a track that are seen through one crop.

Every frame of a track in which the person has a box belongs to one run, which
gives the crop for all frames of its window. Runs are decided in the order of
time, on boxes alone: not on what is cached or batched.

Shape shorthand: none.
"""
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, Optional, Set

from ..structures import Crop, TrackedBox
from .clip_settings import ClipSettings
from .crop_policy import CropPolicy


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
