"""Skeletons, boxes and ids drawn on a video's frames.

The drawing is MMPose's; what is added are the persons' ids, in colours that
stay with an id along the video.

Shape shorthand: n persons, K keypoints, H x W pixels of a frame.
"""
from typing import Optional, Sequence, Tuple

import cv2
import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

#: Colours of ids, RGB, told apart on most backgrounds; they repeat.
ID_COLOURS = ((230, 60, 60), (60, 180, 75), (255, 200, 25), (70, 110, 255),
              (245, 130, 48), (170, 60, 200), (70, 220, 240), (240, 50, 230),
              (190, 240, 70), (250, 170, 190), (0, 150, 150), (160, 100, 40))


class PoseDrawer:
    """Draws poses on frames of a video.

    Args:
        dataset_meta (dict): The layout of the keypoints with its skeleton and
            colours, as a model or dataset of MMPose has it.
        kpt_thr (float): Keypoints with a lower score are not drawn, nor
            limbs that end in one. Defaults to 0.3.
        line_width (int, optional): Width of lines in pixels. Defaults to
            what suits the height of the frame.
    """

    def __init__(self,
                 dataset_meta: dict,
                 kpt_thr: float = 0.3,
                 line_width: Optional[int] = None) -> None:
        self.kpt_thr = kpt_thr
        self.line_width = line_width
        self._visualizer = PoseLocalVisualizer()
        self._visualizer.set_dataset_meta(dataset_meta)

    def draw(self,
             frame: np.ndarray,
             keypoints: np.ndarray,
             scores: np.ndarray,
             boxes: Optional[np.ndarray] = None,
             ids: Optional[Sequence[int]] = None) -> np.ndarray:
        """Draw the persons of a frame.

        Args:
            frame (np.ndarray): The frame, (H, W, 3), uint8, BGR. It is not
                changed.
            keypoints (np.ndarray): x, y in pixels of the frame, (n, K, 2).
            scores (np.ndarray): Their scores, (n, K).
            boxes (np.ndarray, optional): x1, y1, x2, y2, (n, 4).
            ids (Sequence[int], optional): The persons' ids, n; drawn at
                their boxes.

        Returns:
            np.ndarray: The drawn frame, (H, W, 3), uint8, BGR.

        Raises:
            ValueError: If ids are given without boxes.
        """
        if ids is not None and boxes is None:
            raise ValueError('ids are drawn at the boxes, give boxes as well')
        # OpenCV swaps channels far faster than numpy's strides are copied
        image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        if len(keypoints):
            image = self._draw_poses(image, keypoints, scores)
            if boxes is not None:
                image = self._draw_boxes(image, np.asarray(boxes), ids)
        return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)

    def _width(self, image: np.ndarray) -> int:
        return self.line_width or max(1, round(image.shape[0] / 360))

    def _draw_poses(self, image: np.ndarray, keypoints: np.ndarray,
                    scores: np.ndarray) -> np.ndarray:
        self._visualizer.line_width = self._width(image)
        self._visualizer.radius = self._width(image) + 1
        sample = PoseDataSample()
        sample.pred_instances = InstanceData(
            keypoints=np.asarray(keypoints), keypoints_visible=scores)
        self._visualizer.add_datasample(
            'frame', image, sample, draw_gt=False, kpt_thr=self.kpt_thr)
        return self._visualizer.get_image()

    def _draw_boxes(self, image: np.ndarray, boxes: np.ndarray,
                    ids: Optional[Sequence[int]]) -> np.ndarray:
        self._visualizer.set_image(image)
        for i, box in enumerate(boxes):
            colour = id_colour(0 if ids is None else ids[i])
            self._visualizer.draw_bboxes(
                box[None], edge_colors=colour, line_widths=self._width(image))
            if ids is not None:
                self._visualizer.draw_texts(
                    str(ids[i]),
                    np.maximum(box[:2], 0),
                    font_sizes=8 * self._width(image) + 4,
                    colors=_text_colour(colour),
                    vertical_alignments='top',
                    bboxes=[dict(facecolor=colour)])
        return self._visualizer.get_image()


def id_colour(person: int) -> Tuple[int, int, int]:
    """tuple[int, int, int]: The colour of an id, RGB."""
    return ID_COLOURS[person % len(ID_COLOURS)]


def _text_colour(background: Tuple[int, int, int]) -> Tuple[int, int, int]:
    """What can be read on a colour, both RGB: white, or black on light."""
    brightness = np.dot(background, (.299, .587, .114))
    return (0, 0, 0) if brightness > 150 else (255, 255, 255)
