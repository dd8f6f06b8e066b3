"""Pasting sprites into pictures and into the buffer that knows who is where.

Both canvases take the same calls, so that the occlusion truth comes from the
very shapes and order that are drawn.

Shape shorthand: H x W pixels. A map is (a, b, c, d, e, f): sprite cell
(x, y) lands on pixel (a x + b y + c, d x + e y + f).
"""
import math
from typing import Dict, NamedTuple, Tuple

import cv2
import numpy as np

from .sprites import Sprite

Affine = Tuple[float, float, float, float, float, float]
Box = Tuple[int, int, int, int]


def along(start: Tuple[float, float], end: Tuple[float, float], before: float,
          after: float, half_width: float, size: Tuple[int, int]) -> Affine:
    """The map that lays a sprite along a bone.

    Args:
        start (tuple[float, float]): x, y pixel of the upper joint.
        end (tuple[float, float]): x, y pixel of the lower joint.
        before (float): How far the sprite reaches past ``start``, pixels.
        after (float): How far past ``end``.
        half_width (float): Half of the sprite's width, pixels.
        size (tuple[int, int]): Height and width of the sprite in cells.

    Returns:
        Affine: The map. A bone that points at the camera is laid downward.
    """
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    dx, dy = (dx / length, dy / length) if length > 1e-6 else (0.0, 1.0)
    height, width = size
    step = (length + before + after) / height
    across = 2 * half_width / width
    # sprite axes on the image: x across the bone, y along it
    a, d, b, e = dy * across, -dx * across, dx * step, dy * step
    # cell centres are at integer coordinates, the sprite starts at -0.5
    x0, y0 = (width - 1) / 2, -0.5
    return (a, b, start[0] - before * dx - a * x0 - b * y0, d, e,
            start[1] - before * dy - d * x0 - e * y0)


def _extent(mapping: Affine, size: Tuple[int, int]) -> Box:
    """The pixels x0, y0, x1, y1 that a sprite touches, in the image or not."""
    a, b, c, d, e, f = mapping
    h, w = size
    aw, bh, dw, eh = a * w, b * h, d * w, e * h
    return (math.floor(c + min(0, aw) + min(0, bh)) - 1,
            math.floor(f + min(0, dw) + min(0, eh)) - 1,
            math.ceil(c + max(0, aw) + max(0, bh)) + 2,
            math.ceil(f + max(0, dw) + max(0, eh)) + 2)


class Patch(NamedTuple):
    """A sprite already mapped to pixels.

    Attributes:
        mapping (Affine): The map it was made with.
        box (tuple[int, int, int, int]): x0, y0, x1, y1 in the image.
        colour (np.ndarray): (h, w, 3) uint8, premultiplied.
        clear (np.ndarray): (h, w, 3) uint8, 255 where nothing covers.
    """
    mapping: Affine
    box: Box
    colour: np.ndarray
    clear: np.ndarray


class Picture:
    """A BGR picture to paste into.

    Sub-frames of one exposure share patches: a part that between them hardly
    did more than slide is moved by whole pixels instead of mapped anew.

    Args:
        image (np.ndarray): (H, W, 3) uint8, changed in place.
        patches (dict): Patches of the same exposure by sprite, empty for its
            first sub-frame.
    """

    #: Change of shape in pixels below which a patch is used again.
    TOLERANCE = 0.4

    def __init__(self, image: np.ndarray, patches: Dict[int, Patch]) -> None:
        self.image, self._patches = image, patches

    def paste(self, sprite: Sprite, mapping: Affine, label: int = 0) -> None:
        """Paste a sprite; ``label`` does not matter here."""
        height, width = self.image.shape[:2]
        patch = self._patches.get(id(sprite))
        if patch is None or not self._slid(patch.mapping, mapping,
                                           sprite.size):
            box = _extent(mapping, sprite.size)
            if not _meet(box, width, height):
                return
            patch = self._map(sprite, mapping, box)
            self._patches[id(sprite)] = patch
        dx = round(mapping[2] - patch.mapping[2])
        dy = round(mapping[5] - patch.mapping[5])
        left, top = patch.box[0] + dx, patch.box[1] + dy
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(width, patch.box[2] + dx), min(height, patch.box[3] + dy)
        if x1 <= x0 or y1 <= y0:
            return
        part = np.s_[y0 - top:y1 - top, x0 - left:x1 - left]
        target = self.image[y0:y1, x0:x1]
        cv2.add(
            cv2.multiply(target, patch.clear[part], scale=1 / 255),
            patch.colour[part],
            dst=target)

    def _slid(self, old: Affine, new: Affine, size: Tuple[int, int]) -> bool:
        height, width = size
        return (abs(old[0] - new[0]) * width < self.TOLERANCE
                and abs(old[1] - new[1]) * height < self.TOLERANCE
                and abs(old[3] - new[3]) * width < self.TOLERANCE
                and abs(old[4] - new[4]) * height < self.TOLERANCE)

    @staticmethod
    def _map(sprite: Sprite, mapping: Affine, box: Box) -> Patch:
        a, b, c, d, e, f = mapping
        x0, y0, x1, y1 = box
        mapped = cv2.warpAffine(
            sprite.bgra, np.array(((a, b, c - x0), (d, e, f - y0)), float),
            (x1 - x0, y1 - y0))
        clear = cv2.bitwise_not(cv2.extractChannel(mapped, 3))
        return Patch(mapping, box, cv2.cvtColor(mapped, cv2.COLOR_BGRA2BGR),
                     cv2.cvtColor(clear, cv2.COLOR_GRAY2BGR))


def _meet(box: Box, width: int, height: int) -> bool:
    return box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0


class LabelMap:
    """Which part is seen at each pixel, and what each person covers.

    Args:
        width (int): W.
        height (int): H.
        people (int): Number of people.

    Attributes:
        labels (np.ndarray): (H, W) int16, the label pasted last, 0 for none.
        covers (np.ndarray): (people, H, W) bool: where a person is, seen or
            hidden.
    """

    #: Labels per person; person i has i * PARTS + 1 ... i * PARTS + PARTS.
    PARTS = 32

    def __init__(self, width: int, height: int, people: int) -> None:
        self.labels = np.zeros((height, width), np.int16)
        self.covers = np.zeros((people, height, width), bool)

    def paste(self, sprite: Sprite, mapping: Affine, label: int = 0) -> None:
        """Mark a sprite's pixels (at least half covered) with a label.

        Label 0 hides nothing (shadows); a negative one is an object.
        """
        height, width = self.labels.shape
        box = _extent(mapping, sprite.size)
        if label == 0 or not _meet(box, width, height):
            return
        x0, y0 = max(0, box[0]), max(0, box[1])
        x1, y1 = min(width, box[2]), min(height, box[3])
        a, b, c, d, e, f = mapping
        mask = cv2.warpAffine(
            sprite.alpha,
            np.array(((a, b, c - x0), (d, e, f - y0)), float),
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_NEAREST) > 127
        self.labels[y0:y1, x0:x1][mask] = label
        if label > 0:
            self.covers[(label - 1) // self.PARTS, y0:y1, x0:x1] |= mask

    def owner(self) -> np.ndarray:
        """np.ndarray: (H, W), the person seen at a pixel, -1 for none."""
        return np.where(self.labels > 0, (self.labels - 1) // self.PARTS, -1)
