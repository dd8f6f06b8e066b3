"""A scene: people, things, backdrop and camera, drawn frame by frame.

Shape shorthand: T frames, N sample times, H x W pixels.
"""
from typing import Dict, Iterator, List, NamedTuple, Tuple, Union

import cv2
import numpy as np

from .background import Background, exposure
from .camera import Camera
from .motion import ACTIVITIES, Motion
from .objects import Thing
from .person import Person, Track
from .render import LabelMap, Patch, Picture, along
from .settings import ClipSettings
from .skeleton import JOINT_INDEX
from .sprites import Sprite

#: Longest way in pixels that anything may move between two sub-frames.
_BLUR_STEP = 2.5
_MAX_SUBFRAMES = 7
_GRAIN_ROOM = 64
_FEET = [
    JOINT_INDEX[f'{side}_{joint}'] for side in ('left', 'right')
    for joint in ('ankle', 'toe')
]


def _make_grain(rng: np.random.Generator, width: int,
                height: int) -> Tuple[np.ndarray, np.ndarray]:
    """Sensor grain, larger than the image by the room to shift it in.

    Returns:
        tuple[np.ndarray, np.ndarray]: uint8, what to add and to subtract.
    """
    tile = rng.uniform(1.5, 6.0) * rng.standard_normal(
        (160, 213, 3), np.float32)
    tile = np.rint(tile)
    repeats = (-(-(height + _GRAIN_ROOM) // 160),
               -(-(width + _GRAIN_ROOM) // 213), 1)
    return tuple(
        np.tile(np.uint8(np.maximum(sign * tile, 0)), repeats)
        for sign in (1, -1))


class Frame(NamedTuple):
    """One drawn frame and the truth about it.

    Attributes:
        image (np.ndarray): (H, W, 3) uint8 BGR.
        labels (LabelMap | None): Who is seen where at the middle of the
            exposure; None for an unlabelled frame.
        tracks (list[Track]): Per person; ``index`` is the frame's place.
        index (int): Which time of the tracks the frame shows.
    """
    image: np.ndarray
    labels: LabelMap
    tracks: List[Track]
    index: int


class Scene:
    """Everything in one video.

    Args:
        settings (ClipSettings): What to draw.
        rng (np.random.Generator): Source of all randomness.
    """

    def __init__(self, settings: ClipSettings,
                 rng: np.random.Generator) -> None:
        self.settings = settings
        self.duration = settings.frames * settings.time_step
        self.camera = Camera(rng, settings.width, settings.height,
                             settings.speed)
        self.background = Background(rng, self.camera)
        self.people = self._place_people(rng)
        self.things = self._place_things(rng)
        self.contrast, self.brightness = exposure(rng)
        self.quality = int(rng.integers(82, 96))
        self._grain = _make_grain(rng, settings.width, settings.height)
        self._grain_at = rng.integers(0, _GRAIN_ROOM + 1, (settings.frames, 2))
        cover = np.zeros((24, 64), np.float32)
        cv2.ellipse(cover, ((31.5, 11.5), (48, 15), 0.0), 0.42, -1)
        cover = cv2.GaussianBlur(cover, (0, 0), 3)
        self._shadows = [
            Sprite.build(np.zeros((24, 64, 3), np.float32), cover)
            for _ in self.people
        ]

    def _place_people(self, rng: np.random.Generator) -> List[Person]:
        settings, camera = self.settings, self.camera
        low, high = settings.people_range
        count = int(rng.integers(low, high + 1))
        middle = 0.5 * self.duration
        # places side by side, closer together in a crowd, in random order
        gap = (0.78 - 0.4 * settings.crowd) * min(1.0, 3 / count)
        slots = (rng.permutation(count) - (count - 1) / 2) * gap
        people = []
        names = list(ACTIVITIES)
        odds = np.array([ACTIVITIES[name][0] for name in names])
        for slot in slots:
            share = float(rng.uniform(0.36, 0.8))
            depth = 1.72 * camera.focal / (share * settings.height)
            activity = names[int(rng.choice(len(names), p=odds / odds.sum()))]
            yaw = self._facing(rng, activity)
            motion = Motion.sample(rng, activity, yaw, self.duration)
            stride = motion.first.stride
            velocity = (-stride * np.sin(yaw), -stride * np.cos(yaw))
            scale = float(camera.pixels_per_metre(np.float64(depth)))
            span = 0.5 * settings.width / scale
            x = span * float(
                np.clip(1.15 * slot + rng.normal(0, 0.12), -0.88, 0.88))
            if activity == 'walk' and x * velocity[0] > 0:
                # walk into the picture: people meet and cross in the middle
                x = -x
            start = (x - middle * velocity[0], depth - middle * velocity[1])
            people.append(Person(rng, motion, start, velocity, camera))
        for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.3, 0.2]))):
            motion = Motion.sample(rng, 'walk',
                                   float(rng.choice([-1, 1])) * np.pi / 2,
                                   self.duration)
            depth = float(rng.uniform(9.0, 12.5))
            speed = -motion.first.stride * np.sin(motion.yaw)
            span = 0.5 * settings.width * depth / camera.focal
            people.append(
                Person(
                    rng,
                    motion, (float(rng.uniform(-0.9, 0.9)) * span, depth),
                    (speed, 0.0),
                    camera,
                    background=True))
        return people

    @staticmethod
    def _facing(rng: np.random.Generator, activity: str) -> float:
        kind = rng.random()
        if activity == 'walk' and kind < 0.5:  # across the picture
            return float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.3))
        if kind < 0.88:
            return float(rng.normal(0, 0.5))
        return float(np.pi + rng.normal(0, 0.4))

    def _place_things(self, rng: np.random.Generator) -> List[Thing]:
        settings, camera = self.settings, self.camera
        things = []
        targets = [p for p in self.people if not p.background]
        pace = 0.3 + 1.2 * settings.speed
        for _ in range(int(rng.poisson(settings.mean_occluders))):
            target = targets[int(rng.integers(len(targets)))]
            when = float(rng.uniform(0, self.duration))
            depth = float(target.depth(np.array([when]))[0])
            x = target.start[0] + target.velocity[0] * when
            kind = str(
                rng.choice([
                    'box', 'screen', 'sign', 'post', 'plant', 'ball',
                    'umbrella'
                ]))
            nearer = depth * float(rng.uniform(0.72, 0.93))
            # seen in front of the target from where the camera is
            x = x * nearer / depth + float(rng.normal(0, 0.15))
            moving = rng.random() < 0.7
            speed = float(rng.normal(0, 1.6)) * pace * moving
            things.append(Thing(rng, kind, camera, nearer, (when, x), speed))
        for _ in range(int(rng.integers(1, 4))):  # behind everyone
            kind = str(rng.choice(['plant', 'sign', 'box', 'ball']))
            if self.background.kind == 'street' and rng.random() < 0.6:
                kind = 'car'
            depth = float(rng.uniform(8.0, 12.0))
            span = 0.5 * settings.width * depth / camera.focal
            speed = float(rng.normal(0, 3.0)) * pace * (
                kind in ('car', 'ball'))
            things.append(
                Thing(rng, kind, camera, depth,
                      (0.5 * self.duration, float(rng.uniform(-1, 1)) * span),
                      speed))
        return things

    def _sample_times(self) -> Tuple[np.ndarray, List[range]]:
        """Times to draw: each frame's middle and its sub-frames.

        Returns:
            tuple[np.ndarray, list[range]]: (N,) seconds, of which the first T
            are the frames' middles; and each frame's places among the rest.
        """
        middles = np.arange(self.settings.frames) * self.settings.time_step
        half = 0.5 * self.settings.exposure * self.settings.time_step
        both = np.concatenate([middles - half, middles + half])
        count = len(middles)
        way = np.zeros(count)
        for person in self.people:
            pixels = person.track(self.camera, both).pixels
            moved = np.linalg.norm(pixels[count:] - pixels[:count], axis=-1)
            way = np.maximum(way, moved.max(axis=1))
        for thing in self.things:
            pixels = thing.track(self.camera, both)[:, :2]
            moved = np.linalg.norm(pixels[count:] - pixels[:count], axis=-1)
            way = np.maximum(way, moved.max(axis=1))
        numbers = np.clip(np.ceil(way / _BLUR_STEP), 1, _MAX_SUBFRAMES)
        times, places = [middles], []
        at = count
        for middle, number in zip(middles, numbers.astype(int)):
            share = (np.arange(number) + 0.5) / number * 2 - 1
            times.append(middle + half * share)
            places.append(range(at, at + number))
            at += number
        return np.concatenate(times), places

    def frames(self) -> Iterator[Frame]:
        """Draw the video.

        Yields:
            Frame: T frames in order.
        """
        settings = self.settings
        times, places = self._sample_times()
        similarity = self.camera.similarity(times)
        tracks = [person.track(self.camera, times) for person in self.people]
        feet = [track.pixels[:, _FEET].mean(axis=1) for track in tracks]
        thing_tracks = [t.track(self.camera, times) for t in self.things]
        depths = [p.depth(times) for p in self.people]
        thing_depths = [t.depth(times) for t in self.things]
        for index in range(settings.frames):
            views = [
                person.views(track, index)
                for person, track in zip(self.people, tracks)
            ]
            order = sorted([(-d[index], 0, i) for i, d in enumerate(depths)] +
                           [(-d[index], 1, i)
                            for i, d in enumerate(thing_depths)])

            def draw(canvas: Union[Picture, LabelMap], sample: int) -> None:
                for _, kind, i in order:
                    if kind:
                        self.things[i].draw(canvas, thing_tracks[i], sample)
                        continue
                    self._draw_shadow(canvas, i, feet[i][sample],
                                      float(tracks[i].scale[sample]))
                    self.people[i].draw(canvas, tracks[i], sample, views[i], i)

            samples = places[index]
            backdrop = self.background.draw(times[index], similarity[index])
            total = np.zeros((settings.height, settings.width, 3), np.float32)
            patches: Dict[int, Patch] = {}
            for sample in samples:
                canvas = backdrop.moved(times[sample], similarity[sample])
                draw(Picture(canvas, patches), sample)
                cv2.accumulate(canvas, total)
            labels = None
            if settings.labelled(index):
                labels = LabelMap(settings.width, settings.height,
                                  len(self.people))
                draw(labels, index)
            yield Frame(
                self._develop(total, len(samples), index), labels, tracks,
                index)

    def _draw_shadow(self, canvas: Union[Picture, LabelMap], number: int,
                     feet: np.ndarray, scale: float) -> None:
        x, y = feet.tolist()
        sprite = self._shadows[number]
        canvas.paste(
            sprite,
            along((x, y - 0.08 * scale), (x, y + 0.14 * scale), 0, 0,
                  0.42 * scale, sprite.size))

    def _develop(self, total: np.ndarray, count: int,
                 index: int) -> np.ndarray:
        """Average the sub-frames, then contrast, brightness and grain."""
        image = cv2.convertScaleAbs(
            total, alpha=self.contrast / count, beta=self.brightness)
        y, x = self._grain_at[index]
        height, width = image.shape[:2]
        brighter, darker = self._grain
        cv2.add(image, brighter[y:y + height, x:x + width], dst=image)
        return cv2.subtract(image, darker[y:y + height, x:x + width])
