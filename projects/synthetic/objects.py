"""Things that stand and move in a scene: what people pass behind.

Shape shorthand: H x W sprite cells, N times.
"""
from typing import Tuple, Union

import cv2
import numpy as np

from .camera import Camera
from .render import LabelMap, Picture, along
from .sprites import Sprite
from .textures import cloth, noise

#: Kinds of things: width and height in metres (low, high), and how high above
#: the ground their lower edge is.
KINDS = {
    'box': ((0.4, 0.9), (0.5, 1.1), (0.0, 0.0)),
    'sign': ((0.5, 1.0), (1.3, 2.1), (0.0, 0.0)),
    'screen': ((0.5, 1.1), (0.5, 0.9), (0.3, 1.0)),
    'post': ((0.09, 0.2), (2.2, 3.0), (0.0, 0.0)),
    'plant': ((0.5, 1.1), (0.7, 1.6), (0.0, 0.0)),
    'ball': ((0.22, 0.4), (0.22, 0.4), (0.3, 1.7)),
    'umbrella': ((0.8, 1.2), (1.8, 2.3), (0.0, 0.0)),
    'car': ((2.6, 3.6), (1.1, 1.5), (0.0, 0.0)),
}
_PATTERNS = ('plain', 'plain', 'hoops', 'stripes', 'checks', 'plaid', 'dots',
             'camouflage')


def _shape(rng: np.random.Generator, kind: str, height: int,
           width: int) -> np.ndarray:
    """(H, W) float32 cover of a kind of thing, 0 to 1."""
    cover = np.zeros((height, width), np.float32)

    def ellipse(x: float, y: float, a: float, b: float) -> None:
        cv2.ellipse(cover, ((x * width, y * height),
                            (2 * a * width, 2 * b * height), 0.0), 1.0, -1,
                    cv2.LINE_AA)

    if kind == 'ball':
        ellipse(0.5, 0.5, 0.46, 0.46)
    elif kind == 'umbrella':
        ellipse(0.5, 0.24, 0.48, 0.23)
        cover[int(0.24 * height):] = 0
        cover[:, int(0.47 * width):int(0.53 * width) + 1] = 1
        cover[:int(0.01 * height)] = 0
    elif kind == 'sign':
        cover[2:int(0.4 * height), 2:width - 3] = 1
        cover[:height - 3, int(0.46 * width):int(0.54 * width) + 1] = 1
    elif kind == 'car':
        ellipse(0.5, 0.45, 0.34, 0.42)
        cv2.rectangle(cover, (int(0.03 * width), int(0.42 * height)),
                      (int(0.97 * width), int(0.86 * height)), 1.0, -1)
        ellipse(0.22, 0.84, 0.09, 0.15)
        ellipse(0.78, 0.84, 0.09, 0.15)
    elif kind == 'plant':
        for _ in range(34):
            ellipse(
                float(np.clip(rng.normal(0.5, 0.2), 0.1, 0.9)),
                float(np.clip(rng.normal(0.35, 0.2), 0.08, 0.7)),
                float(rng.uniform(0.04, 0.1)), float(rng.uniform(0.05, 0.12)))
        cv2.rectangle(cover, (int(0.34 * width), int(0.72 * height)),
                      (int(0.66 * width), int(0.98 * height)), 1.0, -1)
        cv2.rectangle(cover, (int(0.47 * width), int(0.4 * height)),
                      (int(0.53 * width), int(0.75 * height)), 1.0, -1)
    else:
        cv2.rectangle(cover, (2, 2), (width - 3, height - 3), 1.0, -1)
    return cv2.GaussianBlur(cover, (3, 3), 0.7)


def _paint(rng: np.random.Generator, kind: str, height: int,
           width: int) -> np.ndarray:
    """(H, W, 3) float32 surface of a kind of thing."""
    colours = rng.uniform(25, 235, (2, 3)).astype(np.float32)
    grey = colours.mean(axis=1, keepdims=True)
    colours = grey + rng.uniform(0.25, 0.9) * (colours - grey)
    if kind == 'plant':
        leaf = np.float32([45, rng.uniform(80, 150), 60])
        out = leaf * (1 + 0.45 * noise(rng, height, width, (9, 20)))[..., None]
        out[int(0.72 * height):] = (60, 90, 150)
    else:
        pattern = str(rng.choice(_PATTERNS))
        out = cloth(rng, height, width, pattern, colours,
                    max(5.0, 0.16 * width))
    u = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    v = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    if kind in ('post', 'ball'):
        out = out * (0.5 + 0.5 * np.sqrt(np.clip(1 - (u + 0.2)**2, 0, 1)))
    if kind == 'car':
        window = (np.abs(u) < 0.52) & (v < 0.4) & (np.abs(u) > 0.03) & (
            v > 0.1)
        out = np.where(window, np.float32([80, 70, 60]), out)
        out = np.where(v > 0.7, 0.35 * out, out)
    if kind in ('sign', 'umbrella'):
        out = np.where(v > (0.4 if kind == 'sign' else 0.24),
                       np.float32([70, 72, 75]), out)
    if kind in ('screen', 'box'):
        edge = (np.abs(u) > 1 - 8 / width) | (
            np.abs(v - 0.5) > 0.5 - 5 / height)
        out = np.where(edge, 0.55 * out, out)
    return out * (1.08 - 0.3 * v)


class Thing:
    """One object that stands or moves in the scene.

    Args:
        rng (np.random.Generator): Source of randomness.
        kind (str): One of :data:`KINDS`.
        camera (Camera): Decides the resolution of the sprite.
        depth (float): Metres from the camera.
        passing (tuple[float, float]): Seconds and x in metres of a point
            that the object's middle passes.
        speed (float): Sideways speed in m/s.
    """

    def __init__(self, rng: np.random.Generator, kind: str, camera: Camera,
                 depth: float, passing: Tuple[float,
                                              float], speed: float) -> None:
        wide, tall, lift = KINDS[kind]
        self.half_width = float(rng.uniform(*wide)) / 2
        self.tall = float(rng.uniform(*tall))
        if kind == 'ball':
            self.tall = 2 * self.half_width
        self.lift = float(rng.uniform(*lift))
        self.static_depth, self._passing, self._speed = depth, passing, speed
        self._bob = float(rng.uniform(0, 0.12)) if self.lift else 0.0
        self._rate = float(rng.uniform(0.5, 1.6))
        self._tilt = float(rng.normal(0, 0.08)) if kind != 'car' else 0.0
        scale = float(camera.pixels_per_metre(np.float64(depth)))
        height = int(np.clip(scale * self.tall, 6, 700))
        width = int(np.clip(2 * scale * self.half_width, 6, 700))
        self.sprite = Sprite.build(
            _paint(rng, kind, height, width), _shape(rng, kind, height, width))

    def depth(self, times: np.ndarray) -> np.ndarray:
        """(N,) seconds -> (N,) metres from the camera."""
        return np.full(len(times), self.static_depth)

    def track(self, camera: Camera, times: np.ndarray) -> np.ndarray:
        """Top and bottom of the object.

        Args:
            camera (Camera): The camera.
            times (np.ndarray): (N,), seconds.

        Returns:
            np.ndarray: (N, 3, 2): pixels of top and bottom, then the scale in
            pixels per metre (twice).
        """
        x = self._passing[1] + self._speed * (times - self._passing[0])
        y = -self.lift - self._bob * np.sin(2 * np.pi * self._rate * times)
        points = np.stack([
            np.stack([x + self.tall * self._tilt, y - self.tall], -1),
            np.stack([x, y], -1)
        ], 1)
        pixels, scale = camera.project(points, self.depth(times), times)
        return np.concatenate(
            [pixels, np.repeat(scale[:, None, None], 2, axis=2)], 1)

    def draw(self, canvas: Union[Picture, LabelMap], track: np.ndarray,
             index: int) -> None:
        """Paste the object at one time of its track."""
        top, bottom, (scale, _) = track[index].tolist()
        canvas.paste(
            self.sprite,
            along(top, bottom, 0, 0, scale * self.half_width,
                  self.sprite.size), -1)
