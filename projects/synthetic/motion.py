"""Smooth, natural-looking motion: activities as sums of sinusoids.

An activity sets a base posture and oscillations for some angles. A person
plays one activity and may pass over into another during the clip; a little
drift on every angle keeps anyone from standing frozen. Everything is a closed
function of time, so that frames, sub-frames and neighbours agree exactly.

Shape shorthand: N times, D angles, K sinusoids per angle.
"""
from typing import Callable, Dict, List, Tuple

import numpy as np

from .skeleton import ANGLES, limit_angles

_INDEX = {name: index for index, name in enumerate(ANGLES)}


class Posture:
    """Angles as ``base + sum_k amp sin(2 pi freq t + phase)``.

    Attributes:
        base (np.ndarray): (D,), degrees.
        waves (list): (angle index, amplitude in degrees, Hz, radians).
        stride (float): Walking speed along the facing direction, m/s.
    """

    def __init__(self) -> None:
        self.base = np.zeros(len(ANGLES))
        self.waves: List[Tuple[int, float, float, float]] = []
        self.stride = 0.0

    def set(self, **degrees: float) -> None:
        """Set base angles by name, in degrees."""
        for name, value in degrees.items():
            self.base[_INDEX[name]] = value

    def wave(self, name: str, amplitude: float, frequency: float,
             phase: float) -> None:
        """Add one oscillation: degrees, Hz, radians."""
        self.waves.append((_INDEX[name], amplitude, frequency, phase))

    def angles(self, times: np.ndarray) -> np.ndarray:
        """(N,) seconds -> (N, D) degrees, without limits."""
        out = np.repeat(self.base[None], len(times), axis=0)
        for index, amplitude, frequency, phase in self.waves:
            out[:, index] += amplitude * np.sin(2 * np.pi * frequency * times +
                                                phase)
        return out


def _stand(pose: Posture, rng: np.random.Generator) -> None:
    for side in ('left', 'right'):
        pose.set(
            **{
                f'{side}_shoulder_abd': rng.uniform(4, 16),
                f'{side}_shoulder_flex': rng.uniform(-8, 14),
                f'{side}_shoulder_twist': rng.uniform(0, 35),
                f'{side}_elbow': rng.uniform(8, 40),
                f'{side}_hip_abd': rng.uniform(2, 9),
                f'{side}_hip_flex': rng.uniform(0, 10),
                f'{side}_knee': rng.uniform(3, 14),
                f'{side}_hip_twist': rng.uniform(-18, 0)
            })


def _walk(pose: Posture, rng: np.random.Generator) -> None:
    running = rng.random() < 0.15
    frequency = rng.uniform(1.1, 1.4) if running else rng.uniform(0.75, 1.0)
    reach = rng.uniform(30, 40) if running else rng.uniform(19, 28)
    phase = rng.uniform(0, 2 * np.pi)
    bend = rng.uniform(65, 95) if running else rng.uniform(12, 32)
    for side, shift in (('left', 0.0), ('right', np.pi)):
        start = phase + shift
        pose.set(
            **{
                f'{side}_hip_flex': 7 + 0.2 * reach,
                f'{side}_knee': 1.15 * reach,
                f'{side}_hip_abd': 2,
                f'{side}_elbow': bend,
                f'{side}_shoulder_abd': rng.uniform(5, 12),
                f'{side}_shoulder_twist': rng.uniform(5, 25)
            })
        pose.wave(f'{side}_hip_flex', reach, frequency, start)
        pose.wave(f'{side}_knee', 1.05 * reach, frequency,
                  start + 0.5 * np.pi + 0.35)
        pose.wave(f'{side}_ankle', 8, frequency, start + np.pi)
        pose.wave(f'{side}_shoulder_flex', 0.85 * reach, frequency,
                  start + np.pi)
        pose.wave(f'{side}_elbow', 0.35 * reach, frequency, start + np.pi)
    pose.wave('spine_twist', 5, frequency, phase + np.pi)
    pose.set(lean=4 + 8 * running, spine_bend=rng.uniform(0, 8))
    # two steps a cycle, each as long as the swing of a 0.85 m leg
    pose.stride = 2 * frequency * 2 * 0.85 * np.sin(np.radians(reach)) * 0.8


def _one_arm(pose: Posture, rng: np.random.Generator, kind: str) -> None:
    _stand(pose, rng)
    side = 'left' if rng.random() < 0.5 else 'right'
    frequency = rng.uniform(0.8, 1.8)
    phase = rng.uniform(0, 2 * np.pi)
    if kind == 'wave':
        pose.set(
            **{
                f'{side}_shoulder_abd': rng.uniform(70, 125),
                f'{side}_shoulder_twist': rng.uniform(-95, -70),
                f'{side}_elbow': rng.uniform(45, 85)
            })
        pose.wave(f'{side}_elbow', rng.uniform(15, 30), frequency, phase)
    elif kind == 'reach':
        pose.set(
            **{
                f'{side}_shoulder_flex': rng.uniform(60, 125),
                f'{side}_shoulder_abd': rng.uniform(0, 35),
                f'{side}_elbow': rng.uniform(5, 35)
            })
        pose.set(spine_bend=rng.uniform(0, 20))
        pose.wave(f'{side}_shoulder_flex', rng.uniform(15, 35),
                  0.5 * frequency, phase)
    else:  # holding a phone to the ear, or drinking
        pose.set(
            **{
                f'{side}_shoulder_flex': rng.uniform(25, 50),
                f'{side}_shoulder_abd': rng.uniform(20, 45),
                f'{side}_shoulder_twist': rng.uniform(10, 40),
                f'{side}_elbow': rng.uniform(115, 140)
            })
        pose.wave(f'{side}_elbow', 12, 0.4 * frequency, phase)


def _both_arms(pose: Posture, rng: np.random.Generator, kind: str) -> None:
    _stand(pose, rng)
    frequency = rng.uniform(0.6, 1.4)
    phase = rng.uniform(0, 2 * np.pi)
    for index, side in enumerate(('left', 'right')):
        shift = phase + index * rng.uniform(0, np.pi)
        if kind == 'talk':
            base = dict(
                shoulder_flex=rng.uniform(10, 35),
                elbow=rng.uniform(60, 100),
                shoulder_twist=rng.uniform(0, 35),
                shoulder_abd=rng.uniform(8, 25))
            pose.wave(f'{side}_elbow', rng.uniform(12, 28), frequency, shift)
            pose.wave(f'{side}_shoulder_flex', 10, 0.7 * frequency, shift)
        elif kind == 'hips':
            base = dict(
                shoulder_flex=-20,
                shoulder_abd=rng.uniform(38, 52),
                shoulder_twist=rng.uniform(50, 70),
                elbow=rng.uniform(80, 105))
        elif kind == 'fold':
            base = dict(
                shoulder_flex=rng.uniform(28, 40),
                shoulder_abd=rng.uniform(5, 14),
                shoulder_twist=rng.uniform(55, 75),
                elbow=rng.uniform(95, 115) + 8 * index)
        elif kind == 'up':
            base = dict(
                shoulder_abd=rng.uniform(110, 155),
                shoulder_twist=-85,
                elbow=rng.uniform(10, 50))
            pose.wave(f'{side}_shoulder_abd', rng.uniform(10, 30), frequency,
                      phase)
        else:  # arms spread and swinging, as in exercise or dance
            base = dict(
                shoulder_abd=rng.uniform(45, 85), elbow=rng.uniform(10, 50))
            pose.wave(f'{side}_shoulder_abd', rng.uniform(25, 40), frequency,
                      phase)
            pose.wave(f'{side}_hip_abd', rng.uniform(3, 9), frequency, phase)
            pose.wave(f'{side}_elbow', 15, 1.5 * frequency, shift)
        pose.set(**{f'{side}_{name}': v for name, v in base.items()})
    if kind == 'dance':
        pose.wave('tilt', rng.uniform(3, 9), frequency, phase)
        pose.wave('spine_side', rng.uniform(3, 9), frequency, phase + 1)


def _legs(pose: Posture, rng: np.random.Generator, kind: str) -> None:
    _both_arms(pose, rng, 'talk')
    frequency = rng.uniform(0.4, 0.9)
    phase = rng.uniform(0, 2 * np.pi)
    if kind == 'squat':
        depth = rng.uniform(18, 38)
        for side in ('left', 'right'):
            pose.set(
                **{
                    f'{side}_hip_flex': depth + 6,
                    f'{side}_knee': 2 * depth,
                    f'{side}_hip_abd': 14
                })
            pose.wave(f'{side}_hip_flex', depth, frequency, phase)
            pose.wave(f'{side}_knee', 1.7 * depth, frequency, phase)
        pose.set(spine_bend=0.5 * depth)
    else:
        side = 'left' if rng.random() < 0.5 else 'right'
        swing = rng.uniform(20, 38)
        pose.set(**{f'{side}_hip_flex': swing, f'{side}_knee': 40})
        pose.wave(f'{side}_hip_flex', swing, 1.3 * frequency, phase)
        pose.wave(f'{side}_knee', 32, 1.3 * frequency, phase + 2)


#: Activities by name: how often each is chosen, and what sets it up.
ACTIVITIES: Dict[str, Tuple[float, Callable]] = {
    'walk': (0.34, _walk),
    'stand': (0.08, _stand),
    'wave': (0.08, lambda p, r: _one_arm(p, r, 'wave')),
    'reach': (0.08, lambda p, r: _one_arm(p, r, 'reach')),
    'phone': (0.06, lambda p, r: _one_arm(p, r, 'phone')),
    'talk': (0.09, lambda p, r: _both_arms(p, r, 'talk')),
    'hips': (0.05, lambda p, r: _both_arms(p, r, 'hips')),
    'fold': (0.03, lambda p, r: _both_arms(p, r, 'fold')),
    'up': (0.05, lambda p, r: _both_arms(p, r, 'up')),
    'dance': (0.06, lambda p, r: _both_arms(p, r, 'dance')),
    'squat': (0.04, lambda p, r: _legs(p, r, 'squat')),
    'kick': (0.04, lambda p, r: _legs(p, r, 'kick')),
}


def sample_posture(rng: np.random.Generator, activity: str) -> Posture:
    """Draw one performance of an activity, small drifts included."""
    pose = Posture()
    ACTIVITIES[activity][1](pose, rng)
    for name in ANGLES:
        size = 2.0 if name in ('yaw', 'lean', 'tilt') else 4.0
        for _ in range(2):
            pose.wave(name, rng.uniform(0, size), rng.uniform(0.15, 0.9),
                      rng.uniform(0, 2 * np.pi))
    pose.base[_INDEX['head_yaw']] += rng.normal(0, 14)
    pose.base[_INDEX['head_pitch']] += rng.normal(2, 6)
    pose.base[_INDEX['tilt']] += rng.normal(0, 3)
    return pose


class Motion:
    """One person's motion over a clip.

    Args:
        first (Posture): What the person does.
        second (Posture): What the person passes over to; the same object
            for none.
        change (float): Seconds at which the change is half done.
        yaw (float): Facing at time 0, radians; 0 looks at the camera,
            pi / 2 to the image's left.
        turn (float): Turning speed, radians per second.
    """

    #: Seconds that passing from one activity to another takes.
    CHANGE_TIME = 0.7

    def __init__(self, first: Posture, second: Posture, change: float,
                 yaw: float, turn: float) -> None:
        self.first, self.second, self.change = first, second, change
        self.yaw, self.turn = yaw, turn

    @classmethod
    def sample(cls, rng: np.random.Generator, activity: str, yaw: float,
               duration: float) -> 'Motion':
        """Draw a motion that starts with (or is) the named activity."""
        first = second = sample_posture(rng, activity)
        turn = 0.0
        if activity != 'walk':
            turn = float(rng.normal(0, 0.35))
            if rng.random() < 0.4:
                others = [name for name in ACTIVITIES if name != 'walk']
                second = sample_posture(rng, others[rng.integers(len(others))])
        return cls(first, second, float(rng.uniform(0, duration)), yaw, turn)

    def angles(self, times: np.ndarray) -> np.ndarray:
        """(N,) seconds -> (N, D) radians within the joint limits."""
        degrees = self.first.angles(times)
        if self.second is not self.first:
            x = np.clip((times - self.change) / self.CHANGE_TIME + 0.5, 0, 1)
            share = (x**3 * (10 - 15 * x + 6 * x * x))[:, None]
            degrees += share * (self.second.angles(times) - degrees)
        radians = np.radians(degrees)
        radians[:, _INDEX['yaw']] += self.yaw + self.turn * times
        return limit_angles(radians)
