"""What a generated person looks like: colours, clothes and the part sprites.

Left and right can be told as with real people: by the face, the hair and the
clothes' front (buttons, open jacket, neckline, print) against a plain back,
by feet and by how arms and legs bend.

Shape shorthand: H x W texture cells.
"""
from dataclasses import dataclass
from typing import Dict, Tuple

import cv2
import numpy as np

from .skeleton import Proportions
from .sprites import Ball, Sprite, Tube, limb
from .textures import Colour, cloth, face, noise

_SKINS = ((196, 218, 245), (172, 203, 238), (140, 180, 224), (110, 155, 205),
          (84, 124, 175), (58, 90, 138), (42, 64, 100))
_HAIRS = ((28, 28, 32), (30, 42, 62), (45, 70, 105), (70, 120, 165),
          (110, 175, 215), (150, 150, 155), (35, 60, 130))
_TROUSERS = ((95, 60, 38), (60, 45, 38), (45, 45, 48), (110, 120, 125),
             (120, 160, 180), (60, 85, 100), (150, 110, 80), (40, 60, 45))
_SHIRT_PATTERNS = ('plain', 'plain', 'hoops', 'stripes', 'checks', 'plaid',
                   'dots', 'blocks', 'camouflage')


@dataclass(frozen=True)
class Outfit:
    """Colours (BGR, 0 to 255) and clothes of one person."""
    skin: Colour
    hair: Colour
    hair_style: str
    shirt: Tuple[Colour, Colour]
    pattern: str
    front: str
    under: Colour
    sleeve: float
    trousers: Colour
    trouser_pattern: str
    trouser_length: float
    shoes: Colour

    @classmethod
    def sample(cls, rng: np.random.Generator) -> 'Outfit':
        """Draw an outfit."""

        def vivid(low: float = 40, high: float = 245) -> Colour:
            hsv = np.uint8([[[
                rng.integers(180),
                rng.integers(30, 235),
                rng.integers(low, high)
            ]]])
            return tuple(
                float(c) for c in cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0])

        def pick(colours: Tuple[Colour, ...], spread: float) -> Colour:
            colour = np.array(colours[rng.integers(len(colours))], float)
            return tuple(
                np.clip(colour * rng.normal(1, spread) + rng.normal(0, 5, 3),
                        12, 250).tolist())

        base = vivid(60)
        second = vivid(30)
        if sum(abs(a - b) for a, b in zip(base, second)) < 110:
            second = tuple(255 - c for c in base)
        return cls(
            skin=pick(_SKINS, 0.04),
            hair=pick(_HAIRS, 0.1),
            hair_style=str(
                rng.choice(['short', 'long', 'bald', 'bun', 'hat'],
                           p=[0.46, 0.26, 0.06, 0.08, 0.14])),
            shirt=(base, second),
            pattern=str(rng.choice(_SHIRT_PATTERNS)),
            front=str(
                rng.choice(['open', 'buttons', 'vneck', 'print', 'tie'])),
            under=pick(((235, 238, 240), (40, 40, 45), (190, 200, 215)), 0.05),
            sleeve=float(
                rng.choice([0.0, 0.6, 1.0, 2.0], p=[0.08, 0.37, 0.1, 0.45])),
            trousers=pick(_TROUSERS, 0.12),
            trouser_pattern=str(
                rng.choice(['denim', 'plain', 'stripes', 'checks'],
                           p=[0.5, 0.35, 0.08, 0.07])),
            trouser_length=float(
                rng.choice([0.7, 1.0, 2.0], p=[0.17, 0.08, 0.75])),
            shoes=pick(((40, 40, 45), (225, 228, 232), (60, 75, 120),
                        (60, 60, 190), (150, 90, 50)), 0.1))


class Appearance:
    """The sprites of one person's parts.

    Args:
        rng (np.random.Generator): Source of randomness.
        body (Proportions): The person's measures.
        outfit (Outfit): The person's clothes.
        scale (float): Pixels per metre that the sprites are made for.

    Attributes:
        limbs (dict[str, Sprite]): Flat parts by name, see ``radius``.
        radius (dict[str, float]): Half width in metres of each flat part.
        head (Ball): The head.
        trunk (Tube): Shirt.
        pelvis (Tube): Top of the trousers.
    """

    def __init__(self, rng: np.random.Generator, body: Proportions,
                 outfit: Outfit, scale: float) -> None:
        self._rng, self._outfit, self._scale = rng, outfit, scale
        self.radius: Dict[str, float] = {}
        self.limbs: Dict[str, Sprite] = {}
        size = body.stature * body.girth
        period = rng.uniform(0.035, 0.09) * scale
        for side in ('left', 'right'):
            self._add_arm(side, body, size, period)
            self._add_leg(side, body, size)
        skin = self._plain(outfit.skin, body.neck + 0.10, 0.033 * size)
        self._put('neck', skin, 0.033 * size, (0.8, 0.8, 1.0))
        across, up, forward = body.head_size
        if outfit.hair_style in ('long', 'bun'):
            hair = self._plain(outfit.hair, 2.6 * up, 1.05 * across)
            hair *= 1 + 0.16 * noise(rng, 4, hair.shape[1],
                                     (30, ))[:1, :, None]
            self._put('hair', hair, 1.02 * across, (0.9, 1.0, 1.0, 0.85))
        texture = face(rng, outfit.skin, outfit.hair, outfit.hair_style,
                       outfit.shirt[1])
        cells = int(np.clip(2.2 * up * scale, 12, 160))
        self.head = Ball(texture, (across, up, forward), cells)
        self._add_trunk(body, period)

    def _cells(self, metres: float, least: int = 6) -> int:
        return max(least, int(round(metres * self._scale)))

    def _plain(self, colour: Colour, length: float,
               radius: float) -> np.ndarray:
        return cloth(self._rng, self._cells(length + 2 * radius),
                     self._cells(2 * radius), 'skin', (colour, colour), 9)

    def _put(self, name: str, texture: np.ndarray, radius: float,
             profile: Tuple[float, ...]) -> None:
        cap = 0.8 * radius * self._scale
        self.limbs[name] = limb(texture, profile, cap)
        self.radius[name] = radius

    def _sleeved(self, length: float, radius: float, cover: float,
                 fabric: Tuple[str, Tuple[Colour, Colour]],
                 period: float) -> np.ndarray:
        """Skin, its upper share ``cover`` under cloth."""
        texture = self._plain(self._outfit.skin, length, radius)
        height, width = texture.shape[:2]
        rows = int(np.clip(cover, 0, 1) * height)
        if rows > 1:
            texture[:rows] = cloth(self._rng, height, width, fabric[0],
                                   fabric[1], period)[:rows]
            if rows < height:
                texture[max(0, rows - 2):rows] *= 0.7  # the hem
        return texture

    def _add_arm(self, side: str, body: Proportions, size: float,
                 period: float) -> None:
        outfit = self._outfit
        shirt = (outfit.pattern, outfit.shirt)
        loose = 1.12 if outfit.sleeve > 1 else 1.0
        upper, lower = 0.033 * size * loose, 0.026 * size * loose
        self._put(
            f'{side}_upper_arm',
            self._sleeved(body.upper_arm, upper, outfit.sleeve, shirt, period),
            upper, (0.8, 0.97, 0.95, 0.84, 0.8))
        self._put(
            f'{side}_forearm',
            self._sleeved(body.forearm, lower, 0.93 * (outfit.sleeve - 1),
                          shirt, period), lower, (0.95, 1.0, 0.9, 0.72, 0.64))
        radius = 0.023 * body.stature
        self._put(f'{side}_hand', self._plain(outfit.skin, body.hand, radius),
                  radius, (0.55, 0.85, 1.0, 0.95, 0.7))

    def _add_leg(self, side: str, body: Proportions, size: float) -> None:
        outfit = self._outfit
        fabric = (outfit.trouser_pattern,
                  (outfit.trousers, tuple(0.72 * c for c in outfit.trousers)))
        period = 0.05 * self._scale
        loose = 1.1 if outfit.trouser_length > 1 else 1.0
        upper, lower = 0.050 * size * loose, 0.036 * size * loose
        cover = outfit.trouser_length
        self._put(f'{side}_thigh',
                  self._sleeved(body.thigh, upper, cover, fabric, period),
                  upper, (0.9, 1.0, 0.92, 0.8, 0.74))
        self._put(f'{side}_shin',
                  self._sleeved(body.shin, lower, cover - 1, fabric, period),
                  lower, (0.95, 1.0, 0.97, 0.8, 0.7 * loose))
        radius = 0.030 * body.stature
        shoe = self._plain(outfit.shoes, body.foot, radius)
        shoe[:, :max(1, shoe.shape[1] // 7)] = 225  # sole
        self._put(f'{side}_foot', shoe, radius, (0.75, 0.95, 1.0, 0.9, 0.8))

    def _add_trunk(self, body: Proportions, period: float) -> None:
        rng, outfit = self._rng, self._outfit
        half_width = 0.98 * body.shoulder
        depth = 0.070 * body.stature * body.girth
        self.trunk_before, self.trunk_after = 0.035, 0.075
        height = self._cells(body.chest + body.abdomen + self.trunk_before +
                             self.trunk_after)
        around = self._cells(2 * np.pi * 0.5 * (half_width + depth), 32)
        texture = cloth(rng, height, around, outfit.pattern, outfit.shirt,
                        period)
        _draw_front(rng, texture, outfit)
        waist = rng.uniform(0.76, 0.88)
        self.trunk = Tube(texture, (half_width, depth),
                          (0.5, 0.97, 1.0, 0.96, waist, waist + 0.02, 0.92),
                          self._cells(2 * half_width), 0.04 * self._scale)
        half_width = body.hip + 0.043 * body.stature * body.girth
        height = self._cells(0.2)
        around = self._cells(2 * np.pi * 0.5 * (half_width + depth), 32)
        texture = cloth(
            rng, height, around, outfit.trouser_pattern,
            (outfit.trousers, tuple(0.72 * c for c in outfit.trousers)),
            0.05 * self._scale)
        texture[:max(2, height // 5)] = (35, 40, 50)  # belt
        self.pelvis = Tube(texture,
                           (half_width, 1.04 * depth), (0.9, 1.0, 1.0, 0.85),
                           self._cells(2 * half_width), 0.03 * self._scale)


def _draw_front(rng: np.random.Generator, texture: np.ndarray,
                outfit: Outfit) -> None:
    """Paint what only a shirt's front has, in place."""
    height, width = texture.shape[:2]
    column = np.linspace(-180, 180, width, dtype=np.float32)[None]
    row = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    dark = 0.5 * np.float32(outfit.shirt[0])
    texture[:max(2, height // 22)] = dark  # collar

    def fill(mask: np.ndarray, colour: Colour) -> None:
        texture[np.broadcast_to(mask, (height, width))] = colour

    neckline = np.abs(column) < 34 - 160 * row
    if outfit.front == 'open':
        gap = 17 + 14 * row
        fill(np.abs(column) < gap + 5, dark)
        fill(np.abs(column) < gap, outfit.under)
        neckline = np.abs(column) < 17 - 110 * row
    elif outfit.front == 'buttons':
        fill(np.abs(column) < 5, 1.25 * dark)
        fill((np.abs(column) < 2.5) & (row * 9 % 1 < 0.3), (240, 240, 240))
        fill((column > 30) & (column < 58) & (row > 0.26) & (row < 0.4), dark)
    elif outfit.front == 'print':
        colour = 255 - np.float32(outfit.shirt[0])
        centre, radius = 0.38, rng.uniform(0.10, 0.16)
        shape = (column / 190)**2 + (row - centre)**2
        fill(shape < radius**2, colour)
        fill(shape < (0.55 * radius)**2, outfit.shirt[0])
    elif outfit.front == 'tie':
        fill((np.abs(column) < 6 + 9 * row) & (row < 0.75),
             0.6 * np.float32(outfit.shirt[1]))
        neckline = np.abs(column) < 15 - 150 * row
    if outfit.front in ('vneck', 'open'):
        fill(np.abs(column) < 42 - 170 * row, dark)
    fill(neckline, 0.93 * np.float32(outfit.skin))
