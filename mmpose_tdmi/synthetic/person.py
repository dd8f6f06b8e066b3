"""A person in a scene: skeleton, motion and looks joined into draw calls.

Shape shorthand: N times, J joints.
"""
from typing import List, NamedTuple, Tuple, Union

import numpy as np

from .appearance import Appearance, Outfit
from .camera import Camera
from .motion import Motion
from .render import Affine, LabelMap, Picture, along
from .skeleton import JOINT_INDEX, JOINTS, Pose, Proportions
from .skeleton import forward_kinematics
from .sprites import Sprite

#: Flat parts: name, upper joint, lower joint, how far each is drawn nearer
#: than its depth says (metres), and how far the sprite reaches past the
#: joints (shares of its half width).
_LIMBS = tuple(
    (f'{side}_{name}', f'{side}_{upper}', f'{side}_{lower}', lift, before,
     after)
    for side in ('left', 'right')
    for name, upper, lower, lift, before, after in (
        ('upper_arm', 'shoulder', 'elbow', 0.075, 0.9, 0.75),
        ('forearm', 'elbow', 'wrist', 0.085, 0.8, 0.35),
        ('hand', 'wrist', 'hand', 0.08, 0.35, 0.1),
        ('thigh', 'hip', 'knee', 0.0, 0.7, 0.65),
        ('shin', 'knee', 'ankle', 0.005, 0.8, 0.5),
        ('foot', 'ankle', 'toe', 0.02, 0.9, 0.35)))

#: All parts; a part's label is its place here, counted from 1.
PARTS = ('pelvis', 'trunk', 'neck', 'head', 'hair') + tuple(
    limb[0] for limb in _LIMBS)
PART_LABEL = {name: index + 1 for index, name in enumerate(PARTS)}


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
        body (Proportions, optional): The measures. Default: drawn.
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
            views (Views): The turning parts.
            number (int): The person's number, for the labels.
        """
        base = number * LabelMap.PARTS
        calls = self._limb_calls(track, index) + views.calls(track, index)
        for _, name, sprite, mapping in sorted(
                calls, key=lambda call: (-call[0], call[1])):
            canvas.paste(sprite, mapping, base + PART_LABEL[name])

    def _limb_calls(
            self, track: Track,
            index: int) -> List[Tuple[float, str, Sprite, Affine]]:
        pixels = track.pixels[index].tolist()
        depths = track.pose.joints[index, :, 2].tolist()
        scale = float(track.scale[index])
        calls = []
        for name, upper, lower, lift, before, after in _LIMBS:
            i, j = JOINT_INDEX[upper], JOINT_INDEX[lower]
            radius = scale * self.looks.radius[name]
            sprite = self.looks.limbs[name]
            calls.append((0.5 * (depths[i] + depths[j]) - lift, name, sprite,
                          along(pixels[i], pixels[j], before * radius,
                                after * radius, radius, sprite.size)))
        return calls


def _upright(axis: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """A rotation as seen in image axes turned so that ``axis`` is down."""
    dx, dy = axis / max(float(np.hypot(*axis)), 1e-6)
    frame = np.array([[dy, dx, 0], [-dx, dy, 0], [0, 0, 1]])
    return frame.T @ rotation


class Views:
    """Head, trunk and pelvis, turned as they are at one time.

    The views hold for a whole exposure; only their place is kept up to date.
    """

    def __init__(self, person: Person, track: Track, index: int) -> None:
        self.person = person
        looks, pose = person.looks, track.pose
        pixels = track.pixels[index]
        spine = pixels[JOINT_INDEX['pelvis']] - pixels[
            JOINT_INDEX['neck_base']]
        skull = pixels[JOINT_INDEX['head_centre']] - pixels[
            JOINT_INDEX['head_top']]
        chest = _upright(spine, pose.chest[index])
        pelvis = _upright(spine, pose.pelvis[index])
        head = _upright(skull, pose.head[index])
        yaw, pelvis_yaw, head_yaw = (
            float(np.arctan2(r[0, 2], r[2, 2])) for r in (chest, pelvis, head))
        self.trunk, self.trunk_width = looks.trunk.view(
            yaw), looks.trunk.half_width(yaw)
        self.pelvis, self.pelvis_width = looks.pelvis.view(
            pelvis_yaw), looks.pelvis.half_width(pelvis_yaw)
        self.head, self.head_width = looks.head.view(
            head), looks.head.half_width(head_yaw)
        # seen from above or below, the skull's depth shows as height
        _, up, forward = looks.head.half_axes
        self.head_height = float(np.hypot(up * head[1, 1],
                                          forward * head[1, 2]))

    def calls(self, track: Track,
              index: int) -> List[Tuple[float, str, Sprite, Affine]]:
        """Draw calls: depth, part name, sprite, map."""
        looks = self.person.looks
        scale = float(track.scale[index])
        where = {
            name: tuple(xy)
            for name, xy in zip(JOINTS, track.pixels[index].tolist())
        }
        depth = dict(zip(JOINTS, track.pose.joints[index, :, 2].tolist()))
        calls = []

        def add(name: str, sprite: Sprite, start: Tuple[float, float],
                end: Tuple[float, float], before: float, after: float,
                half_width: float, near: float) -> None:
            calls.append((near, name, sprite,
                          along(start, end, scale * before, scale * after,
                                scale * half_width, sprite.size)))

        middle = 0.5 * (depth['neck_base'] + depth['pelvis'])
        add('trunk', self.trunk, where['neck_base'], where['pelvis'],
            looks.trunk_before, looks.trunk_after, self.trunk_width,
            middle - 0.045)
        add('pelvis', self.pelvis, where['waist'], where['pelvis'], -0.04,
            0.1, self.pelvis_width, depth['pelvis'] - 0.03)
        add('neck', looks.limbs['neck'], where['head_centre'],
            where['neck_base'], 0, 0.03, looks.radius['neck'],
            depth['neck_base'] - 0.0)
        centre, top = where['head_centre'], where['head_top']
        # half a skull along the head's own axis, whatever its tilt
        dx, dy = centre[0] - top[0], centre[1] - top[1]
        length = max(float(np.hypot(dx, dy)), 1e-6)
        half = 1.08 * self.head_height * scale
        tip = (centre[0] - half * dx / length, centre[1] - half * dy / length)
        chin = (centre[0] + half * dx / length, centre[1] + half * dy / length)
        add('head', self.head, tip, chin, 0, 0, 1.08 * self.head_width,
            depth['head_centre'] - 0.06)
        if 'hair' in looks.limbs:
            self._add_hair(add, track, index, centre, depth['head_centre'])
        return calls

    def _add_hair(self, add, track: Track, index: int,
                  centre: Tuple[float, float], depth: float) -> None:
        looks, scale = self.person.looks, float(track.scale[index])
        _, up, forward = looks.head.half_axes
        rotation = track.pose.head[index]
        ends = [
            rotation @ np.array([0, y * up, 0.75 * forward])
            for y in (-0.5, 1.7)
        ]
        start, end = ((centre[0] + scale * p[0], centre[1] + scale * p[1])
                      for p in ends)
        add('hair', looks.limbs['hair'], start, end, 0.03, 0.02,
            looks.radius['hair'], depth + ends[0][2] - 0.03)
