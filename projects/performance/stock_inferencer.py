"""The host's inferencer, with its stages timed.

``MMPoseInferencer`` as it is, but that its parts are called in stages of the
names that this package's code uses, and that its detector, which works as
ever, finds the people that the caller names: a random one finds none, and how
many people there are is what costs are compared by.

Shape shorthand: n boxes of a frame, H x W its pixels.
"""
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Union

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.apis import MMPoseInferencer

from mmpose_tdmi.utils.stages import stage

#: ``boxes(index)`` -> (n, 4), x1, y1, x2, y2 in pixels of the frame.
Boxes = Callable[[int], np.ndarray]
#: Whether the host can draw; its visualizer makes an int of an array of one.
HOST_DRAWS = tuple(map(int, np.__version__.split('.')[:2])) < (2, 4)


def timed_call(target: Any, name: str, stage_name: str) -> None:
    """Have a method of an object called in a stage.

    Args:
        target: The object; the method is set on it, not on its class.
        name (str): The method.
        stage_name (str): The stage.
    """
    method = getattr(target, name)

    def call(*args, **kwargs):
        with stage(stage_name):
            return method(*args, **kwargs)

    setattr(target, name, call)


class NamedPeople:
    """The host's detector, which is run, with other boxes for its own.

    Args:
        detector (Callable): The ``DetInferencer``.
        category (int): The boxes' label.
    """

    def __init__(self, detector: Callable, category: int = 0) -> None:
        self._detector = detector
        self._category = category
        self._index = 0
        self._boxes: Boxes = lambda index: np.zeros((0, 4))

    def start(self, boxes: Boxes) -> None:
        """Another video begins."""
        self._index, self._boxes = 0, boxes

    def __call__(self, image: np.ndarray, **kwargs) -> dict:
        """As the host's for one image."""
        with stage('detect'):
            results = self._detector(image, **kwargs)
        boxes = torch.as_tensor(self._boxes(self._index)).float()
        self._index += 1
        results['predictions'][0].pred_instances = InstanceData(
            bboxes=boxes,
            scores=torch.ones(len(boxes)),
            labels=torch.full((len(boxes), ), self._category))
        return results


class StockInferencer:
    """MMPoseInferencer along videos.

    Args:
        pose2d (str | Path): Config of a single-frame model.
        pose2d_weights (str | Path): Its checkpoint.
        det_model (str | Path): Config of a detector.
        det_weights (str | Path): Its checkpoint.
        device (str): Where both run. Defaults to ``'cpu'``.
        draw (bool): Whether frames are drawn. Defaults to ``True``.

    Raises:
        ValueError: If frames are to be drawn and the host cannot do that
            with the numpy that is installed.
    """

    def __init__(self,
                 pose2d: Union[str, Path],
                 pose2d_weights: Union[str, Path],
                 det_model: Union[str, Path],
                 det_weights: Union[str, Path],
                 device: str = 'cpu',
                 draw: bool = True) -> None:
        if draw and not HOST_DRAWS:
            raise ValueError('MMPose cannot draw with numpy 2.4 and later, '
                             f'here {np.__version__}: use an older one')
        self._inferencer = MMPoseInferencer(
            str(pose2d),
            str(pose2d_weights),
            det_model=str(det_model),
            det_weights=str(det_weights),
            det_cat_ids=[0],
            device=device)
        self._draw = draw
        pose = self._inferencer.inferencer
        self._people = pose.detector = NamedPeople(pose.detector)
        timed_call(pose, 'pipeline', 'crop')
        timed_call(pose.model.data_preprocessor, 'forward', 'crop')
        timed_call(pose.model.backbone, 'forward', 'backbone')
        timed_call(pose.model.head, 'predict', 'neck_head')
        timed_call(pose.model.head, 'decode', 'keypoints')
        timed_call(pose.model, 'add_pred_to_datasample', 'keypoints')
        timed_call(pose, 'visualize', 'draw')
        as_list = pose._inputs_to_list
        pose._inputs_to_list = lambda inputs: _decoded(as_list(inputs))

    def __call__(self, video: Union[str, Path], boxes: Boxes) -> int:
        """Infer on a video.

        Args:
            video (str | Path): The file.
            boxes (Callable): The people in each frame.

        Returns:
            int: The number of poses.
        """
        self._people.start(boxes)
        # no box suppresses another
        results = self._inferencer(
            str(video), return_vis=self._draw, nms_thr=1., bbox_thr=0.1)
        return sum(len(result['predictions'][0]) for result in results)


def _decoded(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    iterator = iter(frames)
    while True:
        with stage('decode'):
            frame = next(iterator, None)
        if frame is None:
            return
        yield frame
