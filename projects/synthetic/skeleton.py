"""The generated person's skeleton: proportions, joint limits, kinematics.

A tree of rigid segments in metres. Axes, of the camera and of an upright
person facing it alike: x to the image's right (the person's *left*), y down,
z away from the camera (the person's back).

Shape shorthand: N times, D angles (:data:`ANGLES`), J joints
(:data:`JOINTS`).
"""
from dataclasses import dataclass
from typing import Dict, NamedTuple, Tuple

import numpy as np

_TRUNK_LIMITS = dict(
    yaw=(-1e3, 1e3),  # free: a person may turn round and round
    lean=(-20, 35),
    tilt=(-25, 25),
    spine_bend=(-15, 70),
    spine_side=(-25, 25),
    spine_twist=(-35, 35),
    head_pitch=(-30, 40),
    head_yaw=(-65, 65),
    head_roll=(-25, 25))
_LIMB_LIMITS = dict(
    shoulder_flex=(-45, 170),
    shoulder_abd=(0, 165),
    shoulder_twist=(-100, 80),
    elbow=(3, 145),
    wrist=(-40, 50),
    hip_flex=(-25, 115),
    hip_abd=(-8, 50),
    hip_twist=(-30, 30),
    knee=(2, 135),
    ankle=(-25, 20))

#: Range of every angle in degrees. Flexion bends forward (a knee backward),
#: abduction outward; positive twist turns a limb's front inward.
LIMITS: Dict[str, Tuple[float, float]] = {
    **_TRUNK_LIMITS,
    **{
        f'{side}_{name}': limit
        for side in ('left', 'right')
        for name, limit in _LIMB_LIMITS.items()
    }
}
#: The D angle names, in the order of the arrays.
ANGLES = tuple(LIMITS)

#: The J joint names. ``toe`` and ``hand`` are the tips of feet and hands.
JOINTS = ('pelvis', 'waist', 'neck_base', 'head_bottom', 'head_centre',
          'head_top', 'nose') + tuple(
              f'{side}_{name}' for side in ('left', 'right')
              for name in ('shoulder', 'elbow', 'wrist', 'hand', 'hip', 'knee',
                           'ankle', 'toe'))
JOINT_INDEX = {name: index for index, name in enumerate(JOINTS)}

#: Pairs of joints whose distance never changes.
SEGMENTS = (('pelvis', 'waist'), ('waist', 'neck_base'),
            ('neck_base', 'head_bottom'), ('head_bottom', 'head_centre'),
            ('head_centre', 'head_top'), ('head_centre', 'nose')) + tuple(
                (a if a in JOINT_INDEX else f'{side}_{a}', f'{side}_{b}')
                for side in ('left', 'right')
                for a, b in (('neck_base', 'shoulder'), ('shoulder', 'elbow'),
                             ('elbow', 'wrist'), ('wrist', 'hand'),
                             ('pelvis', 'hip'), ('hip', 'knee'),
                             ('knee', 'ankle'), ('ankle', 'toe')))


@dataclass(frozen=True)
class Proportions:
    """One person's measures, all in metres.

    Lengths are between joints; ``head_size`` are the half axes (across, up,
    forward) of the skull, ``girth`` scales the thickness of all limbs.
    """
    stature: float
    shoulder: float
    hip: float
    abdomen: float
    chest: float
    neck: float
    upper_arm: float
    forearm: float
    hand: float
    thigh: float
    shin: float
    foot: float
    ankle_height: float
    head_size: Tuple[float, float, float]
    girth: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> 'Proportions':
        """Draw a plausible adult: average shares of stature, varied."""
        stature = float(np.clip(rng.normal(1.71, 0.09), 1.48, 1.98))

        def share(mean: float, spread: float = 0.04) -> float:
            factor = np.clip(
                rng.normal(1, spread), 1 - 2.5 * spread, 1 + 2.5 * spread)
            return float(stature * mean * factor)

        head = share(0.069, 0.03)
        return cls(
            stature=stature,
            shoulder=share(0.112, 0.06),
            hip=share(0.054, 0.06),
            abdomen=share(0.095),
            chest=share(0.195),
            neck=share(0.03),
            upper_arm=share(0.178),
            forearm=share(0.15),
            hand=share(0.085),
            thigh=share(0.243),
            shin=share(0.24),
            foot=share(0.115),
            ankle_height=share(0.042),
            head_size=(0.76 * head, head, 0.86 * head),
            girth=float(np.clip(rng.normal(1, 0.12), 0.78, 1.35)))


class Pose(NamedTuple):
    """Joints and the orientation of the three rigid bodies.

    Attributes:
        joints (np.ndarray): (N, J, 3), metres, the ground at y = 0.
        pelvis (np.ndarray): (N, 3, 3) rotations from body to camera axes.
        chest (np.ndarray): (N, 3, 3).
        head (np.ndarray): (N, 3, 3).
    """
    joints: np.ndarray
    pelvis: np.ndarray
    chest: np.ndarray
    head: np.ndarray


def _rotation(axis: int, angle: np.ndarray) -> np.ndarray:
    """(N,) radians -> (N, 3, 3) right-handed rotations about one axis."""
    out = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis] = 1
    out[:, i, i] = out[:, j, j] = np.cos(angle)
    out[:, j, i] = np.sin(angle)
    out[:, i, j] = -out[:, j, i]
    return out


def _smooth_max(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """A maximum without a kink, so that the body's height has none."""
    return width * np.logaddexp(a / width, b / width)


def forward_kinematics(body: Proportions, angles: np.ndarray) -> Pose:
    """Angles to joints, with the lower foot standing on the ground.

    Args:
        body (Proportions): The person's measures.
        angles (np.ndarray): (N, D), radians, order of :data:`ANGLES`.

    Returns:
        Pose: Metres in camera axes; the pelvis is at x = z = 0.
    """
    a = {name: angles[:, i] for i, name in enumerate(ANGLES)}
    joints = np.zeros((len(angles), len(JOINTS), 3))

    def put(name: str, parent: str, rotation: np.ndarray, x: float, y: float,
            z: float) -> None:
        joints[:, JOINT_INDEX[name]] = (
            joints[:, JOINT_INDEX[parent]] + rotation @ np.array([x, y, z]))

    pelvis = (
        _rotation(1, a['yaw']) @ _rotation(2, a['tilt']) @ _rotation(
            0, a['lean']))
    chest = (
        pelvis @ _rotation(1, a['spine_twist']) @ _rotation(
            2, a['spine_side']) @ _rotation(0, a['spine_bend']))
    head = (
        chest @ _rotation(1, a['head_yaw']) @ _rotation(2, a['head_roll'])
        @ _rotation(0, a['head_pitch']))
    _, skull, skull_depth = body.head_size
    put('waist', 'pelvis', pelvis, 0, -body.abdomen, 0)
    put('neck_base', 'waist', chest, 0, -body.chest, 0)
    put('head_bottom', 'neck_base', chest, 0, -body.neck, 0)
    put('head_centre', 'head_bottom', head, 0, -1.24 * skull,
        -0.22 * skull_depth)
    put('head_top', 'head_centre', head, 0, -skull, 0)
    put('nose', 'head_centre', head, 0, 0.18 * skull, -1.04 * skull_depth)
    for side, sign in (('left', 1.0), ('right', -1.0)):
        put(f'{side}_shoulder', 'neck_base', chest, sign * body.shoulder,
            0.012 * body.stature, 0)
        arm = (
            chest @ _rotation(2, -sign * a[f'{side}_shoulder_abd'])
            @ _rotation(0, -a[f'{side}_shoulder_flex']) @ _rotation(
                1, sign * a[f'{side}_shoulder_twist']))
        put(f'{side}_elbow', f'{side}_shoulder', arm, 0, body.upper_arm, 0)
        arm = arm @ _rotation(0, -a[f'{side}_elbow'])
        put(f'{side}_wrist', f'{side}_elbow', arm, 0, body.forearm, 0)
        arm = arm @ _rotation(0, -a[f'{side}_wrist'])
        put(f'{side}_hand', f'{side}_wrist', arm, 0, body.hand, 0)
        put(f'{side}_hip', 'pelvis', pelvis, sign * body.hip,
            0.01 * body.stature, 0)
        leg = (
            pelvis @ _rotation(2, -sign * a[f'{side}_hip_abd']) @ _rotation(
                0, -a[f'{side}_hip_flex']) @ _rotation(
                    1, -sign * a[f'{side}_hip_twist']))
        put(f'{side}_knee', f'{side}_hip', leg, 0, body.thigh, 0)
        leg = leg @ _rotation(0, a[f'{side}_knee'])
        put(f'{side}_ankle', f'{side}_knee', leg, 0, body.shin, 0)
        leg = leg @ _rotation(0, a[f'{side}_ankle'])
        put(f'{side}_toe', f'{side}_ankle', leg, sign * 0.15 * body.foot,
            0.55 * body.ankle_height, -body.foot)
    ankles = joints[:, [JOINT_INDEX['left_ankle'], JOINT_INDEX['right_ankle']],
                    1]
    lowest = _smooth_max(ankles[:, 0], ankles[:, 1], 0.015)
    joints[:, :, 1] -= (lowest + body.ankle_height)[:, None]
    return Pose(joints, pelvis, chest, head)


def limit_angles(angles: np.ndarray, softness: float = 0.08) -> np.ndarray:
    """Keep angles inside :data:`LIMITS`, smoothly.

    Args:
        angles (np.ndarray): (N, D), radians.
        softness (float): Width in radians over which a limit takes hold.

    Returns:
        np.ndarray: (N, D), within the limits.
    """
    low, high = np.radians(np.array([LIMITS[name] for name in ANGLES])).T
    low, high = low[None], high[None]

    def soft_relu(x: np.ndarray) -> np.ndarray:
        return softness * np.logaddexp(0, x / softness)

    out = low + soft_relu(angles - low)
    return np.clip(high - soft_relu(high - out), low, high)
