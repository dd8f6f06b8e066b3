"""Smoothing over the frames before and after: Savitzky-Golay and Gaussian.

Both need a fixed number of frames to come. Weights are SciPy's; applied here
frame by frame, as a video's tracks are not known as a whole.

Shape shorthand: n frames of a track around the one that is smoothed, K
keypoints.
"""
from abc import abstractmethod
from collections import deque
from functools import lru_cache
from typing import Deque, Dict, Iterable, Iterator, List

import numpy as np
from scipy.signal import savgol_coeffs
from scipy.signal.windows import gaussian

from mmpose_tdmi.video.structures import PersonPose
from .pose_smoother import (PosedFrame, PoseSmoother, follows, reliability,
                            with_keypoints)


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
