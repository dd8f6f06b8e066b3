"""Procedural surfaces: noise, cloth patterns, and the head's painted skin.

All textures are float32 BGR in 0 to 255. Wrap-around textures cover 360
degrees across, the front in the middle column, the body's left to the right
of it.

Shape shorthand: H x W texture cells.
"""
from typing import Sequence, Tuple

import cv2
import numpy as np

Colour = Tuple[float, float, float]


def noise(rng: np.random.Generator, height: int, width: int,
          cells: Sequence[int]) -> np.ndarray:
    """Smooth multi-octave noise.

    Args:
        rng (np.random.Generator): Source of randomness.
        height (int): H.
        width (int): W.
        cells (Sequence[int]): Grid cells across the width, per octave; each
            octave weighs half of the one before.

    Returns:
        np.ndarray: (H, W) float32, roughly -1 to 1.
    """
    out = np.zeros((height, width), np.float32)
    weight = 1.0
    for across in cells:
        down = max(2, round(across * height / width))
        grid = rng.uniform(-1, 1, (down, max(2, across))).astype(np.float32)
        grid = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        cv2.scaleAdd(grid, weight, out, out)
        weight *= 0.5
    return out


def cloth(rng: np.random.Generator, height: int, width: int, pattern: str,
          colours: Sequence[Colour], period: float) -> np.ndarray:
    """A piece of patterned cloth with folds.

    Args:
        rng (np.random.Generator): Source of randomness.
        height (int): H.
        width (int): W.
        pattern (str): 'plain', 'hoops' (across), 'stripes' (along),
            'checks', 'plaid', 'dots', 'blocks', 'camouflage', 'denim', or
            'skin' (plain without folds).
        colours (Sequence[Colour]): Base colour and second colour.
        period (float): Size of the pattern in cells.

    Returns:
        np.ndarray: (H, W, 3) float32.

    Raises:
        ValueError: If the pattern is unknown.
    """
    base, second = (np.float32(c) for c in colours[:2])
    if pattern == 'skin':
        return base * (1 + 0.03 * noise(rng, height, width, (4, ))[..., None])
    folds = 1 + 0.09 * noise(rng, height, width, (4, 9))[..., None]
    if pattern == 'plain':
        return base * folds
    x = np.arange(width, dtype=np.float32)[None] / max(period, 2)
    y = np.arange(height, dtype=np.float32)[:, None] / max(period, 2)
    if pattern == 'denim':
        mask = 0.12 + 0.12 * noise(rng, height, width, (width, ))
    elif pattern == 'hoops':
        mask = (y % 1 < 0.5)
    elif pattern == 'stripes':
        mask = (x % 1 < 0.4)
    elif pattern == 'checks':
        mask = (x % 1 < 0.5) ^ (y % 1 < 0.5)
    elif pattern == 'plaid':
        mask = 0.5 * (x % 1 < 0.4) + 0.5 * (y % 1 < 0.4)
    elif pattern == 'dots':
        mask = ((x % 1 - 0.5)**2 + (y % 1 - 0.5)**2) < 0.06
    elif pattern == 'blocks':
        mask = y > rng.uniform(0.35, 0.6) * y.max()
    elif pattern == 'camouflage':
        mask = noise(rng, height, width, (5, 9)) > 0.1
    else:
        raise ValueError(f'unknown cloth pattern {pattern!r}')
    mask = np.float32(np.broadcast_to(mask, (height, width)))
    mask = cv2.GaussianBlur(mask, (3, 3), 0.6)[..., None]
    return (base + mask * (second - base)) * folds


def _ellipse(image: np.ndarray, centre: Tuple[float, float],
             axes: Tuple[float, float], colour: Colour) -> None:
    cv2.ellipse(image, (tuple(float(v) for v in centre),
                        (2 * float(axes[0]), 2 * float(axes[1])), 0.0), colour,
                -1, cv2.LINE_AA)


def face(rng: np.random.Generator, skin: Colour, hair: Colour, hair_style: str,
         hat: Colour) -> np.ndarray:
    """A head's skin as a map of longitude and latitude.

    Args:
        rng (np.random.Generator): Source of randomness.
        skin (Colour): Skin colour.
        hair (Colour): Hair colour.
        hair_style (str): 'short', 'long', 'bald', 'bun' or 'hat'.
        hat (Colour): Colour of the hat, if worn.

    Returns:
        np.ndarray: (128, 256, 3) float32: latitude -90 (crown) to 90 down,
        longitude -180 to 180 across, the nose at 0.
    """
    height, width = 128, 256
    image = np.empty((height, width, 3), np.float32)
    image[:] = skin
    dark = tuple(0.72 * c for c in skin)
    lips = (0.62 * skin[0], 0.55 * skin[1], min(255.0, 0.95 * skin[2]))
    lon = np.linspace(-180, 180, width, dtype=np.float32)
    lat = np.linspace(-90, 90, height, dtype=np.float32)[:, None]

    def at(longitude: float, latitude: float) -> Tuple[float, float]:
        return ((longitude + 180) / 360 * (width - 1),
                (latitude + 90) / 180 * (height - 1))

    # ears, then the hair over them
    for side in (-1, 1):
        _ellipse(image, at(88 * side, 8), (6, 10), dark)
        _ellipse(image, at(86 * side, 8), (3.5, 7), skin)
    line = np.interp(
        np.abs(lon), [0, 35, 62, 70, 84, 97, 110, 180],
        [-42, -40, -24, 2, 0, 34, 52, 62])
    line = line + 3 * noise(rng, 1, width, (24, ))[0]
    if hair_style == 'bald':
        line = np.where(np.abs(lon) < 80, -95, line)
        line = np.where(np.abs(lon) >= 80, np.minimum(line, 40), line)
    strands = 1 + 0.16 * noise(rng, 4, width, (90, 45))[:1]
    cover = lat < line
    if hair_style == 'bald':
        cover = cover & (lat > -28)
    image = np.where(cover[..., None],
                     np.float32(hair) * strands[..., None], image)
    if hair_style == 'hat':
        brim = np.interp(np.abs(lon), [0, 60, 180], [-30, -26, -14])
        image = np.where((lat < brim)[..., None], np.float32(hat), image)
        band = (lat < brim) & (lat > brim - 9)
        image = np.where(band[..., None], 0.6 * np.float32(hat), image)
    image = np.ascontiguousarray(image, np.float32)
    brow = tuple(0.6 * c for c in hair)
    for side in (-1, 1):
        _ellipse(image, at(22 * side, -4), (11, 6.5), dark)
        _ellipse(image, at(22 * side, -2), (8, 3.8), (228, 232, 235))
        _ellipse(image, at(22 * side, -2), (3.8, 4.0), (45, 40, 38))
        _ellipse(image, at(23 * side, -17), (12, 2.6), brow)
        _ellipse(image, at(40 * side, 22), (10, 8),
                 tuple(0.95 * s + 0.05 * v for s, v in zip(skin, lips)))
    _ellipse(image, at(0, 8), (3.4, 13),
             tuple(min(255, 1.1 * c) for c in skin))
    _ellipse(image, at(0, 19), (7.5, 4.2), dark)
    _ellipse(image, at(0, 17), (5.0, 3.4), skin)
    if rng.random() < 0.2 and hair_style != 'long':
        beard = (lat > 24) & (np.abs(lon) < 72) & ~((np.abs(lon) < 16) &
                                                    (np.abs(lat - 36) < 5))
        image = np.where(beard[..., None],
                         0.75 * np.float32(hair) + 0.25 * np.float32(skin),
                         image)
        image = np.ascontiguousarray(image, np.float32)
    _ellipse(image, at(0, 36), (12, 3.4), lips)
    cv2.line(image, tuple(int(v) for v in at(-15, 36)),
             tuple(int(v) for v in at(15, 36)), tuple(0.55 * c for c in lips),
             1, cv2.LINE_AA)
    if rng.random() < 0.2:
        for side in (-1, 1):
            centre = tuple(int(v) for v in at(22 * side, -2))
            cv2.ellipse(image, centre, (12, 8), 0, 0, 360, (30, 30, 30), 2,
                        cv2.LINE_AA)
        cv2.line(image, tuple(int(v) for v in at(-6, -4)),
                 tuple(int(v) for v in at(6, -4)), (30, 30, 30), 2)
    return image
