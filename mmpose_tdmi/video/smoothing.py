"""Smoothing of poses along tracks, and poses between poses, both off unless
asked for.

Smoothing moves keypoints and nothing else. It runs along one track at a time;
where a track pauses, be it for one frame, it starts again.

Shapes: K keypoints, n frames of a track around the one that is smoothed.
"""
import math
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import (Any, Callable, Deque, Dict, Iterable, Iterator, List,
                    Optional, Union)

import numpy as np
from scipy.signal import savgol_coeffs

from .structures import (FramePoses, PersonPose, TrackedBox, TrackedFrame,
                         named_choice)

__all__ = [
    'SMOOTHERS', 'NoSmoother', 'OneEuroSmoother', 'PoseSmoother',
    'SavitzkyGolaySmoother', 'build_smoother', 'fill_gaps'
]


class PoseSmoother(ABC):
    """Smooths the keypoints of a video's poses."""

    #: A frame comes out when that many more have come in, or there are none.
    lookahead: int = 0

    @abstractmethod
    def iterate(self, frames: Iterable[FramePoses]) -> Iterator[FramePoses]:
        """Smooth a video; a smoother serves many, also at the same time.

        Frames are in order of time, indices ascending by one where none was
        left out. New ones come, in the same order, with smoothed keypoints.
        """


class NoSmoother(PoseSmoother):
    """Passes frames through."""

    def iterate(self, frames: Iterable[FramePoses]) -> Iterator[FramePoses]:
        return iter(frames)


def _reliability(scores: np.ndarray, score_thr: float) -> np.ndarray:
    """How far keypoints are believed, 0 to 1: fully from ``score_thr`` on."""
    if score_thr <= 0:
        return np.ones(np.shape(scores))
    return np.clip(np.asarray(scores, float) / score_thr, 0, 1)


def _with_keypoints(frame: FramePoses,
                    keypoints: List[np.ndarray]) -> FramePoses:
    return frame.with_persons([
        replace(person, keypoints=values.astype(person.keypoints.dtype))
        for person, values in zip(frame.persons, keypoints)
    ])


def _follows(before: FramePoses, after: FramePoses) -> bool:
    """Whether tracks go on from a frame to the next."""
    if after.index <= before.index:
        raise ValueError(f'frames must ascend, got frame {after.index} after '
                         f'{before.index}')
    return (after.index == before.index + 1
            and np.shape(before.image) == np.shape(after.image))


@dataclass
class _State:
    """A track's filtered positions and velocities, (K, 2) each, and which
    keypoints have ever been reliable, (K, )."""
    position: np.ndarray
    velocity: np.ndarray
    is_known: np.ndarray


class OneEuroSmoother(PoseSmoother):
    """Follows keypoints, the faster the faster they move.

    An exponential mean whose cutoff frequency rises with speed: a joint that
    rests does not tremble, one that moves does not lag (Casiez et al., CHI
    2012). It agrees with its authors' library, but a joint's speed is that of
    both coordinates, and single joints may be unreliable.

    The cutoff frequency is ``min_cutoff + beta * speed``, the speed in person
    sizes, square roots of the box's area, per second. A keypoint whose score
    is below ``score_thr`` is followed proportionally less.

    Args:
        min_cutoff: Hertz; lower is smoother at rest.
        beta: Hertz per person size per second; higher lags less in motion.
        d_cutoff: Cutoff of the speed, in Hertz.
        score_thr: Lowest score fully followed; 0 heeds no scores.
        fps: Frames per second where there are no timestamps.
    """

    def __init__(self,
                 min_cutoff: float = 2.,
                 beta: float = 8.,
                 d_cutoff: float = 2.,
                 score_thr: float = 0.2,
                 fps: float = 25.) -> None:
        for name, value in dict(
                min_cutoff=min_cutoff, d_cutoff=d_cutoff, fps=fps).items():
            if value <= 0:
                raise ValueError(f'{name} must be positive, got {value}')
        for name, value in dict(beta=beta, score_thr=score_thr).items():
            if value < 0:
                raise ValueError(f'{name} must not be negative, got {value}')
        self.min_cutoff, self.beta, self.d_cutoff = min_cutoff, beta, d_cutoff
        self.score_thr, self.fps = score_thr, fps

    def iterate(self, frames: Iterable[FramePoses]) -> Iterator[FramePoses]:
        states: Dict[int, _State] = {}
        before: Optional[FramePoses] = None
        for frame in frames:
            if before is not None and not _follows(before, frame):
                states = {}
            step = 0. if before is None else self._step(before, frame)
            states = {
                p.box.track_id:
                self._filter(states.get(p.box.track_id), p, step)
                for p in frame.persons
            }
            before = frame
            found = [states[p.box.track_id].position for p in frame.persons]
            yield _with_keypoints(frame, found)

    def _step(self, before: FramePoses, after: FramePoses) -> float:
        """Seconds between two frames."""
        first, second = before.timestamp, after.timestamp
        if first is None or second is None:
            return (after.index - before.index) / self.fps
        if second < first:
            raise ValueError(
                f'frame {after.index} is at {second} s, before the frame '
                f'ahead of it at {first} s')
        return second - first

    def _filter(self, state: Optional[_State], person: PersonPose,
                step: float) -> _State:
        x = person.keypoints.astype(np.float64)
        trust = _reliability(person.scores, self.score_thr)
        if state is None:
            return _State(x, np.zeros_like(x), trust >= 1)
        if step == 0:
            return state  # no time has passed: nothing can have moved
        x1, y1, x2, y2 = person.box.bbox
        size = math.sqrt((x2 - x1) * (y2 - y1))
        velocity = (x - state.position) / step
        turn = 2 * math.pi * self.d_cutoff * step
        velocity = _towards(state.velocity, velocity, trust, turn)
        speed = np.linalg.norm(velocity, axis=1) / size
        turn = 2 * math.pi * (self.min_cutoff + self.beta * speed) * step
        position = _towards(state.position, x, trust, turn)
        # what has never been reliable says nothing about where it is now
        unknown = ~state.is_known
        position[unknown], velocity[unknown] = x[unknown], 0
        return _State(position, velocity, state.is_known | (trust >= 1))


def _towards(old: np.ndarray, new: np.ndarray, trust: np.ndarray,
             turn: Any) -> np.ndarray:
    """Between two positions (K, 2); by how far a new one is believed, (K, ),
    and by what the cutoff frequency turns in the step, 2 * pi * f * t."""
    return old + (trust * (turn / (1 + turn)))[:, None] * (new - old)


class SavitzkyGolaySmoother(PoseSmoother):
    """Fits a polynomial to each coordinate around each frame.

    The polynomial of order ``polyorder`` is fitted to ``window`` frames, odd,
    half of them yet to come, or fewer at a track's ends. Keypoints whose
    scores are below ``score_thr`` are put on the line between their reliable
    neighbours first, if a window has any. 0 heeds no scores. Weights are
    SciPy's, applied frame by frame, as whole tracks are not known.
    """

    def __init__(self,
                 window: int = 9,
                 polyorder: int = 2,
                 score_thr: float = 0.2) -> None:
        if window < 3 or window % 2 == 0:
            raise ValueError(
                f'window must be odd and at least 3, got {window}')
        if not 0 <= polyorder < window:
            raise ValueError(f'polyorder must be at least 0 and below the '
                             f'window of {window}, got {polyorder}')
        if score_thr < 0:
            raise ValueError(
                f'score_thr must not be negative, got {score_thr}')
        self.lookahead = window // 2
        self.polyorder = polyorder
        self.score_thr = score_thr

    def iterate(self, frames: Iterable[FramePoses]) -> Iterator[FramePoses]:
        # frames that tracks can go on through, the one to give out at `place`
        around: Deque[FramePoses] = deque()
        place = 0
        for after in chain(frames, [None]):
            if around and (after is None or not _follows(around[-1], after)):
                for last in range(place, len(around)):
                    yield self._smooth(around, last)
                around.clear()
                place = 0
            if after is None:
                return
            around.append(after)
            if place + self.lookahead < len(around):
                yield self._smooth(around, place)
                if place == self.lookahead:
                    around.popleft()
                else:
                    place += 1

    def _smooth(self, around: Deque[FramePoses], place: int) -> FramePoses:
        by_track = [{
            p.box.track_id: p
            for p in frame.persons
        } for frame in around]
        first = max(place - self.lookahead, 0)
        last = min(place + self.lookahead, len(around) - 1)
        smoothed = []
        for person in around[place].persons:
            track_id = person.box.track_id
            start = stop = place
            while start > first and track_id in by_track[start - 1]:
                start -= 1
            while stop < last and track_id in by_track[stop + 1]:
                stop += 1
            track = [by_track[i][track_id] for i in range(start, stop + 1)]
            scores = np.array([p.scores for p in track])
            x = np.array([p.keypoints for p in track], dtype=np.float64)
            x = _bridge(x, _reliability(scores, self.score_thr) >= 1)
            weights = _savgol_weights(len(x), self.polyorder, place - start)
            smoothed.append(np.tensordot(weights, x, axes=1))
        return _with_keypoints(around[place], smoothed)


@lru_cache(maxsize=None)
def _savgol_weights(length: int, polyorder: int, center: int) -> np.ndarray:
    """What a window's frames count; exact where it is too short to fit."""
    return savgol_coeffs(
        length, min(polyorder, length - 1), pos=center, use='dot')


def _bridge(x: np.ndarray, is_known: np.ndarray) -> np.ndarray:
    """Put unknown keypoints between known ones, (n, K, 2)."""
    x = x.copy()
    times = np.arange(len(x))
    for k in np.flatnonzero(~is_known.all(axis=0) & is_known.any(axis=0)):
        known = is_known[:, k]
        for axis in range(x.shape[2]):
            x[~known, k, axis] = np.interp(times[~known], times[known],
                                           x[known, k, axis])
    return x


_CLASSES: Dict[str, Callable[..., PoseSmoother]] = {
    'none': NoSmoother,
    'one_euro': OneEuroSmoother,
    'savgol': SavitzkyGolaySmoother
}
#: The names of all smoothers.
SMOOTHERS = tuple(_CLASSES)


def build_smoother(smoother: Union[str, dict, None] = None) -> PoseSmoother:
    """A smoother from its name, of :data:`SMOOTHERS`, or from a dict with such
    a ``type`` and the smoother's options; None is ``'none'``."""
    name, options = named_choice('smoother', smoother, _CLASSES)
    return _CLASSES[name](**options)


def fill_gaps(
    frames: Iterable[TrackedFrame], is_seen: Callable[[TrackedFrame], bool],
    estimate: Callable[[Iterator[TrackedFrame]], Iterator[FramePoses]]
) -> Iterator[FramePoses]:
    """Poses of all frames, of which some are estimated.

    Between two poses of a person, keypoints and scores are on the line from
    one to the other; where there is one only, at the ends of a track, the
    pose is moved as the box moves. Who is in none of the frames seen has no
    pose.

    Args:
        frames: Persons' boxes, in order of time.
        is_seen: Which of them are estimated.
        estimate: From those, one by one, to their poses in the same order.
    """
    waiting: Deque[TrackedFrame] = deque()

    def seen() -> Iterator[TrackedFrame]:
        for frame in frames:
            waiting.append(frame)
            if is_seen(frame):
                yield frame

    before: Optional[FramePoses] = None
    for after in estimate(seen()):
        while waiting[0].index < after.index:
            yield _between(waiting.popleft(), before, after)
        waiting.popleft()
        yield after
        before = after
    for frame in waiting:
        yield _between(frame, before, None)


def _between(frame: TrackedFrame, *ends: Optional[FramePoses]) -> FramePoses:
    persons = []
    for box in frame.persons:
        known = [(abs(end.index - frame.index), p) for end in ends
                 if end is not None and end.image.shape == frame.image.shape
                 for p in end.persons if p.box.track_id == box.track_id]
        if len(known) == 2:
            (before, first), (after, second) = known
            share = before / (before + after)
            nearer = first if share <= .5 else second
            persons.append(
                replace(
                    nearer,
                    box=box,
                    keypoints=first.keypoints + share *
                    (second.keypoints - first.keypoints),
                    scores=first.scores + share *
                    (second.scores - first.scores)))
        elif known:
            pose = known[0][1]
            shift = (_middle(box) - _middle(pose.box)).astype(
                pose.keypoints.dtype)
            persons.append(
                replace(pose, box=box, keypoints=pose.keypoints + shift))
    return frame.with_persons(persons)


def _middle(box: TrackedBox) -> np.ndarray:
    return np.add(box.bbox[:2], box.bbox[2:]) / 2
