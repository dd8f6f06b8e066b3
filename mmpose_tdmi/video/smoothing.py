"""Smoothing of poses along tracks, off unless asked for.

What smoothing of poses along tracks is.

Smoothing moves keypoints and nothing else. It runs along one track at a time;
where a track pauses, be it for one frame, it starts again.

Shape shorthand: K keypoints, H x W pixels of a frame.

The One-Euro filter, which needs no frames to come.

An exponential mean whose cutoff frequency rises with speed, so that a joint
that rests does not tremble and one that moves does not lag (Casiez et al.,
CHI 2012). It is written out here because its authors' library filters one
number at a time: for a pose, the speed of a joint is one of two coordinates
together, a joint may be unreliable while others are not, and 34 filters a
person are replaced by one array operation. Both agree where they can be
compared, which a test does.

Shape shorthand: K keypoints.

Smoothing over the frames before and after: Savitzky-Golay and Gaussian.

Both need a fixed number of frames to come. Weights are SciPy's; applied here
frame by frame, as a video's tracks are not known as a whole.

Shape shorthand: n frames of a track around the one that is smoothed, K
keypoints.

Smoothers by name.
"""
import inspect
import math
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import (Any, Callable, Deque, Dict, Iterable, Iterator, List,
                    Optional, Tuple, Union)

import numpy as np
from scipy.signal import savgol_coeffs
from scipy.signal.windows import gaussian

from .structures import FramePoses, PersonPose

__all__ = [
    'SMOOTHERS', 'GaussianSmoother', 'NoSmoother', 'OneEuroSmoother',
    'PoseSmoother', 'SavitzkyGolaySmoother', 'build_smoother'
]

#: A frame's poses and the frame, (H, W, 3).
PosedFrame = Tuple[FramePoses, np.ndarray]


class PoseSmoother(ABC):
    """Smooths the keypoints of a video's poses.

    Attributes:
        lookahead (int): Frames that are held back: a frame comes out when
            that many more have come in, or there are no more.
    """

    lookahead: int = 0

    @abstractmethod
    def iterate(self, frames: Iterable[PosedFrame]) -> Iterator[PosedFrame]:
        """Smooth a video.

        All that is remembered belongs to this call, so that a smoother serves
        many videos.

        Args:
            frames (Iterable[tuple[FramePoses, np.ndarray]]): Poses and
                images in order of time, :attr:`FramePoses.index` ascending by
                one where no frame was left out.

        Returns:
            Iterator[tuple[FramePoses, np.ndarray]]: The same frames in the
            same order, the persons with smoothed keypoints; what was put in
            is left as it is.

        Raises:
            ValueError: While iterating, if frames do not ascend.
        """


class NoSmoother(PoseSmoother):
    """Passes frames through."""

    def iterate(self, frames: Iterable[PosedFrame]) -> Iterator[PosedFrame]:
        """The frames as they are."""
        return iter(frames)


def reliability(scores: np.ndarray, score_thr: float) -> np.ndarray:
    """How far keypoints are to be believed.

    Args:
        scores (np.ndarray): Any shape.
        score_thr (float): From here a keypoint is fully believed; 0: always.

    Returns:
        np.ndarray: ``scores / score_thr`` in [0, 1], of that shape.
    """
    if score_thr <= 0:
        return np.ones(np.shape(scores))
    return np.clip(np.asarray(scores, float) / score_thr, 0, 1)


def with_keypoints(poses: FramePoses,
                   keypoints: List[np.ndarray]) -> FramePoses:
    """The same persons with other keypoints.

    Args:
        poses (FramePoses): A frame's poses.
        keypoints (list[np.ndarray]): Those of each person, (K, 2).
    """
    persons = [
        replace(person, keypoints=values.astype(person.keypoints.dtype))
        for person, values in zip(poses.persons, keypoints)
    ]
    return replace(poses, persons=persons)


def follows(before: PosedFrame, after: PosedFrame) -> bool:
    """bool: Whether tracks go on from a frame to the next.

    Raises:
        ValueError: If the indices do not ascend.
    """
    first, second = before[0].index, after[0].index
    if second <= first:
        raise ValueError(
            f'frames must ascend, got frame {second} after {first}')
    return second == first + 1 and before[1].shape == after[1].shape


@dataclass
class _State:
    """A track's filtered positions and velocities, (K, 2) each, and which
    keypoints have ever been reliable, (K, )."""
    position: np.ndarray
    velocity: np.ndarray
    is_known: np.ndarray


class OneEuroSmoother(PoseSmoother):
    """Follows keypoints, the faster the faster they move.

    The cutoff frequency is ``min_cutoff + beta * speed``, with the speed in
    person sizes per second, a person's size being the square root of the
    box's area, so that settings fit near and far people alike. A keypoint
    whose score is below ``score_thr`` is followed proportionally less.

    Time is that of the frames' timestamps; a video in which a frame has none
    is timed by ``fps``.

    Args:
        min_cutoff (float): Hertz; lower is smoother at rest. Defaults to 2.
        beta (float): Hertz per person size per second; higher lags less in
            motion. Defaults to 8.
        d_cutoff (float): Cutoff of the speed, in Hertz. Defaults to 2.
        score_thr (float): From this score on a keypoint is fully followed; 0
            heeds no scores. Defaults to 0.2.
        fps (float): Frames per second where there are no timestamps. Defaults
            to 25.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 min_cutoff: float = 2.,
                 beta: float = 8.,
                 d_cutoff: float = 2.,
                 score_thr: float = 0.2,
                 fps: float = 25.) -> None:
        for name, value in (('min_cutoff', min_cutoff), ('d_cutoff', d_cutoff),
                            ('fps', fps)):
            if value <= 0:
                raise ValueError(f'{name} must be positive, got {value}')
        for name, value in (('beta', beta), ('score_thr', score_thr)):
            if value < 0:
                raise ValueError(f'{name} must not be negative, got {value}')
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.d_cutoff = d_cutoff
        self.score_thr = score_thr
        self.fps = fps

    def iterate(self, frames: Iterable[PosedFrame]) -> Iterator[PosedFrame]:
        """As :meth:`PoseSmoother.iterate`; each frame comes out at once.

        Raises:
            ValueError: While iterating, if frames or timestamps do not
                ascend.
        """
        states: Dict[int, _State] = {}
        before: Optional[PosedFrame] = None
        for frame in frames:
            if before is not None and not follows(before, frame):
                states = {}
            poses, image = frame
            step = 0. if before is None else self._step(before, frame)
            now: Dict[int, _State] = {}
            smoothed: List[np.ndarray] = []
            for person in poses.persons:
                track_id = person.box.track_id
                now[track_id] = self._filter(
                    states.get(track_id), person, step)
                smoothed.append(now[track_id].position)
            states, before = now, frame
            yield with_keypoints(poses, smoothed), image

    def _step(self, before: PosedFrame, after: PosedFrame) -> float:
        """Seconds between two frames."""
        first, second = before[0].timestamp, after[0].timestamp
        if first is None or second is None:
            return (after[0].index - before[0].index) / self.fps
        if second < first:
            raise ValueError(
                f'frame {after[0].index} is at {second} s, before the frame '
                f'ahead of it at {first} s')
        return second - first

    def _filter(self, state: Optional[_State], person: PersonPose,
                step: float) -> _State:
        x = person.keypoints.astype(np.float64)
        trust = reliability(person.scores, self.score_thr)
        if state is None:
            return _State(x, np.zeros_like(x), trust >= 1)
        if step == 0:
            return state  # no time has passed: nothing can have moved
        x1, y1, x2, y2 = person.box.bbox
        size = math.sqrt((x2 - x1) * (y2 - y1))
        velocity = (x - state.position) / step
        velocity = _towards(state.velocity, velocity,
                            trust * _share(self.d_cutoff, step))
        speed = np.linalg.norm(velocity, axis=1) / size
        position = _towards(
            state.position, x,
            trust * _share(self.min_cutoff + self.beta * speed, step))
        # what has never been reliable says nothing about where it is now
        unknown = ~state.is_known
        position[unknown], velocity[unknown] = x[unknown], 0
        return _State(position, velocity, state.is_known | (trust >= 1))


def _share(cutoff: Any, step: float) -> Any:
    """The share of a new value in the mean."""
    turn = 2 * math.pi * cutoff * step
    return turn / (1 + turn)


def _towards(old: np.ndarray, new: np.ndarray,
             share: np.ndarray) -> np.ndarray:
    """Between two positions (K, 2), by each keypoint's share (K, )."""
    return old + np.asarray(share)[:, None] * (new - old)


class WindowSmoother(PoseSmoother):
    """Smooths over ``lookahead`` frames to either side, fewer near the ends
    of a track.

    Args:
        lookahead (int): At least 1.
        score_thr (float): From this score on a keypoint counts fully; 0 heeds
            no scores.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self, lookahead: int, score_thr: float) -> None:
        if lookahead < 1:
            raise ValueError(f'lookahead must be at least 1, got {lookahead}')
        if score_thr < 0:
            raise ValueError(
                f'score_thr must not be negative, got {score_thr}')
        self.lookahead = lookahead
        self.score_thr = score_thr

    def iterate(self, frames: Iterable[PosedFrame]) -> Iterator[PosedFrame]:
        """As :meth:`PoseSmoother.iterate`."""
        # frames that tracks can go on through, the one to give out at `place`
        around: Deque[PosedFrame] = deque()
        place = 0

        def finish(keep: int) -> Iterator[PosedFrame]:
            nonlocal place
            while len(around) - place > keep:
                yield self._smooth(around, place)
                if place == self.lookahead:
                    around.popleft()
                else:
                    place += 1

        for frame in frames:
            if around and not follows(around[-1], frame):
                yield from finish(0)
                around.clear()
                place = 0
            around.append(frame)
            yield from finish(self.lookahead)
        yield from finish(0)

    @abstractmethod
    def _smooth_one(self, x: np.ndarray, trust: np.ndarray,
                    center: int) -> np.ndarray:
        """Smooth one frame's keypoints.

        Args:
            x (np.ndarray): A track's keypoints, (n, K, 2).
            trust (np.ndarray): How far to believe them, (n, K), in [0, 1].
            center (int): The frame to smooth.

        Returns:
            np.ndarray: (K, 2).
        """

    def _smooth(self, around: Deque[PosedFrame], place: int) -> PosedFrame:
        poses, image = around[place]
        by_track: List[Dict[int, PersonPose]] = [{
            person.box.track_id: person
            for person in frame.persons
        } for frame, _ in around]
        last = min(place + self.lookahead, len(around) - 1)
        smoothed = []
        for person in poses.persons:
            track_id = person.box.track_id
            start = stop = place
            while start > 0 and track_id in by_track[start - 1]:
                start -= 1
            while stop < last and track_id in by_track[stop + 1]:
                stop += 1
            track = [by_track[i][track_id] for i in range(start, stop + 1)]
            smoothed.append(
                self._smooth_one(
                    np.array([p.keypoints for p in track], dtype=np.float64),
                    reliability(
                        np.array([p.scores for p in track]), self.score_thr),
                    place - start))
        return with_keypoints(poses, smoothed), image


class SavitzkyGolaySmoother(WindowSmoother):
    """Fits a polynomial to each coordinate around each frame.

    Keypoints whose scores are below ``score_thr`` are put on the line between
    their reliable neighbours first; where a window has none, they stay.

    Args:
        window (int): Frames that it is fitted to, odd. Defaults to 9.
        polyorder (int): The polynomial's order, below ``window``. Defaults to
            2.
        score_thr (float): See above; 0 heeds no scores. Defaults to 0.2.

    Raises:
        ValueError: If an argument is out of its range.
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
        super().__init__(window // 2, score_thr)
        self.polyorder = polyorder

    def _smooth_one(self, x: np.ndarray, trust: np.ndarray,
                    center: int) -> np.ndarray:
        x = _bridge(x, trust >= 1)
        weights = _savgol_weights(len(x), self.polyorder, center)
        return np.tensordot(weights, x, axes=1)


class GaussianSmoother(WindowSmoother):
    """Averages over the frames around, nearer ones more.

    Windows are symmetric also near the ends of a track, where they shrink: a
    one-sided mean would lag. Keypoints count in proportion to their
    reliability; where none counts at all, they stay.

    Args:
        sigma (float): Standard deviation in frames. Defaults to 1.
        truncate (float): Standard deviations at which it ends. Defaults to 3.
        score_thr (float): From this score on a keypoint counts fully; 0 heeds
            no scores. Defaults to 0.2.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 sigma: float = 1.,
                 truncate: float = 3.,
                 score_thr: float = 0.2) -> None:
        for name, value in (('sigma', sigma), ('truncate', truncate)):
            if value <= 0:
                raise ValueError(f'{name} must be positive, got {value}')
        super().__init__(max(1, int(truncate * sigma + 0.5)), score_thr)
        self.sigma = sigma

    def _smooth_one(self, x: np.ndarray, trust: np.ndarray,
                    center: int) -> np.ndarray:
        radius = min(center, len(x) - 1 - center)
        part = slice(center - radius, center + radius + 1)
        weights = gaussian(2 * radius + 1, self.sigma)[:, None] * trust[part]
        total = weights.sum(axis=0)
        known = total > 0
        mean = np.einsum('nk,nkd->kd', weights, x[part])
        smoothed = x[center].copy()
        smoothed[known] = mean[known] / total[known, None]
        return smoothed


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
    'savgol': SavitzkyGolaySmoother,
    'gaussian': GaussianSmoother
}
#: The names of all smoothers.
SMOOTHERS = tuple(_CLASSES)


def build_smoother(smoother: Union[str, dict, None] = None) -> PoseSmoother:
    """A smoother from its name or its settings.

    Args:
        smoother (str | dict, optional): One of :data:`SMOOTHERS`, or a dict
            with such a ``type`` and the smoother's options. Defaults to
            ``None``, which is ``'none'``.

    Returns:
        PoseSmoother: The smoother.

    Raises:
        ValueError: If there is no such smoother or option, or a value is out
            of its range.
    """
    options = dict(smoother) if isinstance(smoother, dict) else {
        'type': 'none' if smoother is None else smoother
    }
    name = options.pop('type', None)
    if name not in _CLASSES:
        raise ValueError(f'unknown smoother {name!r}, expected one of '
                         f'{", ".join(SMOOTHERS)}')
    known = [] if name == 'none' else list(
        inspect.signature(_CLASSES[name]).parameters)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f'smoother {name!r} has no option '
                         f'{", ".join(unknown)}, expected some of '
                         f'{", ".join(known) or "none"}')
    return _CLASSES[name](**options)
