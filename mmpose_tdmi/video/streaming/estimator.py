"""What a run along a video has cost.

Shape shorthand: T frames of a clip.

From windows to poses: with features kept between windows, or without.

Shape shorthand: T frames of a window.

Poses along a video at one backbone pass per person and frame.

Three modes:

- ``'offline'``: a frame's poses come when its window is there and, where a
  crop must be chosen, the crop policy's lookahead: a few frames late.
- ``'online'``: a frame's poses come before the next frame is asked for. The
  model must be one for it: its window must not reach into the future. With
  ``pad_future`` a model of another window is taken too, and every frame is
  treated as the video's last, which the config's padding fills up; such a
  window is one that the model rarely saw in training.
- ``'naive'``: a crop for every box and T backbone passes for each, as a test
  on a dataset does it: the reference.

Memory is bounded, whatever the video's length: frames of the window's span,
the lookahead and a batch, and features of the first and last of these.
A change of the frames' size ends a video and starts another: no window
crosses it.

Shape shorthand: T frames of a window, H x W pixels of a frame.

One video's way through the engine: what is known and under way.

Frames come in one by one. A frame's crops are decided on as soon as enough
frames are known after it, its windows made when the crops of all frames that
they need are decided, and windows are run in batches.

Shape shorthand: H x W pixels of a frame.
"""
from collections import deque
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import (Deque, Dict, Iterable, Iterator, List, Optional, Sequence,
                    Set, Tuple)

import numpy as np
from mmengine.registry import DefaultScope
from torch import nn

from mmpose_tdmi.utils.stages import stage
from ..structures import Crop, FramePoses, PersonPose, TrackedBox, TrackedFrame
from .clips import ClipSettings, FrameBuffer, number_of
from .crops import CropPolicy, CropRun, CropRuns, CropWarp
from .phases import FeatureCache, FrameFeatures, WindowModel, WindowPose


@dataclass
class StreamingStats:
    """Counts of one run along a video.

    Args:
        frames (int): Frames whose poses were given out.
        person_frames (int): Poses: persons times the frames with a box.
        backbone_passes (int): Crops that went through the backbone. A crop
            and its flipped copy count as one.
        recomputed (int): Those of a person and frame that had been through
            the backbone before, with the crop of another run.
        crops (int): Crops chosen: one per track and one for every renewal.
    """
    frames: int = 0
    person_frames: int = 0
    backbone_passes: int = 0
    recomputed: int = 0
    crops: int = 0

    @property
    def passes_per_person_frame(self) -> float:
        """float: Backbone passes per pose; 1 at best, T without reuse.

        What is above 1 are frames at renewals (``recomputed``) and frames in
        which the person has no box, before, after and between those of the
        track.
        """
        return self.backbone_passes / max(self.person_frames, 1)

    @property
    def person_frames_per_crop(self) -> float:
        """float: The mean length of a run."""
        return self.person_frames / max(self.crops, 1)


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


MODES = ('offline', 'online', 'naive')


class StreamingPoseEstimator:
    """Estimates the poses of tracked persons along a video.

    Args:
        model (nn.Module): A top-down estimator of this package with ``cfg``
            and ``dataset_meta``, as :func:`mmpose_tdmi.apis.init_pose_model`
            gives it. Window, padding and pipeline are those of its config's
            test dataset.
        mode (str): ``'offline'``, ``'online'`` or ``'naive'``. Defaults to
            ``'offline'``.
        batch_size (int, optional): Crops per pass of the backbone and windows
            per pass of neck and head, of any persons and frames. Defaults to
            ``None``: 4 on a CPU, where the maps of more leave the caches, 16
            elsewhere.
        crop_policy (CropPolicy, optional): How long crops are kept. Defaults
            to ``None``, the policy's own defaults. Not used by ``'naive'``.
        flip_test (bool, optional): Whether a flipped copy is averaged in.
            Defaults to ``None``, what the model's ``test_cfg`` says.
        pad_future (bool): Online, whether to pad a window's future. Defaults
            to ``False``: such a window is an error.
        output_heatmaps (bool): Whether poses carry heatmaps. Defaults to
            ``False``.
        output_motion (bool): Whether poses carry the neck's motion feature.
            Defaults to ``False``.
        precision (str): In which number format the model predicts:
            ``'float32'``, ``'bfloat16'`` or ``'float16'``, see
            :class:`Precision`. Defaults to ``'float32'``.

    Attributes:
        window (FrameWindow): The model's window.
        padding (str): What stands in for frames that do not exist.
        stats (StreamingStats): Counts of the last :meth:`iterate_poses`.

    Raises:
        ValueError: If an argument is not one of those described, the config
            does not say how samples are made, or the window does not suit
            the mode.
    """

    def __init__(self,
                 model: nn.Module,
                 mode: str = 'offline',
                 batch_size: Optional[int] = None,
                 crop_policy: Optional[CropPolicy] = None,
                 flip_test: Optional[bool] = None,
                 pad_future: bool = False,
                 output_heatmaps: bool = False,
                 output_motion: bool = False,
                 precision: str = 'float32') -> None:
        if mode not in MODES:
            raise ValueError(f'mode must be one of {MODES}, got {mode!r}')
        if batch_size is None:
            device = next(model.parameters()).device
            batch_size = 4 if device.type == 'cpu' else 16
        if batch_size < 1:
            raise ValueError(
                f'batch_size must be at least 1, got {batch_size}')
        self.model = model
        self.mode = mode
        self.batch_size = batch_size
        self.crop_policy = crop_policy or CropPolicy()
        self.settings = ClipSettings(model.cfg, model.dataset_meta)
        self.window = self.settings.window
        self.padding = self.settings.padding
        if mode == 'online' and self.window.offsets[-1] > 0 and not pad_future:
            raise ValueError(
                f"mode='online' cannot see frames to come, but the config's "
                f'window is {self.window.offsets}: use a model whose offsets '
                "are at most 0, mode='offline', or pad_future=True, which "
                f'pads the future ({self.padding!r}) at the cost of accuracy')
        self.window_model = WindowModel(model, self.window.key, flip_test,
                                        output_heatmaps, output_motion,
                                        precision)
        self.stats = StreamingStats()

    @property
    def lookahead(self) -> int:
        """int: Frames that are seen beyond a frame before its poses are."""
        if self.mode == 'online':
            return 0
        future = self.window.offsets[-1]
        if self.moves_features:
            # crops of all of a window's frames come before its poses
            return self.crop_lookahead + future
        return max(self.crop_lookahead, future)

    @property
    def crop_lookahead(self) -> int:
        """int: Frames that are seen beyond a frame before its crop is
        chosen."""
        if self.mode == 'online':
            return 0
        future = self.window.offsets[-1]
        if self.mode == 'naive':
            return future
        ahead = self.crop_policy.lookahead
        # its window waits for as many anyway, unless it has to wait for
        # their crops, too
        return ahead if self.moves_features else max(ahead, future)

    @property
    def moves_features(self) -> bool:
        """bool: Whether features are moved between crops at renewals."""
        return self.mode != 'naive' and self.crop_policy.renewal == 'warp'

    def iterate_poses(
            self,
            tracked_frames: Iterable[TrackedFrame],
            frame_step: int = 1) -> Iterator[Tuple[FramePoses, np.ndarray]]:
        """Estimate the poses of all frames of a video.

        Args:
            tracked_frames (Iterable[TrackedFrame]): The frames in order of
                time; read as needed, :attr:`lookahead` and at most
                ``batch_size`` frames ahead of those given out.
            frame_step (int): Difference of the numbers of frames that follow
                each other. Defaults to 1.

        Returns:
            Iterator[tuple[FramePoses, np.ndarray]]: Each frame's poses, in
            order, and the frame itself, (H, W, 3), uint8, BGR.

        Raises:
            ValueError: While iterating, if frames do not ascend or are no
                BGR images, a track occurs twice in a frame, or a box has no
                area.
        """
        if frame_step < 1:
            raise ValueError(
                f'frame_step must be at least 1, got {frame_step}')
        self.stats = StreamingStats()
        return self._iterate(tracked_frames, frame_step, self.stats)

    def _iterate(
            self, tracked_frames: Iterable[TrackedFrame], frame_step: int,
            stats: StreamingStats) -> Iterator[Tuple[FramePoses, np.ndarray]]:
        for _, frames in groupby(_checked(tracked_frames), _size):
            video = VideoPass(self, frame_step, stats)
            for frame in frames:
                video.add(frame)
                yield from video.finished()
            video.end()
            yield from video.finished()


def _size(frame: TrackedFrame) -> Tuple[int, ...]:
    return frame.image.shape


def _checked(frames: Iterable[TrackedFrame]) -> Iterator[TrackedFrame]:
    """The frames, if they are as they must be."""
    last = None
    for frame in frames:
        if frame.image.ndim != 3 or frame.image.shape[2] != 3:
            raise ValueError(
                f'frame {frame.index}: expected a BGR image (H, W, 3), got '
                f'{frame.image.shape}')
        if last is not None and frame.index <= last:
            raise ValueError(f'frame {frame.index} follows frame {last}: '
                             'frames must come in order of time')
        last = frame.index
        tracks = [box.track_id for box in frame.persons]
        if len(set(tracks)) < len(tracks):
            raise ValueError(
                f'frame {frame.index}: a track_id occurs twice among '
                f'{tracks}: a person has one box in a frame')
        yield frame


@dataclass
class _Pending:
    """A frame whose poses have not been given out.

    ``runs``, by track, is None until they are decided on. ``missing`` counts
    the persons without a pose; it is None until the frame's windows are made.
    """
    frame: TrackedFrame
    poses: FramePoses
    runs: Optional[Dict[int, CropRun]] = None
    missing: Optional[int] = None


class VideoPass:
    """What is known and under way along one video.

    Args:
        estimator (StreamingPoseEstimator): The settings.
        frame_step (int): Difference of the numbers of frames that follow
            each other.
        stats (StreamingStats): Where costs are counted.
    """

    def __init__(self, estimator: 'StreamingPoseEstimator', frame_step: int,
                 stats: StreamingStats) -> None:
        settings = estimator.settings
        is_naive = estimator.mode == 'naive'
        self._estimator = estimator
        self._stats = stats
        self._buffer = FrameBuffer(
            settings.window,
            settings.policy,
            frame_step,
            causal=estimator.mode == 'online')
        self._runs = CropRuns(
            settings,
            CropPolicy(0, 1, 0, 1) if is_naive else estimator.crop_policy)
        predictor = NaivePredictor if is_naive else CachedPredictor
        self._predict = predictor(estimator.window_model, settings, stats,
                                  estimator.batch_size)
        self._pending: Deque[_Pending] = deque()
        #: Number of a frame -> track -> run; while a window can ask.
        self._decided: Dict[int, Dict[int, CropRun]] = {}
        self._queue: List[Tuple[Window, _Pending, int]] = []
        self._has_ended = False

    def add(self, frame: TrackedFrame) -> None:
        """Take the next frame in, and do what can be done."""
        self._buffer.append(frame)
        self._pending.append(
            _Pending(
                frame,
                FramePoses(frame.index, [None] * len(frame.persons),
                           frame.timestamp)))
        self._advance()

    def end(self) -> None:
        """There are no more frames: do what is left."""
        self._has_ended = True
        self._advance()
        self._run()

    def finished(self) -> Iterator[Tuple[FramePoses, np.ndarray]]:
        """The frames that are done, each once, in order."""
        while self._pending and self._pending[0].missing == 0:
            done = self._pending.popleft()
            self._stats.frames += 1
            yield done.poses, done.frame.image

    def _advance(self) -> None:
        """Decide on crops and make windows of all frames that are ready."""
        self._assign_runs()
        for pending in self._pending:
            if pending.missing is not None:
                continue
            if not self._is_ready(pending):
                break
            self._make_windows(pending)
            if len(self._queue) >= self._estimator.batch_size:
                self._run()
        num_made = sum(p.missing is not None for p in self._pending)
        # people may be so rare that a batch takes a long time to fill
        if (not self._queue or num_made > self._estimator.batch_size
                or self._estimator.mode == 'online'):
            self._run()

    def _assign_runs(self) -> None:
        """Decide on the crops of all frames of which enough is known."""
        lookahead = self._estimator.crop_lookahead
        for place, pending in enumerate(self._pending):
            if pending.runs is not None:
                continue
            num_later = len(self._pending) - place - 1
            if num_later < lookahead and not self._has_ended:
                break
            key = number_of(pending.frame)
            # a track whose last window shares no frame with this one's starts
            # anew: that costs nothing
            self._runs.keep(
                lambda run: self._buffer.share_frames(run.last, key))
            ahead = list(
                islice(self._pending, place + 1, place + 1 + lookahead))
            pending.runs = {}
            for box in pending.frame.persons:
                run = self._runs.assign(key, box, _boxes(box.track_id, ahead))
                self._stats.crops += run.length == 1
                pending.runs[box.track_id] = run
            self._decided[key] = pending.runs

    def _is_ready(self, pending: _Pending) -> bool:
        """Whether all is known that a frame's windows depend on."""
        key = number_of(pending.frame)
        if pending.runs is None or not (self._has_ended
                                        or self._buffer.is_complete(key)):
            return False
        if not self._estimator.moves_features:
            return True
        last = max(self._buffer.clip(key))
        return all(
            p.runs is not None for p in self._pending
            if number_of(p.frame) <= last)

    def _make_windows(self, pending: _Pending) -> None:
        """Put the windows of a frame's persons into the queue."""
        frame = pending.frame
        pending.missing = len(frame.persons)
        if not frame.persons:
            return
        numbers = self._buffer.clip(number_of(frame))
        for place, box in enumerate(frame.persons):
            run = pending.runs[box.track_id]
            runs = [run] * len(numbers)
            if self._estimator.moves_features:
                # without a box, a frame is of the first run that sees it
                runs = [
                    self._decided.setdefault(n,
                                             {}).setdefault(box.track_id, run)
                    for n in numbers
                ]
            self._queue.append((Window(box, run, numbers,
                                       runs), pending, place))

    def _run(self) -> None:
        """Run the model on the queue and forget what is needed no more."""
        if self._queue:
            scope = self._estimator.settings.scope
            with DefaultScope.overwrite_default_scope(scope):
                poses = self._predict([entry[0] for entry in self._queue],
                                      self._buffer)
            for (window, pending, place), pose in zip(self._queue, poses):
                pending.poses.persons[place] = PersonPose(
                    window.box, pose.keypoints, pose.scores, window.crop,
                    pose.heatmaps, pose.motion)
                pending.missing -= 1
            self._stats.person_frames += len(self._queue)
            self._queue = []
        following = [
            number_of(p.frame) for p in self._pending if p.missing is None
        ]
        first = following[0] if following else self._buffer.last + 1
        self._buffer.drop_before(first)
        if self._estimator.moves_features:
            first = self._buffer.first
        self._decided = {
            number: runs
            for number, runs in self._decided.items() if number >= first
        }
        needed = {
            run.id
            for runs in self._decided.values()
            for run in runs.values()
        }
        self._predict.evict(self._buffer.first, needed | self._runs.active)


def _boxes(track_id: int, frames: Iterable[_Pending]) -> Iterator[TrackedBox]:
    """A track's boxes in frames."""
    for pending in frames:
        for box in pending.frame.persons:
            if box.track_id == track_id:
                yield box
