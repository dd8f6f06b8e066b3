"""Poses drawn along a video: skeletons, ids, trails and what the model saw.

Shape shorthand: n persons, K keypoints, C channels, H x W pixels of a frame,
h x w cells of a crop's maps.
"""
from collections import deque
from typing import Deque, Dict, Optional, Sequence, Tuple

import cv2
import numpy as np

from mmpose_tdmi.video.structures import FramePoses
from .map_drawer import blend_map, heatmap_strength, motion_strength
from .pose_drawer import PoseDrawer, id_colour


class VideoDrawer:
    """Draws the poses of a video's frames, one after the other.

    Args:
        dataset_meta (dict): The layout of the keypoints with its skeleton and
            colours, as a model of MMPose has it.
        kpt_thr (float): Keypoints with a lower score are not drawn, nor limbs
            that end in one. Defaults to 0.3.
        trail (int): For how many frames the way of a person, the centre of
            its box, stays visible; 0 for no trails. Defaults to 30.
        heatmap (bool): Whether to lay the keypoints' heatmaps over the
            persons. Defaults to ``False``.
        motion (bool): Whether to lay the strength of the motion feature over
            them. Defaults to ``False``.
        line_width (int, optional): Width of lines in pixels. Defaults to what
            suits the height of the frame.
    """

    def __init__(self,
                 dataset_meta: dict,
                 kpt_thr: float = 0.3,
                 trail: int = 30,
                 heatmap: bool = False,
                 motion: bool = False,
                 line_width: Optional[int] = None) -> None:
        if trail < 0:
            raise ValueError(f'trail must be at least 0, got {trail}')
        self.trail = trail
        self.heatmap = heatmap
        self.motion = motion
        self.line_width = line_width
        self._poses = PoseDrawer(dataset_meta, kpt_thr, line_width)
        self._trails: Dict[int, Deque[Tuple[int, float, float]]] = {}

    def draw(self, poses: FramePoses, image: np.ndarray) -> np.ndarray:
        """Draw the poses of the next frame.

        Args:
            poses (FramePoses): The poses.
            image (np.ndarray): The frame, (H, W, 3), uint8, BGR. It is not
                changed.

        Returns:
            np.ndarray: The drawn frame, (H, W, 3), uint8, BGR.

        Raises:
            ValueError: If maps are to be drawn that a person does not have.
        """
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
        return self._poses.draw(
            drawn,
            keypoints=np.array([person.keypoints for person in persons]),
            scores=np.array([person.scores for person in persons]),
            boxes=np.array(boxes),
            ids=ids)

    def remember(self, index: int, ids: Sequence[int],
                 boxes: Sequence[Sequence[float]]) -> None:
        """Add a frame to the trails without drawing it.

        Args:
            index (int): The frame's index, ascending.
            ids (Sequence[int]): The persons' ids, n.
            boxes (Sequence[Sequence[float]]): x1, y1, x2, y2, (n, 4).
        """
        for person, (x1, y1, x2, y2) in zip(ids, boxes):
            self._trails.setdefault(person, deque()).append(
                (index, (x1 + x2) / 2, (y1 + y2) / 2))
        for person, points in list(self._trails.items()):
            while points and points[0][0] < index - self.trail:
                points.popleft()
            if not points:
                del self._trails[person]

    def _draw_trails(self, image: np.ndarray, index: int) -> None:
        width = self.line_width or max(1, round(image.shape[0] / 360))
        for person, points in self._trails.items():
            colour = id_colour(person)[::-1]
            trail = list(points)
            for (_, *start), (frame, *end) in zip(trail, trail[1:]):
                age = (index - frame) / max(1, self.trail)
                cv2.line(
                    image,
                    _pixel(start),
                    _pixel(end),
                    colour,
                    max(1, round(2 * width * (1 - age))),
                    lineType=cv2.LINE_AA)


def _required(maps: Optional[np.ndarray], name: str, index: int) -> np.ndarray:
    if maps is None:
        raise ValueError(f'frame {index}: a person has no {name} to draw; '
                         f'have them computed (output_{name}=True)')
    return maps


def _pixel(point: Sequence[float]) -> Tuple[int, int]:
    # far outside the frame OpenCV's integers would overflow
    x, y = np.clip(np.round(point), -30000, 30000).astype(int).tolist()
    return x, y
