"""Backdrops: street, park, room and sports hall, cluttered and textured.

A backdrop is painted once per video, larger than the image, and moved by the
camera; objects of :mod:`.objects` move in front of it.

Shape shorthand: H x W cells of the painted backdrop.
"""
from typing import Tuple

import cv2
import numpy as np

from .camera import Camera
from .textures import noise

#: How far the painted picture reaches beyond the image, as a share of it.
MARGIN = 0.15
#: Depth in metres at which the backdrop stands.
DEPTH = 14.0


def _colour(rng: np.random.Generator, low: int, high: int,
            saturation: float) -> np.ndarray:
    hsv = np.uint8([[[
        rng.integers(180),
        rng.uniform(0, 255 * saturation),
        rng.integers(low, high)
    ]]])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)


def _box(image: np.ndarray, x0: float, y0: float, x1: float, y1: float,
         colour: np.ndarray) -> None:
    cv2.rectangle(image, (int(x0), int(y0)), (int(x1), int(y1)),
                  tuple(float(c) for c in colour), -1)


def _facades(rng: np.random.Generator, image: np.ndarray, base: int) -> None:
    width, x = image.shape[1], -30.0
    while x < width:
        wide = rng.uniform(0.12, 0.3) * width
        top = base * rng.uniform(-0.1, 0.55)
        wall = _colour(rng, 70, 220, 0.35)
        _box(image, x, top, x + wide, base, wall)
        step = rng.uniform(0.24, 0.4) * wide
        tall = step * rng.uniform(1.1, 1.6)
        pane = _colour(rng, 30, 130, 0.4)
        for wx in np.arange(x + 0.2 * step, x + wide - 0.8 * step, step):
            for wy in np.arange(top + 0.3 * tall, base - 0.9 * tall, tall):
                lit = rng.random() < 0.25
                _box(image, wx, wy, wx + 0.6 * step, wy + 0.65 * tall,
                     pane + 90 * lit)
        if rng.random() < 0.6:  # a shop front
            _box(image, x + 0.1 * wide, base - 0.22 * base, x + 0.9 * wide,
                 base, _colour(rng, 40, 230, 0.8))
        x += wide * rng.uniform(0.95, 1.25)


def _trees(rng: np.random.Generator, image: np.ndarray, base: int,
           count: int) -> None:
    width = image.shape[1]
    for _ in range(count):
        x, size = rng.uniform(0, width), rng.uniform(0.12, 0.35) * base
        _box(image, x - 0.06 * size, base - size, x + 0.06 * size, base,
             (35, 55, 75))
        leaf = np.array([40, rng.uniform(70, 150), 60], np.float32)
        for _ in range(26):
            centre = (int(x + rng.normal(0, 0.45 * size)),
                      int(base - 1.5 * size + rng.normal(0, 0.4 * size)))
            shade = float(rng.uniform(0.55, 1.25))
            cv2.circle(image, centre, int(size * rng.uniform(0.12, 0.3)),
                       tuple(float(c) for c in shade * leaf), -1)


def _furniture(rng: np.random.Generator, image: np.ndarray, base: int) -> None:
    width = image.shape[1]
    for _ in range(rng.integers(4, 9)):  # pictures, windows, posters
        x, y = rng.uniform(0, width), rng.uniform(0, 0.6 * base)
        w, h = rng.uniform(0.06, 0.18, 2) * width
        _box(image, x - 3, y - 3, x + w + 3, y + h + 3,
             _colour(rng, 20, 90, 0.4))
        _box(image, x, y, x + w, y + h, _colour(rng, 80, 250, 0.7))
        for _ in range(4):
            px, py = x + rng.uniform(0, 0.8) * w, y + rng.uniform(0, 0.8) * h
            _box(image, px, py, px + rng.uniform(0.05, 0.2) * w,
                 py + rng.uniform(0.05, 0.2) * h, _colour(rng, 30, 250, 0.9))
    for _ in range(rng.integers(2, 5)):  # cupboards, shelves with books
        x, w = rng.uniform(-0.05, 0.95) * width, rng.uniform(0.1, 0.22) * width
        h = rng.uniform(0.25, 0.75) * base
        wood = _colour(rng, 50, 170, 0.6)
        _box(image, x, base - h, x + w, base + 4, wood)
        for shelf in np.arange(base - h + 5, base - 0.12 * base, 0.2 * base):
            _box(image, x + 4, shelf, x + w - 4, shelf + 0.16 * base,
                 0.45 * wood)
            book = x + 6
            while book < x + w - 12:
                thick = rng.uniform(3, 11)
                _box(image, book, shelf + rng.uniform(0.01, 0.06) * base,
                     min(book + thick, x + w - 5), shelf + 0.16 * base,
                     _colour(rng, 40, 230, 0.9))
                book += thick + 1 + 14 * (rng.random() < 0.1)


def _stands(rng: np.random.Generator, image: np.ndarray, base: int) -> None:
    height, width = image.shape[:2]
    rows = 7
    for row in range(rows):  # rows of seats, some taken
        y0 = base * (0.25 + 0.6 * row / rows)
        _box(image, 0, y0, width, y0 + base, _colour(rng, 50, 130, 0.5))
        for x in np.arange(0, width, 13):
            if rng.random() < 0.5:
                _box(image, x + 2, y0 - 7, x + 10, y0 + 6,
                     _colour(rng, 30, 240, 0.8))
    for x in np.arange(0, width, width / 6):  # advertising boards
        _box(image, x, 0.86 * base, x + width / 6 - 3, base,
             _colour(rng, 60, 240, 0.9))
        _box(image, x + 15, 0.9 * base, x + width / 6 - 25, 0.95 * base,
             _colour(rng, 60, 240, 0.9))


def _floor(rng: np.random.Generator, image: np.ndarray, base: int,
           kind: str) -> None:
    """Ground in perspective below row ``base``, in place."""
    height, width = image.shape[:2]
    rows = (height - base) // 2  # painted at half size: it is blurred anyway
    if rows <= 0:
        return
    shape = (rows, width // 2)
    depth = 1 / (2 * np.arange(rows, dtype=np.float32)[:, None] + 12)
    z = 700 * depth
    x = 18 * depth * (np.arange(shape[1], dtype=np.float32) - shape[1] / 2)
    if kind == 'grass':
        colour = np.float32([50, rng.uniform(95, 150), 75])
        shade = 1 + 0.25 * noise(rng, *shape, (8, 40, 160))
    else:
        colour = _colour(rng, 90, 190, 0.3)
        size = rng.uniform(0.8, 2.2)
        if kind == 'tiles':
            grid = ((x / size % 1) < 0.05) | ((z / size % 1) < 0.06)
            shade = 1 - 0.3 * grid + 0.1 * noise(rng, *shape, (12, 60))
        else:
            tones = 1 + 0.1 * rng.uniform(-1, 1, 4096).astype(np.float32)
            shade = tones[np.int32(x / (0.4 * size) + 2048) % 4096]
            shade = shade + 0.05 * noise(rng, *shape, (30, 90))
            shade = np.where(np.abs(z % 7 - 3) < 0.12, 1.5, shade)
    floor = cv2.convertScaleAbs(colour * np.float32(shade)[..., None])
    image[base:] = cv2.resize(floor, (width, height - base))


class Background:
    """A painted backdrop that follows the camera.

    Args:
        rng (np.random.Generator): Source of randomness.
        camera (Camera): Gives image size and horizon.

    Attributes:
        kind (str): 'street', 'park', 'room' or 'hall'.
    """

    def __init__(self, rng: np.random.Generator, camera: Camera) -> None:
        self.camera = camera
        self._offset = np.array(
            [round(MARGIN * camera.width),
             round(MARGIN * camera.height)])
        height = camera.height + 2 * int(self._offset[1])
        width = camera.width + 2 * int(self._offset[0])
        base = int(camera.horizon + self._offset[1] +
                   camera.focal / DEPTH * camera.above_ground)
        base = min(base, height - 8)
        kind = str(rng.choice(['street', 'park', 'room', 'hall']))
        self.kind = kind
        ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        if kind in ('street', 'park'):
            sky = np.float32([rng.uniform(190, 250), 205, 185])
            image = sky * (0.75 + 0.35 * ramp)
        else:
            image = _colour(rng, 110, 230, 0.3) * (1.1 - 0.35 * ramp)
        image = cv2.resize(cv2.convertScaleAbs(image), (width, height))
        if kind == 'street':
            _facades(rng, image, base)
            _trees(rng, image, base, int(rng.integers(0, 4)))
        elif kind == 'park':
            _trees(rng, image, base, int(rng.integers(8, 16)))
        elif kind == 'room':
            _furniture(rng, image, base)
        else:
            _stands(rng, image, base)
        ground = dict(
            street='tiles', park='grass', room='boards', hall='boards')
        _floor(rng, image, base, ground[kind])
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.7, 1.6)))
        # uneven light, painted small and enlarged
        light = noise(rng, height // 8, width // 8, (3, 5, 24))
        light = cv2.resize(1 + 0.14 * light, (width, height))
        self.image = cv2.multiply(
            image, cv2.cvtColor(light, cv2.COLOR_GRAY2BGR), dtype=cv2.CV_8U)

    def draw(self, time: float, similarity: np.ndarray) -> 'Backdrop':
        """The backdrop as the camera sees it at the middle of an exposure.

        Args:
            time (float): Seconds.
            similarity (np.ndarray): (2, 3), the camera's map at that time.

        Returns:
            Backdrop: To take the sub-frames from.
        """
        mapping = self._mapping(time, similarity)
        mapping[:, 2] += Backdrop.ROOM
        image = cv2.warpAffine(
            self.image,
            mapping, (self.camera.width + 2 * Backdrop.ROOM,
                      self.camera.height + 2 * Backdrop.ROOM),
            borderMode=cv2.BORDER_REFLECT_101)
        return Backdrop(self, image, self._centre(time, similarity))

    def _mapping(self, time: float, similarity: np.ndarray) -> np.ndarray:
        shift = -self._offset.astype(float)
        shift[0] -= self.camera.focal / DEPTH * float(
            self.camera.travel(np.float64(time)))
        mapping = similarity.copy()
        mapping[:, 2] += similarity[:, :2] @ shift
        return mapping

    def _centre(self, time: float, similarity: np.ndarray) -> np.ndarray:
        """Where the middle of the painted picture is in the image."""
        middle = np.array(self.image.shape[1::-1]) / 2
        mapping = self._mapping(time, similarity)
        return mapping[:, :2] @ middle + mapping[:, 2]


class Backdrop:
    """The backdrop during one exposure.

    Within an exposure the camera's turning and zooming move nothing by a
    visible amount beyond a common shift, so that sub-frames are cut out by
    whole pixels.
    """

    #: Pixels on each side that the picture may shift during an exposure.
    ROOM = 24

    def __init__(self, background: Background, image: np.ndarray,
                 centre: np.ndarray) -> None:
        self._background, self._image = background, image
        self._centre = centre

    def moved(self, time: float, similarity: np.ndarray) -> np.ndarray:
        """The backdrop at one sub-frame.

        Args:
            time (float): Seconds, within the exposure.
            similarity (np.ndarray): (2, 3), the camera's map at that time.

        Returns:
            np.ndarray: (height, width, 3) uint8 BGR, the caller's to change.
        """
        camera = self._background.camera
        shift = self._background._centre(time, similarity) - self._centre
        x, y = np.clip(
            np.rint(self.ROOM - shift).astype(int), 0, 2 * self.ROOM)
        return self._image[y:y + camera.height, x:x + camera.width].copy()


def exposure(rng: np.random.Generator) -> Tuple[float, float]:
    """A video's overall contrast and brightness, drawn at random."""
    return float(rng.uniform(0.82, 1.1)), float(rng.uniform(-14, 14))
