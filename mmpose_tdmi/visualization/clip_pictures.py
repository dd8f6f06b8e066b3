"""Pictures of clips: strips of frames, maps laid over a frame, poses.

What the browsing tool and the visualisation hooks share. Everything is drawn
after enlarging, so that small crops stay readable.

Shape shorthand: T frames of a clip, K keypoints, H x W pixels of a frame,
h x w cells of a map.
"""
from typing import List, Optional, Sequence

import cv2
import numpy as np

from .pose_drawer import PoseDrawer

#: Colours, BGR: the page between pictures, captions, the key frame's border.
PAGE = (255, 255, 255)
INK = (40, 40, 40)
KEY_COLOUR = (30, 30, 230)

_CAPTION = 20
_GAP = 4


def resized(image: np.ndarray, height: int) -> np.ndarray:
    """A picture at another height, its proportions kept.

    Args:
        image (np.ndarray): (H, W, 3), uint8.
        height (int): The new height in pixels.

    Returns:
        np.ndarray: (height, ., 3), uint8.
    """
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    method = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)


def captioned(image: np.ndarray,
              caption: str,
              framed: bool = False) -> np.ndarray:
    """A picture with a line of text above it.

    Args:
        image (np.ndarray): (H, W, 3), uint8, BGR.
        caption (str): The text; it is cut where the picture ends.
        framed (bool): Whether to draw the key frame's border. Defaults to
            ``False``.

    Returns:
        np.ndarray: (H + 20, W, 3), uint8, BGR.
    """
    image = image.copy()
    if framed:
        cv2.rectangle(image, (0, 0), (image.shape[1] - 1, image.shape[0] - 1),
                      KEY_COLOUR, 2)
    head = np.full((_CAPTION, image.shape[1], 3), PAGE, np.uint8)
    cv2.putText(head, caption, (2, _CAPTION - 6), cv2.FONT_HERSHEY_SIMPLEX,
                0.42, KEY_COLOUR if framed else INK, 1, cv2.LINE_AA)
    return np.concatenate((head, image))


def in_a_row(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures side by side, aligned at the top.

    Args:
        pictures (Sequence[np.ndarray]): (., ., 3) each, uint8, at least one.

    Returns:
        np.ndarray: One picture, uint8.
    """
    height = max(picture.shape[0] for picture in pictures)
    last = len(pictures) - 1
    padded = [
        np.pad(
            picture, ((0, height - picture.shape[0]),
                      (0, _GAP if i < last else 0), (0, 0)),
            constant_values=PAGE[0]) for i, picture in enumerate(pictures)
    ]
    return np.concatenate(padded, axis=1)


def stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures one below the other, aligned at the left.

    Args:
        pictures (Sequence[np.ndarray]): (., ., 3) each, uint8, at least one.

    Returns:
        np.ndarray: One picture, uint8.
    """
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate([
        np.pad(
            picture, ((0, _GAP), (0, width - picture.shape[1]), (0, 0)),
            constant_values=PAGE[0]) for picture in pictures
    ])


def strip(frames: Sequence[np.ndarray],
          captions: Sequence[str],
          key: int,
          height: int = 192) -> np.ndarray:
    """A clip as a row of its frames, time running to the right.

    Args:
        frames (Sequence[np.ndarray]): T frames (H, W, 3), uint8, BGR.
        captions (Sequence[str]): T texts.
        key (int): The key frame's place; it gets a border.
        height (int): Height of a frame in the picture, pixels. Defaults to
            192.

    Returns:
        np.ndarray: The picture, uint8, BGR.

    Raises:
        ValueError: If there are not as many captions as frames.
    """
    if len(frames) != len(captions) or not frames:
        raise ValueError(f'a strip needs a caption for each of its frames, '
                         f'got {len(captions)} for {len(frames)}')
    return in_a_row([
        captioned(resized(frame, height), caption, framed=t == key)
        for t, (frame, caption) in enumerate(zip(frames, captions))
    ])


def overlaid(frame: np.ndarray,
             heat: np.ndarray,
             height: int = 192) -> np.ndarray:
    """A map over a frame, its own range from dark to bright.

    Args:
        frame (np.ndarray): (H, W, 3), uint8, BGR.
        heat (np.ndarray): (h, w), float; it covers the whole frame.
        height (int): Height of the picture, pixels. Defaults to 192.

    Returns:
        np.ndarray: The picture, uint8, BGR. The brightest place is the
        map's maximum, the darkest its minimum.

    Raises:
        ValueError: If the map is not finite.
    """
    heat = np.asarray(heat, np.float32)
    if heat.ndim != 2 or not np.isfinite(heat).all():
        raise ValueError('expected a finite map (h, w), got shape '
                         f'{heat.shape} with '
                         f'{np.count_nonzero(~np.isfinite(heat))} values '
                         'that are not finite')
    spread = heat.max() - heat.min()
    level = (heat - heat.min()) / spread if spread > 0 else 0 * heat
    picture = resized(frame, height)
    level = cv2.resize(
        level, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap((255 * level.clip(0, 1)).astype(np.uint8),
                                cv2.COLORMAP_INFERNO)
    grey = cv2.cvtColor(
        cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(grey, 0.4, colours, 0.6, 0)


class PosePainter:
    """Poses and boxes on enlarged frames.

    Args:
        dataset_meta (dict): The layout of the keypoints, as datasets and
            models of MMPose have it.
        height (int): Height of pictures, pixels. Defaults to 192.
        kpt_thr (float): Keypoints of a lower score are not drawn. Defaults
            to 0.3.
    """

    def __init__(self,
                 dataset_meta: dict,
                 height: int = 192,
                 kpt_thr: float = 0.3) -> None:
        self.height = height
        self._drawer = PoseDrawer(dataset_meta, kpt_thr)

    def paint(
        self,
        frame: np.ndarray,
        keypoints: Optional[np.ndarray] = None,
        scores: Optional[np.ndarray] = None,
        outlines: Sequence[np.ndarray] = ()
    ) -> np.ndarray:
        """Enlarge a frame and draw on it.

        Args:
            frame (np.ndarray): (H, W, 3), uint8, BGR.
            keypoints (np.ndarray, optional): x, y in the frame's pixels,
                (n, K, 2).
            scores (np.ndarray, optional): Scores or visibility, (n, K).
            outlines (Sequence[np.ndarray]): Corners of boxes in the frame's
                pixels, (4, 2) each.

        Returns:
            np.ndarray: The picture, uint8, BGR.
        """
        picture = resized(frame, self.height)
        scale = np.array(picture.shape[1::-1]) / frame.shape[1::-1]
        if keypoints is not None and len(keypoints):
            picture = self._drawer.draw(picture, keypoints * scale, scores)
        for corners in outlines:
            points = np.round(corners * scale).astype(np.int32)
            cv2.polylines(picture, [points], True, (60, 200, 60), 1,
                          cv2.LINE_AA)
        return picture


def box_corners(box: np.ndarray) -> np.ndarray:
    """x1, y1, x2, y2 of a box as its corners, (4, 2), clockwise."""
    x1, y1, x2, y2 = np.asarray(box, float).reshape(-1)[:4]
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])


def frame_captions(offsets: Sequence[int],
                   indices: Sequence[int],
                   padded: Optional[Sequence[bool]] = None) -> List[str]:
    """What the frames of a clip are called in pictures.

    Args:
        offsets (Sequence[int]): T offsets from the key frame.
        indices (Sequence[int]): T frame numbers that were used.
        padded (Sequence[bool], optional): Where another frame stands in.

    Returns:
        list[str]: T texts like ``-1 #12`` or ``+2 #13 pad``.
    """
    padded = padded or [False] * len(offsets)
    return [
        f'{offset:+d} #{index}{" pad" if pad else ""}'
        if offset else f'key #{index}{" pad" if pad else ""}'
        for offset, index, pad in zip(offsets, indices, padded)
    ]
