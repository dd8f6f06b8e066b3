"""Person boxes by any detector of MMDetection.

Shape shorthand: n boxes of an image, H x W its pixels.
"""
from pathlib import Path
from typing import List, Optional, Sequence, Union

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
    """Finds the boxes of one category with an MMDetection model.

    MMDetection's modules are looked up in the scope ``mmdet`` only while the
    model works; MMPose's scope is as before at all other times.

    Args:
        config (str | Path): The detector's config.
        checkpoint (str | Path): Its weights.
        category (str): The category's name among the model's classes.
            Defaults to ``'person'``.
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
                 config: Union[str, Path],
                 checkpoint: Union[str, Path],
                 category: str = 'person',
                 score_thr: float = 0.,
                 nms_thr: Optional[float] = None,
                 device: str = 'cpu') -> None:
        require_file(config, 'the detector\'s config')
        require_file(checkpoint, 'the detector\'s checkpoint')
        self.category = category
        self.score_thr = score_thr
        self.nms_thr = nms_thr
        cfg = Config.fromfile(config)
        self._scope = cfg.get('default_scope', 'mmdet')
        with DefaultScope.overwrite_default_scope(self._scope):
            # a palette, so that the config's dataset need not exist
            self.model = init_detector(
                cfg, str(checkpoint), palette='random', device=device)
            require_weights(self.model, checkpoint)
            pipeline = get_test_pipeline_cfg(self.model.cfg.copy())
            pipeline[0] = dict(type='mmdet.LoadImageFromNDArray')
            self._pipeline = Compose(pipeline)
        classes = list(self.model.dataset_meta['classes'])
        if category not in classes:
            raise ValueError(
                f'{checkpoint} has no category {category!r}; its classes are '
                f'{", ".join(classes)}')
        self._label = classes.index(category)

    def __call__(self, images: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Detect in a batch of images.

        Args:
            images (Sequence[np.ndarray]): Images (H, W, 3), uint8, BGR; they
                may differ in size.

        Returns:
            list[np.ndarray]: Per image its boxes by falling score, (n, 5):
            x1, y1, x2, y2 in the image's pixels, clipped to it, and the score
            in [0, 1]. Boxes without area are left out.
        """
        with DefaultScope.overwrite_default_scope(self._scope):
            batch = pseudo_collate([
                self._pipeline(dict(img=image, img_id=i))
                for i, image in enumerate(images)
            ])
            with torch.no_grad():
                results = self.model.test_step(batch)
        return [
            self._select(result.pred_instances, image.shape[:2])
            for result, image in zip(results, images)
        ]

    def _select(self, instances, shape) -> np.ndarray:
        """The category's boxes of one image, (n, 5)."""
        keep = (instances.labels == self._label) & (
            instances.scores >= self.score_thr)
        boxes = instances.bboxes[keep].float().cpu()
        scores = instances.scores[keep].float().cpu()
        height, width = shape
        boxes[:, 0::2].clamp_(0, width)
        boxes[:, 1::2].clamp_(0, height)
        has_area = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        boxes, scores = boxes[has_area], scores[has_area]
        if self.nms_thr is not None:
            _, chosen = mmcv.ops.nms(boxes, scores, self.nms_thr)
        else:
            chosen = scores.argsort(descending=True, stable=True)
        return torch.cat([boxes[chosen], scores[chosen, None]], dim=1).numpy()
