"""The imagined camera: weak perspective, pan, zoom, roll and shake.

World axes are the skeleton's (x right, y down, z away, metres, the ground at
y = 0, the camera above it at x = z = 0). Everything at depth Z is drawn at
``focal / Z`` pixels per metre; then pan, zoom and roll move the whole
picture.

Shape shorthand: N times.
"""
from typing import Tuple

import numpy as np


class Camera:
    """A moving camera as a closed function of time.

    Args:
        rng (np.random.Generator): Source of randomness.
        width (int): Image width in pixels.
        height (int): Image height in pixels.
        speed (float): 0 to 1, scales pan, zoom and travel.
    """

    def __init__(self, rng: np.random.Generator, width: int, height: int,
                 speed: float) -> None:
        self.width, self.height = width, height
        self.focal = 1.3 * height
        self.horizon = float(rng.uniform(0.26, 0.42)) * height
        self.above_ground = float(rng.uniform(1.1, 1.6))
        steady = rng.random() < 0.3
        force = 0.0 if steady else 0.3 + 1.4 * speed
        self._pan = rng.normal(0, 0.05, 2) * (1, 0.35) * force * height
        self._travel = float(rng.normal(0, 0.18)) * force
        self._zoom = float(rng.normal(0, 0.05)) * force
        self._shake = rng.uniform(0.2, 1, 6) * 0.0022 * force * height
        self._rates = rng.uniform(1.5, 6.5, 6)
        self._phases = rng.uniform(0, 2 * np.pi, 6)
        self._roll = float(rng.normal(0, 0.02))

    def pixels_per_metre(self, depth: np.ndarray) -> np.ndarray:
        """Scale at a depth in metres, before zoom."""
        return self.focal / depth

    def travel(self, times: np.ndarray) -> np.ndarray:
        """(N,) seconds -> (N,) metres that the camera moved sideways."""
        return self._travel * times

    def similarity(self, times: np.ndarray) -> np.ndarray:
        """Pan, zoom, roll and shake as maps of the picture.

        Args:
            times (np.ndarray): (N,), seconds.

        Returns:
            np.ndarray: (N, 2, 3), from still to moved pixels.
        """
        waves = np.sin(2 * np.pi * self._rates * times[:, None] + self._phases)
        shift = self._pan * times[:, None] + np.stack([
            waves[:, :3] @ self._shake[:3], 0.7 *
            (waves[:, 3:] @ self._shake[3:])
        ], 1)
        zoom = np.exp(self._zoom * times)
        roll = self._roll + 0.35 * self._shake[0] / self.height * waves[:, 1]
        cos, sin = zoom * np.cos(roll), zoom * np.sin(roll)
        turn = np.stack([np.stack([cos, -sin], -1),
                         np.stack([sin, cos], -1)], 1)
        centre = np.array([self.width, self.height]) / 2
        offset = centre + shift - turn @ centre
        return np.concatenate([turn, offset[..., None]], -1)

    def zoom(self, times: np.ndarray) -> np.ndarray:
        """(N,) magnification by zooming, 1 at time 0."""
        return np.exp(self._zoom * times)

    def project(self, points: np.ndarray, depth: np.ndarray,
                times: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """World points to pixels.

        Args:
            points (np.ndarray): (N, P, 2), x and y in metres.
            depth (np.ndarray): (N,), metres.
            times (np.ndarray): (N,), seconds.

        Returns:
            tuple[np.ndarray, np.ndarray]: (N, P, 2) pixels, and (N,) pixels
            per metre.
        """
        scale = self.pixels_per_metre(depth)
        x = self.width / 2 + scale[:, None] * (
            points[..., 0] - self.travel(times)[:, None])
        y = self.horizon + scale[:, None] * (
            points[..., 1] + self.above_ground)
        return transform(self.similarity(times),
                         np.stack([x, y], -1)), scale * self.zoom(times)


def transform(maps: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply (N, 2, 3) maps to (N, P, 2) points."""
    return points @ maps[:, :, :2].transpose(0, 2, 1) + maps[:, None, :, 2]
