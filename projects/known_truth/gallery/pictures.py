"""Pictures of clips and of what models make of them.

All are drawn on the part of the frame that the models saw, enlarged from the
frame itself, not from the models' small crops.

Shape shorthand: T frames, J stages, C channels, G offset groups, P kernel
points, K keypoints, h x w feature cells.
"""
from typing import Mapping, Optional, Sequence, Tuple

import cv2
import numpy as np

from mmpose_tdmi.video.structures import Crop
from mmpose_tdmi.visualization.clip_pictures import (captioned, in_a_row,
                                                     overlaid, stacked, strip)
from .subjects import Subject
from .traces import Trace

#: Size of a crop in the pictures, pixels.
HEIGHT = 240
#: Width of the column of row labels.
_LABEL = 64
_RED = (40, 40, 230)
_WHITE = (255, 255, 255)
_DARK = (30, 30, 30)


class CropView:
    """A part of a frame, enlarged.

    Args:
        crop (Crop): The part.
        height (int): Height in pixels of the picture.
    """

    def __init__(self, crop: Crop, height: int = HEIGHT) -> None:
        width = round(height * crop.scale[0] / crop.scale[1])
        self.size = (width, height)
        self._zoom = np.array(self.size) / crop.scale
        self._origin = np.array(crop.center) - np.array(crop.scale) / 2

    def cut(self, frame: np.ndarray) -> np.ndarray:
        """The part of a frame (H, W, 3); black beyond the frame's edges."""
        shift = -self._origin * self._zoom + (self._zoom - 1) / 2
        matrix = np.column_stack([np.diag(self._zoom), shift])
        method = cv2.INTER_AREA if self._zoom[0] < 1 else cv2.INTER_CUBIC
        return cv2.warpAffine(frame, matrix, self.size, flags=method)

    def points(self, points: np.ndarray) -> np.ndarray:
        """Points of the frame, (..., 2), in the picture."""
        return (points - self._origin + .5) * self._zoom - .5

    def length(self, pixels: float) -> float:
        """A length in the frame as one in the picture."""
        return float(pixels * self._zoom[1])


def strength(maps: np.ndarray) -> np.ndarray:
    """Root mean square over channels, (C, h, w) -> (h, w)."""
    return np.sqrt(np.square(maps.astype(np.float64)).mean(axis=0))


def motion_picture(subject: Subject, trace: Trace,
                   offsets: Sequence[int]) -> np.ndarray:
    """The clip, and M, Mu and Mn over its key frame, as the paper's Fig. 1c.

    Args:
        subject (Subject): The person.
        trace (Trace): Of a TDMI model.
        offsets (Sequence[int]): The model's window, T.

    Returns:
        np.ndarray: The picture, uint8, BGR.
    """
    view = CropView(trace.crop)
    crops = [view.cut(frame) for frame in subject.window(offsets)]
    key = list(offsets).index(0)
    captions = [f't{o:+d}' if o else 't' for o in offsets]
    titles = dict(motion='M, motion', useful='Mu, useful', noisy='Mn, noisy')
    panels = [
        captioned(overlaid(crops[key], strength(trace.maps[name]), HEIGHT),
                  title) for name, title in titles.items()
        if name in trace.maps
    ]  # yapf: disable
    if 'noisy' in trace.maps:
        # the share of Mu tells them apart where the two look alike
        useful, noisy = (
            strength(trace.maps[name]) for name in ('useful', 'noisy'))
        share = useful / np.maximum(useful + noisy, 1e-12)
        panels.append(
            captioned(
                overlaid(crops[key], share, HEIGHT),
                f'Mu of both {100 * share.min():.0f}-'
                f'{100 * share.max():.0f}%'))
    return stacked([strip(crops, captions, key, HEIGHT), in_a_row(panels)])


def difference_picture(subject: Subject, trace: Trace,
                       offsets: Sequence[int]) -> np.ndarray:
    """Feature differences of all stages, a row a stage, a column a step.

    Each row has one range, from nothing to its strongest difference.

    Args:
        subject (Subject): The person.
        trace (Trace): Of a TDMI model.
        offsets (Sequence[int]): The model's window, T.

    Returns:
        np.ndarray: The picture, uint8, BGR.
    """
    view = CropView(trace.crop, 144)
    frames = [view.cut(frame) for frame in subject.window(offsets)]
    rows = []
    blank = np.full((view.size[1], _LABEL, 3), 255, np.uint8)
    times = [f't{o:+d}' if o else 't' for o in offsets]
    for stage, steps in enumerate(trace.differences, 1):
        row = [captioned(blank, f'stage {stage}')]
        for step, heat in enumerate(steps):
            picture = _heat(frames[step + 1], heat / max(steps.max(), 1e-12))
            row.append(
                captioned(picture, f'{times[step]} to {times[step + 1]}'))
        rows.append(in_a_row(row))
    return stacked(rows)


def offset_picture(subject: Subject,
                   trace: Trace,
                   joints: Sequence[int],
                   height: int = 300) -> np.ndarray:
    """Where the deformable convolutions look, seen from some joints' cells.

    Args:
        subject (Subject): The person.
        trace (Trace): Of a TDMI model.
        joints (Sequence[int]): Predicted keypoints that are looked from.
        height (int): Height of a panel. Defaults to 300.

    Returns:
        np.ndarray: A panel for each stage: from the cells of the joints
        (rings) the points that are sampled, larger where the modulation is;
        one colour a joint.
    """
    view = CropView(trace.crop, height)
    crop = view.cut(subject.frames[subject.key])
    crop = cv2.addWeighted(crop, .55, np.full_like(crop, 255), .45, 0)
    panels = []
    for stage, (offsets,
                masks) in enumerate(zip(trace.offsets, trace.masks), 1):
        cells = np.array(offsets.shape[-2:])
        pixels = np.array(view.size[::-1]) / cells
        panel = crop.copy()
        for joint in joints:
            x, y = view.points(trace.keypoints[joint])
            row, column = np.clip(((y, x) / pixels).astype(int), 0, cells - 1)
            colour = _colour(joint)
            middle = (np.array([row, column]) + .5) * pixels
            moved = middle + offsets[..., row, column] * pixels
            for (py, px), weight in zip(
                    moved.reshape(-1, 2), masks[..., row, column].ravel()):
                _disc(panel, (px, py), 1 + 3 * float(np.clip(weight, 0, 1)),
                      colour)
            _ring(panel, middle[::-1], 7, _DARK)
        moves = np.abs(offsets - _resting(offsets)).mean()
        panels.append(
            captioned(panel, f'stage {stage}: moved by {moves:.1f} cells'))
    return in_a_row(panels)


def prediction_picture(subject: Subject,
                       traces: Mapping[str, Trace],
                       links: Sequence[Tuple[int, int]],
                       joints: Optional[Sequence[int]] = None) -> np.ndarray:
    """Poses of several models on the same crop.

    Args:
        subject (Subject): The person.
        traces (Mapping[str, Trace]): Title -> what the model made of it.
        links (Sequence[tuple[int, int]]): The skeleton.
        joints (Sequence[int], optional): The keypoints that are drawn.
            Defaults to ``None``, all that are labelled, or all.

    Returns:
        np.ndarray: The crop with the true pose, hidden joints as rings, if
        there is one; then a crop for each model. Joints farther from the
        truth than half a head are ringed in red.
    """
    view = CropView(next(iter(traces.values())).crop)
    crop = view.cut(subject.frames[subject.key])
    panels = []
    shown = np.zeros(len(next(iter(traces.values())).keypoints), bool)
    if joints is not None:
        shown[list(joints)] = True
    else:
        shown[:] = True
    truth = subject.keypoints
    if truth is None:
        panels.append(captioned(crop, 'key frame'))
    else:
        shown &= ~np.isnan(truth[:, 0])
        panels.append(
            captioned(
                draw_pose(crop, view.points(truth), shown, links,
                          subject.hidden), 'truth'))
    for title, trace in traces.items():
        picture = draw_pose(crop, view.points(trace.keypoints), shown, links)
        caption = title
        if truth is not None:
            errors = np.linalg.norm(trace.keypoints - truth, axis=1)
            wrong = shown & (errors > subject.head_size / 2)
            for point in view.points(trace.keypoints)[wrong]:
                _ring(picture, point, 6, _RED)
            caption = f'{title}: {wrong.sum()} off'
        panels.append(captioned(picture, caption))
    return in_a_row(panels)


def draw_pose(picture: np.ndarray,
              points: np.ndarray,
              shown: np.ndarray,
              links: Sequence[Tuple[int, int]],
              hidden: Optional[np.ndarray] = None) -> np.ndarray:
    """A pose on a copy of a picture.

    Args:
        picture (np.ndarray): (H, W, 3), uint8, BGR.
        points (np.ndarray): x, y in it, (K, 2).
        shown (np.ndarray): Which are drawn, (K, ) bool.
        links (Sequence[tuple[int, int]]): The skeleton.
        hidden (np.ndarray, optional): Which are drawn as rings, (K, ) bool.

    Returns:
        np.ndarray: The new picture.
    """
    picture = picture.copy()
    for a, b in links:
        if shown[a] and shown[b]:
            for colour, width in ((_DARK, 3), (_colour(b), 1)):
                cv2.line(picture, *(_fixed(points[k]) for k in (a, b)), colour,
                         width, cv2.LINE_AA, _SHIFT)
    for k in np.flatnonzero(shown):
        if hidden is not None and hidden[k]:
            _ring(picture, points[k], 4, _WHITE)
        else:
            _disc(picture, points[k], 3, _colour(k))
    return picture


#: Bits of a pixel that OpenCV draws with.
_SHIFT = 3


def _fixed(point: np.ndarray) -> Tuple[int, int]:
    x, y = np.round(np.asarray(point) * (1 << _SHIFT)).astype(int).tolist()
    return x, y


def _disc(picture: np.ndarray, point: np.ndarray, radius: float,
          colour: Tuple[int, int, int]) -> None:
    cv2.circle(picture, _fixed(point), round(radius * (1 << _SHIFT)), colour,
               -1, cv2.LINE_AA, _SHIFT)


def _ring(picture: np.ndarray, point: np.ndarray, radius: float,
          colour: Tuple[int, int, int]) -> None:
    for width, ink in ((4, _DARK), (2, colour)):
        cv2.circle(picture, _fixed(point), round(radius * (1 << _SHIFT)), ink,
                   width, cv2.LINE_AA, _SHIFT)


def _colour(joint: int) -> Tuple[int, int, int]:
    """A keypoint's colour, BGR; neighbours in the list differ."""
    hue = np.uint8([[[(joint * 67) % 180, 210, 245]]])
    blue, green, red = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red


def _heat(frame: np.ndarray, level: np.ndarray) -> np.ndarray:
    """A map in [0, 1] over a frame, in colours that do not stretch it."""
    level = cv2.resize(level.astype(np.float32), frame.shape[1::-1])
    colours = cv2.applyColorMap((255 * level.clip(0, 1)).astype(np.uint8),
                                cv2.COLORMAP_INFERNO)
    grey = cv2.cvtColor(
        cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(grey, .4, colours, .6, 0)


def _resting(offsets: np.ndarray) -> np.ndarray:
    """The kernel's own grid, which offsets of zero would leave."""
    side = round(np.sqrt(offsets.shape[1]))
    grid = np.stack(
        np.meshgrid(*[np.arange(side) - (side - 1) / 2] * 2, indexing='ij'),
        axis=-1)
    return grid.reshape(1, -1, 2, 1, 1)
