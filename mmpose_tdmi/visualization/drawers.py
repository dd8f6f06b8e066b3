"""Poses drawn along a video: skeletons, ids, trails and what the model saw.

The drawing of skeletons is MMPose's; added are the persons' ids, in colours
that stay with an id along the video, and maps of their crops. Shapes: n
persons, K keypoints, C channels, H x W pixels, h x w cells of a crop's maps.
"""
from collections import deque
from typing import Deque, Dict, Optional, Sequence, Tuple

import cv2
import numpy as np
from mmengine.structures import InstanceData
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from mmpose_tdmi.video.structures import Crop, FramePoses

#: Colours of ids, RGB, told apart on most backgrounds; they repeat.
ID_COLOURS = ((230, 60, 60), (60, 180, 75), (255, 200, 25), (70, 110, 255),
              (245, 130, 48), (170, 60, 200), (70, 220, 240), (240, 50, 230),
              (190, 240, 70), (250, 170, 190), (0, 150, 150), (160, 100, 40))
_OPACITY = .7
#: Cells at a crop's border that see the padding of convolutions.
_BORDER = 2


@VISUALIZERS.register_module()
class FramePoseVisualizer(PoseLocalVisualizer):
    """MMPose's visualiser, for any numpy: MMPose makes integers of arrays of
    one element, which numpy 2.4 and later refuse."""

    def draw_circles(self, center: np.ndarray, radius: np.ndarray, *args,
                     **kwargs) -> None:
        """Draw a circle; ``radius`` has one element."""
        if self.backend == 'opencv':
            radius = np.reshape(radius, ())
        super().draw_circles(center, radius, *args, **kwargs)


class PoseDrawer:
    """Draws poses on frames of a video.

    Args:
        dataset_meta: A model's or dataset's, with skeleton and colours.
        kpt_thr: Keypoints with a lower score, and their limbs, are not drawn.
    """

    def __init__(self, dataset_meta: dict, kpt_thr: float = 0.3) -> None:
        self.kpt_thr = kpt_thr
        self._visualizer = FramePoseVisualizer()
        self._visualizer.set_dataset_meta(dataset_meta)

    def draw(self,
             frame: np.ndarray,
             keypoints: np.ndarray,
             scores: np.ndarray,
             boxes: Optional[np.ndarray] = None,
             ids: Optional[Sequence[int]] = None) -> np.ndarray:
        """Draw the persons of a frame.

        Args:
            frame: (H, W, 3), uint8, BGR; it is not changed.
            keypoints: x, y in pixels of the frame, (n, K, 2).
            scores: Their scores, (n, K).
            boxes: x1, y1, x2, y2, (n, 4).
            ids: The persons' ids, n; drawn at their boxes.

        Returns:
            The drawn frame, (H, W, 3), uint8, BGR.
        """
        if ids is not None and boxes is None:
            raise ValueError('ids are drawn at the boxes, give boxes as well')
        # OpenCV swaps channels far faster than numpy's strides are copied
        image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        if len(keypoints):
            self._visualizer.line_width = _line_width(image)
            self._visualizer.radius = _line_width(image) + 1
            sample = PoseDataSample()
            sample.pred_instances = InstanceData(
                keypoints=np.asarray(keypoints), keypoints_visible=scores)
            self._visualizer.add_datasample(
                'frame', image, sample, draw_gt=False, kpt_thr=self.kpt_thr)
            image = self._visualizer.get_image()
            if boxes is not None:
                image = self._draw_boxes(image, np.asarray(boxes), ids)
        return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)

    def _draw_boxes(self, image: np.ndarray, boxes: np.ndarray,
                    ids: Optional[Sequence[int]]) -> np.ndarray:
        width = _line_width(image)
        self._visualizer.set_image(image)
        for i, box in enumerate(boxes):
            colour = id_colour(0 if ids is None else ids[i])
            self._visualizer.draw_bboxes(
                box[None], edge_colors=colour, line_widths=width)
            if ids is not None:
                # what can be read on it
                is_light = np.dot(colour, (.299, .587, .114)) > 150
                self._visualizer.draw_texts(
                    str(ids[i]),
                    np.maximum(box[:2], 0),
                    font_sizes=8 * width + 4,
                    colors=(0, 0, 0) if is_light else (255, 255, 255),
                    vertical_alignments='top',
                    bboxes=[dict(facecolor=colour)])
        return self._visualizer.get_image()


def _line_width(image: np.ndarray) -> int:
    return max(1, round(image.shape[0] / 360))


def id_colour(person: int) -> Tuple[int, int, int]:
    """The colour of an id, RGB."""
    return ID_COLOURS[person % len(ID_COLOURS)]


def heatmap_strength(heatmaps: np.ndarray) -> np.ndarray:
    """Where a person's keypoints may be: the largest of their maps (K, h, w),
    divided by the maximum of all, (h, w), 0 to 1; 0 if none is positive."""
    strength = np.maximum(heatmaps.max(axis=0), 0).astype(np.float32)
    highest = strength.max()
    return strength / highest if highest > 0 else strength


def motion_strength(motion: np.ndarray) -> np.ndarray:
    """Where a motion feature differs from that of what stands still: (C, h, w)
    to (h, w), 0 to 1.

    Most of a crop has the feature of no motion, which is not zero. Shown is
    each cell's distance to the cells' median, from the crop's smallest to its
    largest; 0 if no cell differs, and at the border.
    """
    strength = np.zeros(motion.shape[1:], np.float32)
    inner = (slice(None), *(slice(_BORDER, -_BORDER), ) * 2)
    seen = motion[inner].astype(np.float32)
    if not seen.size:
        return strength
    distance = np.linalg.norm(
        seen - np.median(seen, axis=(1, 2), keepdims=True), axis=0)
    strength[inner[1:]] = cv2.normalize(distance, None, 0, 1, cv2.NORM_MINMAX)
    return strength


def blend_map(image: np.ndarray, strength: np.ndarray, crop: Crop,
              colour_map: int) -> None:
    """Lay a map (h, w), 0 (not seen) to 1, over the part of a frame that it
    is of, in place; the part may reach beyond the frame."""
    center, half = np.array(crop.center), np.array(crop.scale) / 2
    start, limit = center - half, image.shape[1::-1]
    left, top = np.floor(start).clip(0, limit).astype(int)
    right, bottom = np.ceil(center + half).clip(0, limit).astype(int)
    if left >= right or top >= bottom:
        return
    step_x, step_y = np.array(crop.scale) / strength.shape[::-1]
    # from cells to pixels of the part, both counted from their centres
    matrix = np.array([[step_x, 0, start[0] + (step_x - 1) / 2 - left],
                       [0, step_y, start[1] + (step_y - 1) / 2 - top]])
    spread = cv2.warpAffine(
        strength, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap(
        np.clip(spread * 255, 0, 255).astype(np.uint8), colour_map)
    part = image[top:bottom, left:right]
    weight = np.clip(spread, 0, 1)[..., None] * _OPACITY
    part[:] = (part * (1 - weight) + colours * weight).round().astype(np.uint8)


class VideoDrawer:
    """Draws the poses of a video's frames, one after the other.

    Args:
        dataset_meta, kpt_thr: As :class:`PoseDrawer`'s.
        trail: For how many frames the way of a box's centre stays visible.
        heatmap: Whether to lay the keypoints' heatmaps over the persons.
        motion: Whether to lay the motion feature's strength over them.
    """

    def __init__(self,
                 dataset_meta: dict,
                 kpt_thr: float = 0.3,
                 trail: int = 30,
                 heatmap: bool = False,
                 motion: bool = False) -> None:
        if trail < 0:
            raise ValueError(f'trail must be at least 0, got {trail}')
        self.trail = trail
        self.heatmap = heatmap
        self.motion = motion
        self._poses = PoseDrawer(dataset_meta, kpt_thr)
        self._trails: Dict[int, Deque[Tuple[int, float, float]]] = {}

    def draw(self, poses: FramePoses, image: np.ndarray) -> np.ndarray:
        """Draw the poses of the next frame on a copy of it."""
        persons = poses.persons
        boxes = [person.box.bbox for person in persons]
        ids = [person.box.track_id for person in persons]
        self.remember(poses.index, ids, boxes)
        drawn = image.copy()
        for person in persons:
            if self.heatmap:
                maps = _required(person.heatmaps, 'heatmaps', poses.index)
                blend_map(drawn, heatmap_strength(maps), person.crop,
                          cv2.COLORMAP_INFERNO)
            if self.motion:
                feature = _required(person.motion, 'motion', poses.index)
                blend_map(drawn, motion_strength(feature), person.crop,
                          cv2.COLORMAP_VIRIDIS)
        self._draw_trails(drawn, poses.index)
        keypoints = np.array([person.keypoints for person in persons])
        scores = np.array([person.scores for person in persons])
        return self._poses.draw(drawn, keypoints, scores, np.array(boxes), ids)

    def remember(self, index: int, ids: Sequence[int],
                 boxes: Sequence[Sequence[float]]) -> None:
        """Add a frame, of ascending index, to the trails without drawing it:
        the persons' ids, n, and x1, y1, x2, y2 of their boxes, (n, 4)."""
        for person, (x1, y1, x2, y2) in zip(ids, boxes):
            self._trails.setdefault(person, deque()).append(
                (index, (x1 + x2) / 2, (y1 + y2) / 2))
        for person, points in list(self._trails.items()):
            while points and points[0][0] < index - self.trail:
                points.popleft()
            if not points:
                del self._trails[person]

    def _draw_trails(self, image: np.ndarray, index: int) -> None:
        width = _line_width(image)
        for person, points in self._trails.items():
            colour = id_colour(person)[::-1]
            trail = list(points)
            for (_, *start), (frame, *end) in zip(trail, trail[1:]):
                age = (index - frame) / max(1, self.trail)
                thickness = max(1, round(2 * width * (1 - age)))
                cv2.line(image, _pixel(start), _pixel(end), colour, thickness,
                         cv2.LINE_AA)


def _required(maps: Optional[np.ndarray], name: str, index: int) -> np.ndarray:
    if maps is None:
        raise ValueError(f'frame {index}: a person has no {name} to draw; '
                         f'have them computed (output_{name}=True)')
    return maps


def _pixel(point: Sequence[float]) -> Tuple[int, int]:
    # far outside the frame OpenCV's integers would overflow
    x, y = np.clip(np.round(point), -30000, 30000).astype(int).tolist()
    return x, y
