"""Damage to the frames of a video whose true joints are known.

Shape letters: F frames, K = 14 joints in LSP's order.
"""
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import cv2
import numpy as np

#: Every so many frames something happens.
PERIOD = 8
#: For how many frames before and after it is over a joint an occluder is seen.
REACH = 3


class Damaged(NamedTuple):
    """A damaged video."""
    frames: List[np.ndarray]
    #: Which joints an occluder covers, (F, K).
    covered: np.ndarray
    #: Which frames are damaged, (F, ).
    hit: np.ndarray


def clean(frames: Sequence[np.ndarray], joints: np.ndarray, torso: float,
          events: Sequence[int], rng: np.random.Generator,
          textures: Sequence[np.ndarray]) -> Damaged:
    """The frames as they are."""
    return Damaged(
        list(frames), np.zeros(joints.shape[:2], bool),
        np.zeros(len(frames), bool))


def occlude(frames: Sequence[np.ndarray], joints: np.ndarray, torso: float,
            events: Sequence[int], rng: np.random.Generator,
            textures: Sequence[np.ndarray]) -> Damaged:
    """A rectangle cut from another picture passes over a joint.

    Its sides are 0.35 to 0.9 of the torso, its speed 0.2 to 0.5 a frame in any
    direction; at an event its middle is on a joint.
    """
    damaged = clean(frames, joints, torso, events, rng, textures)
    for event in events:
        known = joints[event][np.isfinite(joints[event]).all(axis=-1)]
        if not len(known):
            continue
        joint = known[rng.integers(len(known))]
        width, height = np.maximum(rng.uniform(0.35, 0.9, 2) * torso, 4)
        angle = rng.uniform(0, 2 * np.pi)
        step = (
            rng.uniform(0.2, 0.5) * torso *
            np.array([np.cos(angle), np.sin(angle)]))
        patch = _piece(textures[rng.integers(len(textures))], round(width),
                       round(height), rng)
        first, last = max(0,
                          event - REACH), min(len(frames), event + REACH + 1)
        for t in range(first, last):
            corner = np.round(joint + (t - event) * step -
                              (width / 2, height / 2)).astype(int)
            damaged.frames[t] = _paste(damaged.frames[t], patch, corner)
            inside = ((joints[t] >= corner) &
                      (joints[t] < corner + patch.shape[1::-1])).all(axis=-1)
            damaged.covered[t] |= inside
            damaged.hit[t] = True
    return damaged


def blur(frames: Sequence[np.ndarray], joints: np.ndarray, torso: float,
         events: Sequence[int], rng: np.random.Generator,
         textures: Sequence[np.ndarray]) -> Damaged:
    """A frame, sometimes the next one too, as if the camera had moved by 0.2
    to 0.5 of the torso while it was exposed."""
    damaged = clean(frames, joints, torso, events, rng, textures)
    for event in events:
        length = max(3, round(rng.uniform(0.2, 0.5) * torso))
        line = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        way = length / 2 * np.array([np.cos(angle), np.sin(angle)])
        middle = np.array([length / 2, length / 2])
        cv2.line(line, *(tuple(map(int, middle + s * way)) for s in (-1, 1)),
                 1.)
        for t in range(event, min(len(frames), event + rng.integers(1, 3))):
            damaged.frames[t] = cv2.filter2D(
                damaged.frames[t],
                -1,
                line / line.sum(),
                borderType=cv2.BORDER_REPLICATE)
            damaged.hit[t] = True
    return damaged


def drop(frames: Sequence[np.ndarray], joints: np.ndarray, torso: float,
         events: Sequence[int], rng: np.random.Generator,
         textures: Sequence[np.ndarray]) -> Damaged:
    """A frame is lost: the one before it is shown once more."""
    damaged = clean(frames, joints, torso, events, rng, textures)
    for event in events:
        if event:
            damaged.frames[event] = frames[event - 1]
            damaged.hit[event] = True
    return damaged


def compress(frames: Sequence[np.ndarray], joints: np.ndarray, torso: float,
             events: Sequence[int], rng: np.random.Generator,
             textures: Sequence[np.ndarray]) -> Damaged:
    """All frames at half the size through JPEG of quality 8."""
    damaged = clean(frames, joints, torso, events, rng, textures)
    for t, frame in enumerate(frames):
        small = cv2.resize(
            frame, None, fx=.5, fy=.5, interpolation=cv2.INTER_AREA)
        _, code = cv2.imencode('.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, 8])
        damaged.frames[t] = cv2.resize(
            cv2.imdecode(code, cv2.IMREAD_COLOR), frame.shape[1::-1])
    damaged.hit[:] = True
    return damaged


#: By name; each takes frames, joints (F, K, 2), NaN where unknown, the
#: torso in pixels, indices of the frames where something happens, a generator,
#: and pictures to cut occluders from.
CORRUPTIONS: Dict[str, Callable[..., Damaged]] = dict(
    clean=clean,
    occluded=occlude,
    blurred=blur,
    dropped=drop,
    compressed=compress)


def events_of(count: int, rng: np.random.Generator) -> np.ndarray:
    """Frames of a video where something happens, one in each period."""
    starts = np.arange(0, count, PERIOD)
    return np.minimum(starts + rng.integers(PERIOD, size=len(starts)),
                      count - 1)


def _piece(texture: np.ndarray, width: int, height: int,
           rng: np.random.Generator) -> np.ndarray:
    """A piece of a picture, enlarged at random."""
    share = rng.uniform(0.2, 0.6)
    rows, columns = (max(2, int(share * n)) for n in texture.shape[:2])
    top = rng.integers(texture.shape[0] - rows + 1)
    left = rng.integers(texture.shape[1] - columns + 1)
    return cv2.resize(texture[top:top + rows, left:left + columns],
                      (max(2, width), max(2, height)))


def _paste(frame: np.ndarray, patch: np.ndarray,
           corner: Tuple[int, int]) -> np.ndarray:
    """A copy of a frame with a patch, as far as that is inside."""
    left, top = corner
    height, width = frame.shape[:2]
    x1, x2 = max(0, left), min(width, left + patch.shape[1])
    y1, y2 = max(0, top), min(height, top + patch.shape[0])
    if x1 >= x2 or y1 >= y2:
        return frame
    frame = frame.copy()
    frame[y1:y2, x1:x2] = patch[y1 - top:y2 - top, x1 - left:x2 - left]
    return frame
