"""Models by a config's path or name.

A check that a checkpoint really holds a model's weights.

The hosts' loaders are lenient: parameters that a checkpoint lacks keep their
random values, and a line in the log is all that tells. A tool that writes
boxes or poses must not go on with those.

Loading of a pose model for inference: the host's, with a check added.

Person boxes by any detector of MMDetection.

Shape shorthand: n boxes of an image, H x W its pixels.
"""
from pathlib import Path
from typing import List, Optional, Sequence, Tuple, Union

import mmcv.ops
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hub import get_config
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader
from mmpose.apis import init_model
from torch import nn

import mmpose_tdmi
from mmpose_tdmi import stack


def find_config(model: Union[str, Path, Config], what: str) -> Config:
    """A config by path, by its name in this package, or in a package.

    Args:
        model (str | Path | Config): A path; the name of one of this
            package's configs, e.g. ``'tdmi_hrnet-w48_posetrack17-384x288'``;
            a config of an OpenMMLab package, e.g.
            ``'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'``; or a config.
        what (str): What it is, for the message.

    Returns:
        Config: The config.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If a name is not unique.
    """
    if isinstance(model, Config):
        return model
    if Path(model).is_file():
        return Config.fromfile(model)
    if '::' in str(model):
        return get_config(str(model))
    name = str(model)
    found = []
    if not Path(name).suffix and '/' not in name:
        package = Path(mmpose_tdmi.__file__).parent
        found = sorted((package / '.mim' / 'configs').rglob(f'{name}.py'))
    if len(found) > 1:
        raise ValueError(f'{what} {name!r} is not unique: '
                         f'{", ".join(map(str, found))}')
    if not found:
        raise FileNotFoundError(f'{what} {model} does not exist')
    return Config.fromfile(found[0])


def require_weights(model: nn.Module, checkpoint: Union[str, Path]) -> None:
    """Check that a checkpoint has every parameter of a model.

    Args:
        model (nn.Module): The model.
        checkpoint (str | Path): The file or URL it was loaded from.

    Raises:
        ValueError: If parameters are missing or of another shape.
    """
    content = CheckpointLoader.load_checkpoint(
        str(checkpoint), map_location='cpu')
    weights = content.get('state_dict', content)
    weights = {
        key[len('module.'):] if key.startswith('module.') else key: value
        for key, value in weights.items()
    }
    missing, misshapen = [], []
    for name, parameter in model.named_parameters():
        if name not in weights:
            missing.append(name)
        elif weights[name].shape != parameter.shape:
            misshapen.append(f'{name} {tuple(weights[name].shape)} instead of '
                             f'{tuple(parameter.shape)}')
    if missing or misshapen:
        raise ValueError(
            f'{checkpoint} is no checkpoint of this model '
            f'({type(model).__name__}): of its parameters {len(missing)} are '
            f'missing, {missing[:3]}, and {len(misshapen)} have another '
            f'shape, {misshapen[:3]}')


def require_file(path: Union[str, Path], what: str) -> None:
    """Check that a local file exists; URLs are left to the loader.

    Args:
        path (str | Path): The file.
        what (str): What it is, for the message.

    Raises:
        FileNotFoundError: If it does not exist.
    """
    if '://' not in str(path) and not Path(path).is_file():
        raise FileNotFoundError(f'{what} {path} does not exist')


def init_pose_model(config: Union[str, Path, Config],
                    checkpoint: Union[str, Path],
                    device: str = 'cpu',
                    cfg_options: Optional[dict] = None) -> nn.Module:
    """Build a pose model and load its weights, all of them.

    :func:`mmpose.apis.init_model`, which accepts a checkpoint that lacks
    weights, or none, and changes the default scope for good; this one does
    neither.

    Args:
        config (str | Path | Config): The model's config.
        checkpoint (str | Path): Its weights.
        device (str): Where it goes. Defaults to ``'cpu'``.
        cfg_options (dict, optional): Changes to the config.

    Returns:
        nn.Module: The model in evaluation mode, with ``cfg`` and
        ``dataset_meta``.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If the checkpoint lacks weights of the model.
    """
    require_file(checkpoint, 'the checkpoint')
    if not isinstance(config, Config):
        require_file(config, 'the config')
        config = Config.fromfile(config)
    # the weights come from `checkpoint`, not from where training started
    config = config.copy()
    config.merge_from_dict(cfg_options or {})
    config.model.pop('init_cfg', None)
    config.model.backbone.pop('init_cfg', None)
    scope = config.get('default_scope', 'mmpose')
    with DefaultScope.overwrite_default_scope(scope):
        model = init_model(config, str(checkpoint), device=device)
    require_weights(model, checkpoint)
    return model


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
        stack.require_mmdet()
        from mmdet.apis import init_detector
        from mmdet.utils import get_test_pipeline_cfg
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
