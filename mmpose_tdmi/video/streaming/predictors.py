"""From windows to poses: with features kept between windows, or without.

Shape shorthand: T frames of a window.
"""
from dataclasses import dataclass, field
from typing import Dict, List, Sequence, Set

from ..structures import Crop, TrackedBox
from .clip_settings import ClipSettings
from .crop_runs import CropRun
from .crop_warp import CropWarp
from .feature_cache import FeatureCache
from .frame_buffer import FrameBuffer
from .stages import stage
from .stats import StreamingStats
from .window_model import FrameFeatures, WindowModel, WindowPose


@dataclass
class Window:
    """A person's window around a frame.

    Args:
        box (TrackedBox): The person's box in the key frame.
        run (CropRun): The run that it belongs to.
        numbers (list[int]): The numbers of its frames, T.
        runs (list[CropRun]): The run whose crop the backbone sees each frame
            through, T: ``run``, unless features are moved between crops.
    """
    box: TrackedBox
    run: CropRun
    numbers: List[int]
    runs: List[CropRun]

    @property
    def crop(self) -> Crop:
        """Crop: What is seen of every frame of it."""
        return self.run.crop


@dataclass
class CachedPredictor:
    """Each crop goes through the backbone once, however many windows see it.

    Frames that belong to another run than their window are moved into the
    window's crop.

    Args:
        model (WindowModel): The model.
        settings (ClipSettings): How samples are made.
        stats (StreamingStats): Where passes are counted.
        batch_size (int): Crops per pass of the backbone, windows per pass of
            the rest.
    """
    model: WindowModel
    settings: ClipSettings
    stats: StreamingStats
    batch_size: int
    cache: FeatureCache = field(default_factory=FeatureCache)
    _seen: Dict[int, Set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.warp = CropWarp(self.settings.input_size, self.settings.use_udp)

    def __call__(self, windows: Sequence[Window],
                 buffer: FrameBuffer) -> List[WindowPose]:
        """The poses of windows, in their order.

        Args:
            windows (Sequence[Window]): Any number of them.
            buffer (FrameBuffer): Has their frames.
        """
        owners = {
            (run.id, n): (w.box, run.crop)
            for w in windows
            for run, n in zip(w.runs, w.numbers)
        }
        missing = self.cache.missing(owners)
        for start in range(0, len(missing), self.batch_size):
            keys = missing[start:start + self.batch_size]
            features = self.model.encode_frames([
                self.settings.pack([buffer[key[1]].image], [key[1]],
                                   *owners[key]) for key in keys
            ])
            for key, encoded in zip(keys, features):
                self.cache[key] = encoded
                self._count(owners[key][0].track_id, key[1])
        poses = []
        for start in range(0, len(windows), self.batch_size):
            poses += self.model.predict_windows([
                self._features(window)
                for window in windows[start:start + self.batch_size]
            ])
        return poses

    def _features(self, window: Window) -> List[FrameFeatures]:
        """A window's frames as seen through its crop, T."""
        with stage('neck_head'):
            return [
                self.warp(self.cache[run.id, number], run.crop, window.crop)
                for run, number in zip(window.runs, window.numbers)
            ]

    def _count(self, track_id: int, number: int) -> None:
        seen = self._seen.setdefault(track_id, set())
        self.stats.backbone_passes += 1
        self.stats.recomputed += number in seen
        seen.add(number)

    def evict(self, oldest: int, runs: Set[int]) -> None:
        """Forget features of frames before ``oldest`` and of other runs than
        ``runs``."""
        self.cache.evict(oldest, runs)
        self._seen = {
            track_id: kept
            for track_id, numbers in self._seen.items()
            if (kept := {n
                         for n in numbers if n >= oldest})
        }


@dataclass
class NaivePredictor:
    """Every frame of every window goes through the whole model.

    Args:
        model (WindowModel): The model.
        settings (ClipSettings): How samples are made.
        stats (StreamingStats): Where passes are counted.
        batch_size (int): Windows per pass of the model.
    """
    model: WindowModel
    settings: ClipSettings
    stats: StreamingStats
    batch_size: int

    def __call__(self, windows: Sequence[Window],
                 buffer: FrameBuffer) -> List[WindowPose]:
        """As :meth:`CachedPredictor.__call__`."""
        poses = []
        for start in range(0, len(windows), self.batch_size):
            batch = windows[start:start + self.batch_size]
            poses += self.model.predict_clips([
                self.settings.pack([buffer[n].image
                                    for n in w.numbers], w.numbers, w.box)
                for w in batch
            ])
            self.stats.backbone_passes += sum(len(w.numbers) for w in batch)
        return poses

    def evict(self, oldest: int, runs: Set[int]) -> None:
        """Nothing is kept."""
