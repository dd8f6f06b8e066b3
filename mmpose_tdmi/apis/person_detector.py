"""Person boxes by any detector of MMDetection.

Shape shorthand: n boxes of an image, H x W its pixels.
"""
from pathlib import Path
from typing import List, Optional, Sequence, Tuple, Union

import mmcv.ops
import numpy as np
import torch
from mmdet.apis import init_detector
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope

from .weights import require_file, require_weights


class PersonDetector:
    """Finds the boxes of persons with an MMDetection model.

    MMDetection's modules are looked up in the scope ``mmdet`` only while the
    model works; MMPose's scope is as before at all other times.

    Args:
        config (str | Path | Config): The detector's config.
        checkpoint (str | Path): Its weights.
        category (str | int | Sequence[int]): The category's name among the
            model's classes, its index, or the indices of several. Defaults
            to ``'person'``.
        score_thr (float): The lowest score kept. Defaults to 0.
        nms_thr (float, optional): Suppress boxes that overlap a better one
            by more than this IoU, after the model's own suppression. Not
            done by default.
        device (str): Where the model runs. Defaults to ``'cpu'``.

    Raises:
        FileNotFoundError: If config or checkpoint do not exist.
        ValueError: If the checkpoint lacks weights of the model, or the model
            has no such category.
    """

    def __init__(self,
                 config: Union[str, Path, Config],
                 checkpoint: Union[str, Path],
                 category: Union[str, int, Sequence[int]] = 'person',
                 score_thr: float = 0.,
                 nms_thr: Optional[float] = None,
                 device: str = 'cpu') -> None:
        if not isinstance(config, Config):
            require_file(config, 'the detector\'s config')
            config = Config.fromfile(config)
        require_file(checkpoint, 'the detector\'s checkpoint')
        self.category = category
        self.score_thr = score_thr
        self.nms_thr = nms_thr
        cfg = config.copy()
        self._scope = cfg.get('default_scope', 'mmdet')
        with DefaultScope.overwrite_default_scope(self._scope):
            # a palette, so that the config's dataset need not exist
            self.model = init_detector(
                cfg, str(checkpoint), palette='random', device=device)
            require_weights(self.model, checkpoint)
            pipeline = get_test_pipeline_cfg(self.model.cfg.copy())
            pipeline[0] = dict(type='mmdet.LoadImageFromNDArray')
            self._pipeline = Compose(pipeline)
        self._labels = _find_labels(category,
                                    list(self.model.dataset_meta['classes']),
                                    checkpoint)

    def __call__(self,
                 images: Sequence[np.ndarray],
                 score_thr: Optional[float] = None,
                 nms_thr: Optional[float] = None) -> List[np.ndarray]:
        """Detect in a batch of images.

        Args:
            images (Sequence[np.ndarray]): Images (H, W, 3), uint8, BGR; they
                may differ in size.
            score_thr (float, optional): In place of the detector's own.
            nms_thr (float, optional): In place of the detector's own.

        Returns:
            list[np.ndarray]: Per image its boxes by falling score, (n, 5):
            x1, y1, x2, y2 in the image's pixels, clipped to it, and the score
            in [0, 1]. Boxes without area are left out.
        """
        score_thr = self.score_thr if score_thr is None else score_thr
        nms_thr = self.nms_thr if nms_thr is None else nms_thr
        with DefaultScope.overwrite_default_scope(self._scope):
            batch = pseudo_collate([
                self._pipeline(dict(img=image, img_id=i))
                for i, image in enumerate(images)
            ])
            with torch.no_grad():
                results = self.model.test_step(batch)
        return [
            self._select(result.pred_instances,
                         (image.shape[0], image.shape[1]), score_thr, nms_thr)
            for result, image in zip(results, images)
        ]

    def _select(self, instances, shape: Tuple[int, int], score_thr: float,
                nms_thr: Optional[float]) -> np.ndarray:
        """The persons' boxes of one image, (n, 5)."""
        labels = instances.labels.new_tensor(self._labels)
        keep = torch.isin(instances.labels, labels) & (
            instances.scores >= score_thr)
        boxes = instances.bboxes[keep].float().cpu()
        scores = instances.scores[keep].float().cpu()
        height, width = shape
        boxes[:, 0::2].clamp_(0, width)
        boxes[:, 1::2].clamp_(0, height)
        has_area = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        boxes, scores = boxes[has_area], scores[has_area]
        if nms_thr is not None:
            _, chosen = mmcv.ops.nms(boxes, scores, nms_thr)
        else:
            chosen = scores.argsort(descending=True, stable=True)
        return torch.cat([boxes[chosen], scores[chosen, None]], dim=1).numpy()


def _find_labels(category: Union[str, int, Sequence[int]], classes: List[str],
                 checkpoint: Union[str, Path]) -> List[int]:
    """The indices of what is asked for among the model's classes."""
    if isinstance(category, str):
        if category not in classes:
            raise ValueError(
                f'{checkpoint} has no category {category!r}; its classes are '
                f'{", ".join(classes)}')
        return [classes.index(category)]
    labels = [category] if isinstance(category, int) else list(category)
    for label in labels:
        if not (isinstance(label, int) and 0 <= label < len(classes)):
            raise ValueError(
                f'{checkpoint} has no category {label!r}; it has the indices '
                f'0 to {len(classes) - 1}: {", ".join(classes)}')
    return labels
