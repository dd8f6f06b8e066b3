"""The One-Euro filter, which needs no frames to come.

An exponential mean whose cutoff frequency rises with speed, so that a joint
that rests does not tremble and one that moves does not lag (Casiez et al.,
CHI 2012). It is written out here because its authors' library filters one
number at a time: for a pose, the speed of a joint is one of two coordinates
together, a joint may be unreliable while others are not, and 34 filters a
person are replaced by one array operation. Both agree where they can be
compared, which a test does.

Shape shorthand: K keypoints.
"""
import math
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Optional

import numpy as np

from mmpose_tdmi.video.structures import PersonPose
from .pose_smoother import (PosedFrame, PoseSmoother, follows, reliability,
                            with_keypoints)


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
