"""Poses along a video at one backbone pass per person and frame.

The backbone sees each frame of a person once, through the crop that its box
asks for (:mod:`.crops`), or, where it has none, the first window's that sees
it. The features are kept for all windows that see the frame (:mod:`.phases`);
where their crop is another, they are moved. Modes are

- ``'offline'``: a frame's poses come when its window is there, a bit late;
- ``'online'``: they come before the next frame is asked for; the model's
  window must not reach into the future;
- ``'naive'``: a crop for every box and T backbone passes for each, as a test
  on a dataset does it: the reference.

Frames are copied where they are kept: a caller who writes on one that was
given out, or fills it anew, changes no pose. A
copy of 1920x1080 takes 0.8 ms, below 1 % of a pose on a CPU.

Memory is bounded by the window's span and a batch. A change of the frames'
size ends a video and starts another: no window crosses it.

Shapes: T frames of a window, H x W pixels of a frame.
"""
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import (Deque, Dict, Iterable, Iterator, List, Optional, Sequence,
                    Tuple, TypeVar)

import numpy as np
from mmengine.registry import DefaultScope
from torch import nn

from mmpose_tdmi.datasets.frames import PaddedWindows, PaddingPolicy
from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.stages import StageTimes, stage
from .crops import ClipSettings, CropPolicy, CropWarp
from .phases import (MEAN_WINDOW, PRECISIONS, RUNTIMES, FrameFeatures,
                     Precision, WindowModel, WindowPose, check_preprocessor)
from .smoothing import fill_gaps
from .structures import Crop, FramePoses, PersonPose, TrackedBox, TrackedFrame

__all__ = [
    'MODES', 'PRECISIONS', 'RUNTIMES', 'Precision', 'ClipSettings',
    'CropPolicy', 'FeatureCache', 'FrameFeatures', 'StageTimes',
    'StreamingPoseEstimator', 'StreamingStats', 'WindowModel', 'WindowPose',
    'stage'
]

#: What a single-frame model can be made to do with neighbouring frames.
TEMPORAL = ('mean', )
MODES = ('offline', 'online', 'naive')
#: All crops are renewed where a frame's number passes a multiple of it: poses
#: hang on no frames further back, wherever a run along a video begins.
RENEWAL = 60
#: (track id, number of the frame).
Key = Tuple[int, int]
Item = TypeVar('Item')


@dataclass
class StreamingStats:
    """Counts of one run along a video."""
    frames: int = 0  #: Frames whose poses were given out.
    person_frames: int = 0  #: Poses: persons times the frames with a box.
    #: Crops through the backbone; with the flipped copy, they count as one.
    backbone_passes: int = 0
    crops: int = 0  #: Crops chosen: one per track and for every renewal.

    @property
    def passes_per_person_frame(self) -> float:
        """float: Backbone passes per pose: T without reuse; above 1 are frames
        in which the person has no box."""
        return self.backbone_passes / max(self.person_frames, 1)

    @property
    def person_frames_per_crop(self) -> float:
        """float: For how many frames a crop was kept, on average."""
        return self.person_frames / max(self.crops, 1)


class FrameBuffer:
    """The last frames by number, and which of them make up a window.

    The streaming counterpart of the datasets' :class:`VideoFrames`, with the
    same offsets, in steps of the video's frame step, and padding policies;
    where a track starts, ends or pauses, the window has the frames that are
    there. Kept are the frames that a window of the frames to come can name:
    those in its span and, for holes, the last one before.
    """

    def __init__(self,
                 window: FrameWindow,
                 policy: PaddingPolicy,
                 frame_step: int = 1) -> None:
        self._offsets = [frame_step * offset for offset in window.offsets]
        self._policy = policy
        self.windows = PaddedWindows()
        self._frames: Deque[TrackedFrame] = deque()

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def first(self) -> int:
        """The number of the oldest frame that is kept."""
        return self._frames[0].number

    @property
    def last(self) -> int:
        """int: The number of the newest frame."""
        return self._frames[-1].number

    def append(self, frame: TrackedFrame) -> None:
        """Add the next frame, whose number must be above the last one's."""
        if self._frames and frame.number <= self.last:
            raise ValueError('frames must come in ascending order, but '
                             f'{frame.number} follows {self.last}')
        self._frames.append(frame)

    def __getitem__(self, number: int) -> TrackedFrame:
        """The frame of a number, which must be kept."""
        return next(f for f in self._frames if f.number == number)

    def is_complete(self, key: int) -> bool:
        """Whether all frames that a key frame's window can name are there."""
        return self.last >= key + self._offsets[-1]

    def clip(self, key: int) -> List[int]:
        """The numbers of a key frame's window, T, the video ending with the
        newest frame."""
        numbers = np.array([frame.number for frame in self._frames])
        targets = [key + offset for offset in self._offsets]
        self.windows.add(targets, numbers)
        return [
            target if found else self._policy(numbers, key, target)
            for target, found in zip(targets, np.isin(targets, numbers))
        ]

    def share_frames(self, earlier: int, later: int) -> bool:
        """Whether the windows of two key frames overlap."""
        return later - earlier <= self._offsets[-1] - self._offsets[0]

    def drop_before(self, key: int) -> None:
        """Forget what no window of ``key`` or a later frame can name."""
        bound = key + self._offsets[0]
        while len(self._frames) > 1 and self._frames[1].number <= bound:
            self._frames.popleft()


class FeatureCache(Dict[Key, FrameFeatures]):
    """Features by track and frame, for as long as a window can name them."""

    def missing(self, keys: Iterable[Key]) -> List[Key]:
        """Those that are not there, each once, in the order given."""
        return [key for key in dict.fromkeys(keys) if key not in self]

    def evict(self, oldest: int) -> None:
        """Forget what is of frames before the number ``oldest``."""
        for key in [key for key in self if key[1] < oldest]:
            del self[key]


@dataclass
class _Window:
    """A person's window around a frame, and the pose that is made of it."""
    box: TrackedBox
    crop: Crop
    numbers: List[int]
    pose: Optional[PersonPose] = None


@dataclass
class _Video:
    """What is known and under way along one video.

    ``crops``, by number and track, are those that the backbone sees a frame
    through, while a window can ask; ``current`` has each track's crop and the
    number of the last frame that it was kept for. ``waiting`` are frames
    whose windows have to be made, ``made`` those that have them and have not
    been given out, ``queue`` the windows without a pose.
    """
    buffer: FrameBuffer
    stats: StreamingStats
    crops: Dict[int, Dict[int, Crop]] = field(default_factory=dict)
    current: Dict[int, Tuple[Crop, int]] = field(default_factory=dict)
    waiting: Deque[TrackedFrame] = field(default_factory=deque)
    made: Deque[Tuple[TrackedFrame,
                      List[_Window]]] = field(default_factory=deque)
    queue: List[_Window] = field(default_factory=list)
    cache: FeatureCache = field(default_factory=FeatureCache)


class StreamingPoseEstimator:
    """Estimates the poses of tracked persons along a video.

    Args:
        model: What :func:`mmpose_tdmi.apis.init_pose_model` gives. Window,
            padding and pipeline are those of its config's test dataset.
        mode: ``'offline'``, ``'online'`` or ``'naive'``.
        batch_size: Crops per pass of the backbone and windows per pass of neck
            and head, of any persons and frames. Defaults to ``None``: 4 on a
            CPU, where the maps of more leave the caches, 16 elsewhere.
        crop_policy: How long crops are kept; not used by ``'naive'``.
        flip_test: Whether a flipped copy is averaged in. Defaults to ``None``,
            what the model's ``test_cfg`` says.
        output_heatmaps: Whether poses carry heatmaps.
        output_motion: Whether poses carry the neck's motion feature.
        precision: ``'float32'``, ``'bfloat16'``, ``'float16'`` or ``'auto'``,
            see :class:`Precision`.
        temporal: ``'mean'``: a single-frame model's heatmaps are averaged
            over five frames. Defaults to ``None``.
        every: The model sees each so manyeth frame, by number, as if there
            were no others; poses between are interpolated, see
            :func:`~mmpose_tdmi.video.smoothing.fill_gaps`.
        backend: What runs the model: ``'pytorch'``; ``'onnxruntime'``, its
            graphs, which are made once and kept; or ``'auto'``, what is
            faster.

    ``stats`` counts the last :meth:`iterate_poses`.
    """

    def __init__(self,
                 model: nn.Module,
                 mode: str = 'offline',
                 batch_size: Optional[int] = None,
                 crop_policy: Optional[CropPolicy] = None,
                 flip_test: Optional[bool] = None,
                 output_heatmaps: bool = False,
                 output_motion: bool = False,
                 precision: str = 'float32',
                 temporal: Optional[str] = None,
                 every: int = 1,
                 backend: str = 'pytorch') -> None:
        if mode not in MODES:
            raise ValueError(f'mode must be one of {MODES}, got {mode!r}')
        if backend not in RUNTIMES:
            raise ValueError(
                f'backend must be one of {RUNTIMES}, got {backend!r}')
        if temporal not in (None, *TEMPORAL):
            raise ValueError('temporal must be None or one of '
                             f'{TEMPORAL}, got {temporal!r}')
        device = next(model.parameters()).device
        if batch_size is None:
            batch_size = 4 if device.type == 'cpu' else 16
        if batch_size < 1:
            raise ValueError(
                f'batch_size must be at least 1, got {batch_size}')
        if every < 1:
            raise ValueError(f'every must be at least 1, got {every}')
        if every > 1 and (mode == 'online' or output_heatmaps
                          or output_motion):
            raise ValueError(
                f'every={every}: poses between wait for the next one, which '
                "mode='online' cannot, and have no heatmaps or motion feature,"
                ' which drawing or the tracker asks for')
        self.model = model
        self.mode = mode
        self.every = every
        self.batch_size = batch_size
        self.crop_policy = crop_policy or CropPolicy()
        self.settings = ClipSettings(model.cfg, model.dataset_meta)
        self.window = self.settings.window
        self.padding = self.settings.padding
        if self.window.num_frames > 1:
            check_preprocessor(model)
        if temporal is not None:
            if self.window.num_frames > 1 or mode == 'naive':
                raise ValueError(
                    f'temporal={temporal!r} is for models of single frames, '
                    f"in the mode 'offline'; this model's window is "
                    f'{self.window.offsets}, the mode {mode!r}')
            self.window = MEAN_WINDOW
        if mode == 'online' and self.window.offsets[-1] > 0:
            raise ValueError(
                f"mode='online' cannot see frames to come, but the model's "
                f'window is {self.window.offsets}: use a model whose offsets '
                "are at most 0, or mode='offline'")
        graphs = None
        if backend != 'pytorch':
            # over these rooms, and of no use to who has no export
            from mmpose_tdmi.deploy.runtime import open_phases
            if precision == 'auto':
                precision = 'float32' if backend == 'onnxruntime' else \
                    Precision(precision, device).name
            graphs = open_phases(model, self.settings, backend, precision,
                                 output_motion)
        self.window_model = WindowModel(model, self.window.key, flip_test,
                                        output_heatmaps, output_motion,
                                        precision, temporal == 'mean', graphs)
        self.stats = StreamingStats()
        self._warp = CropWarp(self.settings.input_size, self.settings.use_udp)

    @property
    def lookahead(self) -> int:
        """int: Frames that are seen beyond a frame before its poses are."""
        return self.every * (self.window.offsets[-1] + 1) - 1

    def iterate_poses(self,
                      tracked_frames: Iterable[TrackedFrame],
                      frame_step: int = 1) -> Iterator[FramePoses]:
        """Estimate the poses of all frames of a video, given in order of time.

        They are read as needed, :attr:`lookahead` and at most ``batch_size``
        frames ahead of those given out; ``frame_step`` is the difference of
        the numbers of frames that follow each other.

        Raises:
            ValueError: While iterating, if frames do not ascend or are no
                BGR images, a track occurs twice in a frame, or a box has no
                area.
        """
        if frame_step < 1:
            raise ValueError(
                f'frame_step must be at least 1, got {frame_step}')
        self.stats = stats = StreamingStats()
        frames = _checked(tracked_frames)
        if self.every == 1:
            return self._iterate(frames, frame_step, stats)
        step = frame_step * self.every
        return fill_gaps(
            frames, lambda frame: frame.number // frame_step % self.every == 0,
            lambda seen: self._iterate(seen, step, stats))

    def _iterate(self, frames: Iterable[TrackedFrame], frame_step: int,
                 stats: StreamingStats) -> Iterator[FramePoses]:
        for _, same_size in groupby(frames, lambda frame: frame.image.shape):
            video = _Video(
                FrameBuffer(self.window, self.settings.policy, frame_step),
                stats)
            for frame in same_size:
                video.buffer.append(replace(frame, image=frame.image.copy()))
                video.waiting.append(frame)
                self._choose_crops(video, frame)
                self._advance(video)
                yield from self._finished(video)
            self._advance(video, has_ended=True)
            video.buffer.windows.judge('the video')
            yield from self._finished(video)

    def _choose_crops(self, video: _Video, frame: TrackedFrame) -> None:
        """Decide what the frame's persons are seen through."""
        # a track whose last window shares no frame with this one's starts
        # anew: that costs nothing
        video.current = {
            track: (crop, last)
            for track, (crop, last) in video.current.items()
            if video.buffer.share_frames(last, frame.number)
        }
        crops = video.crops[frame.number] = {}
        for box in frame.persons:
            crop = self.settings.crop(box.bbox)
            kept, last = video.current.get(box.track_id, (None, 0))
            if (kept is not None and self.mode != 'naive'
                    and last // RENEWAL == frame.number // RENEWAL
                    and self.crop_policy.keeps(kept, crop)):
                crop = kept
            else:
                video.stats.crops += 1
            crops[box.track_id] = crop
            video.current[box.track_id] = crop, frame.number

    def _advance(self, video: _Video, has_ended: bool = False) -> None:
        """Make the windows of all frames that are ready, and run the model
        where it is time for it."""
        while video.waiting and (has_ended or video.buffer.is_complete(
                video.waiting[0].number)):
            self._make_windows(video, video.waiting.popleft())
            if len(video.queue) >= self.batch_size:
                self._run(video)
        # people may be so rare that a batch takes a long time to fill
        if (not video.queue or len(video.made) > self.batch_size
                or self.mode == 'online' or has_ended):
            self._run(video)

    def _make_windows(self, video: _Video, frame: TrackedFrame) -> None:
        windows = []
        if frame.persons:
            numbers = video.buffer.clip(frame.number)
            for box in frame.persons:
                crop = video.crops[frame.number][box.track_id]
                windows.append(_Window(box, crop, numbers))
                # without a box, a frame is of the first window that sees it
                for number in numbers:
                    video.crops[number].setdefault(box.track_id, crop)
        video.made.append((frame, windows))
        video.queue += windows

    def _run(self, video: _Video) -> None:
        """Run the model on the queue and forget what is needed no more."""
        if video.queue:
            predict = self._predict_cached
            # a frame that is in one window only is not kept for others
            if self.mode == 'naive' or self.window.num_frames == 1:
                predict = self._predict_naive
            with DefaultScope.overwrite_default_scope(self.settings.scope):
                poses = predict(video)
            for window, pose in zip(video.queue, poses):
                window.pose = PersonPose(window.box, pose.keypoints,
                                         pose.scores, window.crop,
                                         pose.heatmaps, pose.motion)
            video.stats.person_frames += len(video.queue)
            video.queue = []
        buffer = video.buffer
        buffer.drop_before(
            video.waiting[0].number if video.waiting else buffer.last + 1)
        for number in [n for n in video.crops if n < buffer.first]:
            del video.crops[number]
        video.cache.evict(buffer.first)

    def _predict_cached(self, video: _Video) -> List[WindowPose]:
        """Each crop goes through the backbone once, however many windows see
        it."""
        boxes = {
            (w.box.track_id, number): w.box
            for w in video.queue
            for number in w.numbers
        }
        for keys in self._batches(video.cache.missing(boxes)):
            samples = [
                self.settings.pack([video.buffer[i].image], [i],
                                   boxes[track, i], video.crops[i][track])
                for track, i in keys
            ]
            features = self.window_model.encode_frames(samples)
            video.cache.update(zip(keys, features))
            video.stats.backbone_passes += len(keys)
        poses: List[WindowPose] = []
        for windows in self._batches(video.queue):
            with stage('neck_head'):
                clips = [[
                    self._warp(video.cache[w.box.track_id, i],
                               video.crops[i][w.box.track_id], w.crop)
                    for i in w.numbers
                ] for w in windows]
            poses += self.window_model.predict_windows(clips)
        return poses

    def _predict_naive(self, video: _Video) -> List[WindowPose]:
        """Every frame of every window goes through the whole model, in the
        mode ``'naive'`` exactly as in a test."""
        poses: List[WindowPose] = []
        for windows in self._batches(video.queue):
            poses += self.window_model.predict_clips([
                self.settings.pack([video.buffer[i].image
                                    for i in w.numbers], w.numbers, w.box)
                for w in windows
            ], self.mode != 'naive')
            video.stats.backbone_passes += sum(len(w.numbers) for w in windows)
        return poses

    def _batches(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        for start in range(0, len(items), self.batch_size):
            yield items[start:start + self.batch_size]

    def _finished(self, video: _Video) -> Iterator[FramePoses]:
        """The frames that are done, each once, in order."""
        while video.made:
            frame, windows = video.made[0]
            poses = [w.pose for w in windows if w.pose is not None]
            if len(poses) < len(windows):
                return
            video.made.popleft()
            video.stats.frames += 1
            yield frame.with_persons(poses)


def _checked(frames: Iterable[TrackedFrame]) -> Iterator[TrackedFrame]:
    """The frames, if they are as they must be."""
    last = None
    for frame in frames:
        if (frame.image is None or frame.image.ndim != 3
                or frame.image.shape[2] != 3):
            raise ValueError(
                f'frame {frame.index}: expected a BGR image (H, W, 3), got '
                f'{None if frame.image is None else frame.image.shape}')
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
