"""Body parts as small textured pictures, pasted by affine maps.

A limb is a flat picture of a shaded, tapered capsule, stretched between its
two joints. Head and trunk turn: their wrap-around textures are looked up
anew for each frame, the head as an ellipsoid, the trunk as an elliptic tube,
so that face, buttons and back appear where the 3-D pose puts them.

Shape shorthand: H x W sprite cells; BGRA is premultiplied by alpha.
"""
from dataclasses import dataclass
from typing import Sequence, Tuple

import cv2
import numpy as np

#: Direction to the light in camera axes (from above, left, in front).
LIGHT = np.array([-0.45, -0.6, -0.66])


@dataclass
class Sprite:
    """A picture with transparency.

    Attributes:
        bgra (np.ndarray): (H, W, 4) uint8, colour premultiplied by alpha.
        alpha (np.ndarray): (H, W) uint8, a copy of the last channel.
    """
    bgra: np.ndarray
    alpha: np.ndarray

    @classmethod
    def build(cls, colour: np.ndarray, cover: np.ndarray) -> 'Sprite':
        """From (H, W, 3) colour, 0 to 255, and (H, W) cover, 0 to 1."""
        bgra = np.empty((*cover.shape, 4), np.float32)
        np.multiply(colour, cover[..., None], out=bgra[..., :3])
        bgra[..., 3] = 255 * cover
        bgra = cv2.convertScaleAbs(bgra)
        return cls(bgra, np.ascontiguousarray(bgra[..., 3]))

    @property
    def size(self) -> Tuple[int, int]:
        """tuple[int, int]: Height, width."""
        return self.alpha.shape


def _edge(distance: np.ndarray, width: float) -> np.ndarray:
    """Cover of an edge ``width`` wide at distance 0 (inside: negative)."""
    return np.clip(0.5 - distance / width, 0, 1).astype(np.float32)


def limb(texture: np.ndarray, profile: Sequence[float], cap: float) -> Sprite:
    """A shaded, tapered capsule.

    Args:
        texture (np.ndarray): (H, W, 3) float32 surface.
        profile (Sequence[float]): Half widths along it from top to bottom,
            as shares of W / 2; evenly spaced, interpolated smoothly.
        cap (float): Height of the round ends in cells.

    Returns:
        Sprite: H x W.
    """
    height, width = texture.shape[:2]
    v = np.arange(height, dtype=np.float32) + 0.5
    u = ((np.arange(width, dtype=np.float32) + 0.5) * 2 / width - 1)[None]
    knots = np.linspace(0, height, len(profile))
    half = np.interp(v, knots, profile)
    half = cv2.GaussianBlur(half.astype(np.float32)[:, None], (1, 9), 2)[:, 0]
    near_end = np.minimum(v, height - v)
    inside = np.clip(1 - near_end / max(cap, 1), 0, 1)
    # a tube lit from the left; dark flanks set it off from what is behind,
    # while the round ends are left unshaded so that joints show no seam
    normal = np.clip(u / np.maximum(half[:, None], 1e-3), -1, 1)
    shade = 0.5 + 0.5 * np.sqrt(np.clip(1 - 0.92 * (normal + 0.25)**2, 0, 1))
    half = (half * np.sqrt(np.clip(1 - inside**2, 0.0, 1)))[:, None]
    cover = _edge(np.abs(u) - half, 2.2 * 2 / width)
    return Sprite.build(texture * shade[..., None], cover)


class Tube:
    """The trunk: an elliptic tube with a wrap-around texture.

    Args:
        texture (np.ndarray): (H, W, 3) float32, 360 degrees across.
        half_axes (tuple[float, float]): Half width and half depth of the
            cross-section, any unit.
        profile (Sequence[float]): Half widths from top to bottom as shares of
            the widest.
        width (int): Cells across the sprite.
        cap (float): Height of the round ends in cells.
    """

    def __init__(self, texture: np.ndarray, half_axes: Tuple[float, float],
                 profile: Sequence[float], width: int, cap: float) -> None:
        self.texture, self.half_axes = texture, half_axes
        height, self._period = texture.shape[:2]
        v = np.arange(height, dtype=np.float32) + 0.5
        u = ((np.arange(width, dtype=np.float32) + 0.5) * 2 / width - 1)[None]
        half = np.interp(v, np.linspace(0, height, len(profile)), profile)
        half = cv2.GaussianBlur(half.astype(np.float32)[:, None], (1, 9), 2)[:,
                                                                             0]
        near_end = np.minimum(v, height - v)
        inside = np.clip(1 - near_end / max(cap, 1), 0, 1)
        half = (half * (1 - 0.45 * inside**2))[:, None]
        relative = np.clip(u / np.maximum(half, 1e-3), -1, 1)
        self._angle = np.degrees(np.arcsin(relative)).astype(np.float32)
        self._rows = np.repeat(
            np.arange(height, dtype=np.float32)[:, None], width, axis=1)
        cover = _edge(np.abs(u) - half, 2.2 * 2 / width)
        self._cover = cover * _edge(0.7 - near_end, 1.0)[:, None]
        shade = 0.56 + 0.44 * np.sqrt(
            np.clip(1 - 0.9 * (relative + 0.22)**2, 0, 1))
        self._shade = shade[..., None].astype(np.float32)

    def half_width(self, yaw: float) -> float:
        """float: Half width of the silhouette, seen turned by ``yaw``."""
        a, b = self.half_axes
        return float(np.hypot(a * np.cos(yaw), b * np.sin(yaw)))

    def view(self, yaw: float) -> Sprite:
        """The tube as seen when its front is turned by ``yaw`` radians."""
        a, b = self.half_axes
        middle = np.degrees(np.arctan2(b * np.sin(yaw), a * np.cos(yaw)))
        columns = (self._angle + np.float32(middle + 180)) * np.float32(
            self._period / 360)
        colour = cv2.remap(
            self.texture,
            columns,
            self._rows,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP)
        return Sprite.build(colour * self._shade, self._cover)


class Ball:
    """The head: an ellipsoid with a longitude-latitude texture.

    Args:
        texture (np.ndarray): (H, W, 3) float32, see :func:`textures.face`.
        half_axes (tuple[float, float, float]): Half width, height and depth.
        size (int): Cells across the sprite.
    """

    #: Half the sprite's size over half the head's: room for the soft edge.
    ROOM = 1.08

    def __init__(self, texture: np.ndarray,
                 half_axes: Tuple[float, float, float], size: int) -> None:
        self.texture, self.half_axes = texture, half_axes
        grid = (np.arange(size, dtype=np.float32) + 0.5) * 2 / size - 1
        grid = grid * self.ROOM
        x, y = np.meshgrid(grid, grid)
        radius = np.sqrt(x * x + y * y)
        self._cover = _edge(radius - 1, 2.2 * 2 / size)
        inside = np.minimum(radius, 0.999)
        x, y = (v * inside / np.maximum(radius, 1e-6) for v in (x, y))
        z = -np.sqrt(1 - inside**2)
        self._normals = np.stack([x, y, z], -1).astype(np.float32)
        lambert = np.clip(self._normals @ LIGHT.astype(np.float32), 0, 1)
        rim = np.sqrt(np.clip(-z, 0, 1))
        self._shade = (0.42 + 0.38 * lambert + 0.26 * rim)[..., None]

    def half_width(self, yaw: float) -> float:
        """float: Half width of the silhouette, seen turned by ``yaw``."""
        a, _, c = self.half_axes
        return float(np.hypot(a * np.cos(yaw), c * np.sin(yaw)))

    def view(self, rotation: np.ndarray) -> Sprite:
        """The head in a (3, 3) rotation from head to (upright) image axes."""
        x, y, z = np.moveaxis(self._normals @ rotation.astype(np.float32), -1,
                              0)
        height, width = self.texture.shape[:2]
        columns = (np.arctan2(x, -z) / np.float32(2 * np.pi) +
                   np.float32(0.5)) * np.float32(width - 1)
        rows = (np.arcsin(np.clip(y, -1, 1)) / np.float32(np.pi) +
                np.float32(0.5)) * np.float32(height - 1)
        colour = cv2.remap(self.texture, columns, rows, cv2.INTER_LINEAR)
        return Sprite.build(colour * self._shade, self._cover)
