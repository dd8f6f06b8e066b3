"""One video's way through the engine: what is known and under way.

Frames come in one by one. A frame's crops are decided on as soon as enough
frames are known after it, its windows made when the crops of all frames that
they need are decided, and windows are run in batches.

Shape shorthand: H x W pixels of a frame.
"""
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import (TYPE_CHECKING, Deque, Dict, Iterable, Iterator, List,
                    Optional, Tuple)

import numpy as np
from mmengine.registry import DefaultScope

from ..structures import FramePoses, PersonPose, TrackedBox, TrackedFrame
from .crop_policy import CropPolicy
from .crop_runs import CropRun, CropRuns
from .frame_buffer import FrameBuffer, number_of
from .predictors import CachedPredictor, NaivePredictor, Window
from .stats import StreamingStats

if TYPE_CHECKING:
    from .engine import StreamingPoseEstimator


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
