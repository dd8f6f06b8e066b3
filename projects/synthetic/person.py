"""A person in a scene: skeleton, motion and looks joined into draw calls.

Shape shorthand: N times, J joints.
"""
import math
from typing import Dict, List, NamedTuple, Sequence, Tuple, Union

import numpy as np

from .appearance import Appearance, Outfit
from .camera import Camera
from .motion import Motion
from .render import Affine, LabelMap, Picture, along
from .skeleton import JOINT_INDEX, Pose, Proportions, forward_kinematics
from .sprites import Ball, Sprite

#: Flat parts: name, upper joint, lower joint, how far each is drawn nearer
#: than its depth says (metres), and how far the sprite reaches past the
#: joints (shares of its half width).
_LIMBS = tuple(
    (f'{side}_{name}', JOINT_INDEX[f'{side}_{upper}'],
     JOINT_INDEX[f'{side}_{lower}'], lift, before, after)
    for side in ('left', 'right')
    for name, upper, lower, lift, before, after in (('upper_arm', 'shoulder',
                                                     'elbow', 0.075, 0.8,
                                                     0.75), ('forearm',
                                                             'elbow', 'wrist',
                                                             0.085, 0.8, 0.35),
                                                    ('hand', 'wrist', 'hand',
                                                     0.08, 0.35, 0.1),
                                                    ('thigh', 'hip', 'knee',
                                                     -0.06, 0.7, 0.65),
                                                    ('shin', 'knee', 'ankle',
                                                     0.005, 0.8, 0.5),
                                                    ('foot', 'ankle', 'toe',
                                                     0.02, 0.9, 0.35)))

#: All parts; a part's label is its place here, counted from 1.
PARTS = ('pelvis', 'trunk', 'neck', 'head', 'hair') + tuple(limb[0]
                                                            for limb in _LIMBS)
PART_LABEL = {name: index + 1 for index, name in enumerate(PARTS)}

_PELVIS, _WAIST, _NECK_BASE, _HEAD_CENTRE, _HEAD_TOP = (
    JOINT_INDEX[name]
    for name in ('pelvis', 'waist', 'neck_base', 'head_centre', 'head_top'))


class Track(NamedTuple):
    """A person's way through the scene.

    Attributes:
        times (np.ndarray): (N,), seconds.
        pose (Pose): Of N times, metres, the pelvis at x = z = 0.
        pixels (np.ndarray): (N, J, 2), joints in the image.
        scale (np.ndarray): (N,), pixels per metre.
    """
    times: np.ndarray
    pose: Pose
    pixels: np.ndarray
    scale: np.ndarray


class Person:
    """One articulated, clothed figure.

    Args:
        rng (np.random.Generator): Source of randomness.
        motion (Motion): What the person does.
        start (tuple[float, float]): x and depth in metres at time 0.
        velocity (tuple[float, float]): Their change per second.
        camera (Camera): Decides the resolution of the sprites.
        background (bool): True for small passers-by far away, who are put
            into ignore regions instead of being annotated.
    """

    def __init__(self,
                 rng: np.random.Generator,
                 motion: Motion,
                 start: Tuple[float, float],
                 velocity: Tuple[float, float],
                 camera: Camera,
                 background: bool = False) -> None:
        self.body = Proportions.sample(rng)
        self.motion, self.start, self.velocity = motion, start, velocity
        self.background = background
        scale = float(camera.pixels_per_metre(np.float64(start[1])))
        self.looks = Appearance(rng, self.body, Outfit.sample(rng), scale)

    def depth(self, times: np.ndarray) -> np.ndarray:
        """(N,) seconds -> (N,) metres from the camera, never behind it."""
        straight = self.start[1] + self.velocity[1] * times
        return 1.2 + np.logaddexp(0, 4 * (straight - 1.2)) / 4

    def track(self, camera: Camera, times: np.ndarray) -> Track:
        """Where the person is at given times.

        Args:
            camera (Camera): The camera.
            times (np.ndarray): (N,), seconds.

        Returns:
            Track: Joints in metres and pixels.
        """
        pose = forward_kinematics(self.body, self.motion.angles(times))
        points = pose.joints[..., :2].copy()
        points[..., 0] += (self.start[0] + self.velocity[0] * times)[:, None]
        pixels, scale = camera.project(points, self.depth(times), times)
        return Track(times, pose, pixels, scale)

    def views(self, track: Track, index: int) -> 'Views':
        """The turning parts as they look at one time of a track."""
        return Views(self, track, index)

    def draw(self, canvas: Union[Picture, LabelMap], track: Track, index: int,
             views: 'Views', number: int) -> None:
        """Paste all parts, far ones first.

        Args:
            canvas (Picture | LabelMap): Where to.
            track (Track): The person's way.
            index (int): Which time of the track.
            views (Views): The turning parts, and the order of all parts.
            number (int): The person's number, for the labels.
        """
        base = number * LabelMap.PARTS
        calls = self._limb_calls(track, index)
        calls.update(views.calls(track, index))
        for name in views.order:
            sprite, mapping = calls[name]
            canvas.paste(sprite, mapping, base + PART_LABEL[name])

    def _limb_calls(self, track: Track,
                    index: int) -> Dict[str, Tuple[Sprite, Affine]]:
        pixels = track.pixels[index].tolist()
        scale = float(track.scale[index])
        calls = {}
        for name, upper, lower, _, before, after in _LIMBS:
            radius = scale * self.looks.radius[name]
            sprite = self.looks.limbs[name]
            calls[name] = (sprite,
                           along(pixels[upper], pixels[lower], before * radius,
                                 after * radius, radius, sprite.size))
        return calls


def _upright(axis: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """A rotation as seen in image axes turned so that ``axis`` is down."""
    dx, dy = axis / max(float(np.hypot(*axis)), 1e-6)
    frame = np.array([[dy, dx, 0], [-dx, dy, 0], [0, 0, 1]])
    return frame.T @ rotation


class Views:
    """Head, trunk and pelvis, turned as they are at one time.

    They hold for a whole exposure; only their place is kept up to date. The
    order of the parts holds as long, lest a limb be half in front.

    Args:
        person (Person): Whose.
        track (Track): The person's way.
        index (int): Which time of the track.

    Attributes:
        order (list[str]): Names of all parts, far ones first.
    """

    def __init__(self, person: Person, track: Track, index: int) -> None:
        self.person = person
        looks, pose = person.looks, track.pose
        pixels = track.pixels[index]
        spine = pixels[_PELVIS] - pixels[_NECK_BASE]
        skull = pixels[_HEAD_CENTRE] - pixels[_HEAD_TOP]
        chest = _upright(spine, pose.chest[index])
        pelvis = _upright(spine, pose.pelvis[index])
        head = _upright(skull, pose.head[index])
        yaw, pelvis_yaw, head_yaw = (
            float(np.arctan2(r[0, 2], r[2, 2])) for r in (chest, pelvis, head))
        self.trunk = looks.trunk.view(yaw)
        self.trunk_width = looks.trunk.half_width(yaw)
        self.pelvis = looks.pelvis.view(pelvis_yaw)
        self.pelvis_width = looks.pelvis.half_width(pelvis_yaw)
        self.head = looks.head.view(head)
        self.head_width = looks.head.half_width(head_yaw)
        # seen from above or below, the skull's depth shows as height
        _, up, forward = looks.head.half_axes
        self.head_height = float(
            np.hypot(up * head[1, 1], forward * head[1, 2]))

        self.order = self._order(pose.joints[index, :, 2].tolist(),
                                 pose.head[index])

    def _order(self, depth: List[float], head: np.ndarray) -> List[str]:
        """Part names, far ones first, from the (J,) joints' depths."""
        base, skull = depth[_NECK_BASE], depth[_HEAD_CENTRE]
        parts = dict(
            trunk=0.5 * (base + depth[_PELVIS]) - 0.045,
            pelvis=depth[_PELVIS] - 0.03,
            neck=base,
            head=skull - 0.06)
        if 'hair' in self.person.looks.limbs:
            back = 0.75 * self.person.looks.head.half_axes[2]
            parts['hair'] = skull + back * float(head[2, 2]) - 0.03
        for name, upper, lower, lift, _, _ in _LIMBS:
            parts[name] = 0.5 * (depth[upper] + depth[lower]) - lift
        return sorted(parts, key=lambda name: (-parts[name], name))

    def calls(self, track: Track,
              index: int) -> Dict[str, Tuple[Sprite, Affine]]:
        """The turning parts' sprites and maps by name."""
        looks = self.person.looks
        scale = float(track.scale[index])
        pixels = track.pixels[index].tolist()
        base, centre = pixels[_NECK_BASE], pixels[_HEAD_CENTRE]
        calls = {}

        def add(name: str, sprite: Sprite, start: Sequence[float],
                end: Sequence[float], before: float, after: float,
                half_width: float) -> None:
            calls[name] = (sprite,
                           along(start, end, scale * before, scale * after,
                                 scale * half_width, sprite.size))

        add('trunk', self.trunk, base, pixels[_PELVIS], looks.trunk_before,
            looks.trunk_after, self.trunk_width)
        add('pelvis', self.pelvis, pixels[_WAIST], pixels[_PELVIS], -0.04, 0.1,
            self.pelvis_width)
        add('neck', looks.limbs['neck'], centre, base, 0, 0.03,
            looks.radius['neck'])
        # half a skull along the head's own axis, whatever its tilt
        dx, dy = (c - t for c, t in zip(centre, pixels[_HEAD_TOP]))
        share = Ball.ROOM * self.head_height * scale / max(
            math.hypot(dx, dy), 1e-6)
        add('head', self.head,
            (centre[0] - share * dx, centre[1] - share * dy),
            (centre[0] + share * dx, centre[1] + share * dy), 0, 0,
            Ball.ROOM * self.head_width)
        if 'hair' in looks.limbs:
            _, up, forward = looks.head.half_axes
            ends = track.pose.head[index] @ np.array(
                [[0, 0], [-0.5 * up, 1.7 * up], [0.75 * forward] * 2])
            start, end = ((centre[0] + scale * x, centre[1] + scale * y)
                          for x, y, _ in ends.T.tolist())
            add('hair', looks.limbs['hair'], start, end, 0.03, 0.02,
                looks.radius['hair'])
        return calls
