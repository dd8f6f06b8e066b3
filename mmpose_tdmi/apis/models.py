"""Models by a config's path or name, with all of their weights.

Unlike in the hosts' loaders, weights that a checkpoint lacks are an error. Its
file is read once: its content gives the weights and the SHA-256 that tells
runs apart.

A name is a model's in the index of an OpenMMLab package (``model-index.yml``)
or an alias there, such as ``'vitpose-b'``, in any case. Detectors go by the
kind of their poses as well, ``'human'``, ``'hand'``: MMPose's own choice.

Shape letters: n boxes of an image, H x W its pixels.
"""
import difflib
import logging
import re
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import (Any, Dict, List, NamedTuple, Optional, Sequence, Tuple,
                    Union)

import mmcv.ops
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hub import get_config
from mmengine.infer import BaseInferencer
from mmengine.logging import print_log
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope, Registry
from mmengine.runner import load_state_dict
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.apis.inferencers.utils import default_det_models
from mmpose.models import TopdownPoseEstimator
from mmpose.registry import DATASETS, MODELS
from torch import nn
from torchvision.ops import clip_boxes_to_image

import mmpose_tdmi
from mmpose_tdmi import stack
from mmpose_tdmi.utils.checkpoints import fetch, read_checkpoint
from mmpose_tdmi.utils.files import PathLike

ConfigLike = Union[str, Path, Config]
#: Of a detector's classes, by name or index, one or several.
Categories = Union[int, str, Sequence[Union[int, str]]]
#: The pose model, and the kind of detector, where none is given.
DEFAULT = 'human'


class IndexedModel(NamedTuple):
    """A config's path, the address of its weights, and which of a detector's
    classes are looked for, by index; as far as it is known."""
    config: str
    weights: Optional[str] = None
    cat_ids: Optional[List[int]] = None


@lru_cache(maxsize=None)
def read_index(scope: str) -> Dict[str, IndexedModel]:
    """The models of a package, ``'mmpose'`` or ``'mmdet'``, by name and alias
    in lower case; of several that are called the same, the first."""
    if scope == 'mmdet':
        stack.require_mmdet()
    found: Dict[str, IndexedModel] = {}
    folder = BaseInferencer._get_repo_or_mim_dir(scope)
    for entry in BaseInferencer._get_models_from_metafile(folder):
        weights, *_ = _listed(entry.get('Weights')) or [None]
        model = IndexedModel(str(Path(folder, entry['Config'])), weights)
        for name in [entry['Name'], *_listed(entry.get('Alias'))]:
            found.setdefault(name.lower(), model)
    if scope == 'mmdet':
        for kind, default in default_det_models.items():
            # by its path, or by a name of the index
            known = found.get(default['model'], IndexedModel(default['model']))
            found[kind] = known._replace(
                weights=default['weights'] or known.weights,
                cat_ids=list(default['cat_ids']))
    return found


def _listed(value: Any) -> List[str]:
    return [value] if isinstance(value, str) else list(value or [])


def look_up(model: Any, scope: str) -> Optional[IndexedModel]:
    """What a package's index says of a model; None if it has no such name, or
    if it is no name."""
    name = '' if isinstance(model, Config) else str(model)
    if Path(name).is_file() or '/' in name or name.endswith('.py'):
        return None
    return read_index(scope).get(name.lower())


def default_detector(config: Config) -> Optional[str]:
    """The kind of detector for a model's poses: by the folder of its data
    set's class, as for ``MMPoseInferencer``; None if there is none."""
    dataset = config.get('dataset_type')
    found = DATASETS.get(dataset) if isinstance(dataset, str) else None
    module = getattr(found, '__module__', '').split('datasets.')[-1]
    kind = module.split('.')[0].lower()
    return kind if kind in default_det_models else None


def find_config(model: ConfigLike, what: str, scope: str = 'mmpose') -> Config:
    """A config by path, by its name in this package, or in another.

    The name is e.g. ``'tdmi_hrnet-w48_posetrack17-384x288'``; one of a host's
    models or its alias, ``'vitpose-b'``, or for ``scope='mmdet'`` a detector's
    (:func:`look_up`); or
    ``'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'`` of another OpenMMLab
    package. Messages call the config ``what``.
    """
    if isinstance(model, Config):
        return model
    if Path(model).is_file():
        return Config.fromfile(model)
    name, like = str(model), ''
    if '::' in name:
        return get_config(name)
    if '/' not in name and not name.endswith('.py'):
        own = Path(mmpose_tdmi.__file__).parent / '.mim' / 'configs'
        found = sorted(own.rglob(f'{name}.py'))
        if len(found) > 1:
            raise ValueError(f'{what} {name!r} is not unique: '
                             f'{", ".join(map(str, found))}')
        if found:
            return Config.fromfile(found[0])
        names, key = read_index(scope), name.lower()
        if key in names:
            return Config.fromfile(names[key].config)
        near = sorted((n for n in names if key in n), key=len)[:4]
        near = near or difflib.get_close_matches(key, names, 4, .5)
        like = f'; names like it: {", ".join(near)}' if near else ''
    raise FileNotFoundError(f'{what} {model} does not exist{like}')


def find_weights(model: ConfigLike,
                 weights: Optional[PathLike],
                 what: str,
                 scope: str = 'mmpose') -> PathLike:
    """The file of a model's weights, downloaded if it must be.

    ``weights`` is a path, an address or None: those that the hosts' index has
    for the model's name. Messages call the argument ``what``.

    Raises:
        FileNotFoundError: If the file, or a model of that name, does not
            exist.
        ValueError: If no weights are published for the model, or those that
            are there are damaged.
        ConnectionError: If weights cannot be downloaded.
    """
    if weights is None:
        indexed = look_up(model, scope)
        weights = indexed and indexed.weights
        if weights is None:
            find_config(model, 'the model', scope)
            raise ValueError(
                f'{what} of {getattr(model, "filename", model)} are needed: '
                'none are published under this name, and without weights '
                'results are random')
    require_file(weights, 'the checkpoint')
    return fetch(weights)


def require_file(path: PathLike, what: str) -> None:
    """Raise FileNotFoundError unless a local file exists, which messages call
    ``what``; URLs are left to the loader."""
    if '://' not in str(path) and not Path(path).is_file():
        raise FileNotFoundError(f'{what} {path} does not exist')


def require_weights(model: nn.Module,
                    checkpoint: Union[PathLike, Dict[str, Any]],
                    where: Optional[PathLike] = None) -> Dict[str, Any]:
    """The weights of a checkpoint, file or URL or its content, which messages
    call ``where``, by the model's names; a ValueError if parameters or buffers
    are missing or of another shape."""
    if not isinstance(checkpoint, dict):
        where, checkpoint = checkpoint, read_checkpoint(checkpoint)
    stored = checkpoint.get('state_dict', checkpoint)
    weights: Any = OrderedDict((re.sub(r'^module\.', '', key), value)
                               for key, value in stored.items())
    weights._metadata = getattr(stored, '_metadata', {})
    missing, misshapen = [], []
    for name, value in model.state_dict().items():
        if name not in weights:
            # a count that nothing is computed from, and old files lack
            if not name.endswith('num_batches_tracked'):
                missing.append(name)
        elif np.shape(weights[name]) != np.shape(value):
            misshapen.append(f'{name} {tuple(weights[name].shape)} instead of '
                             f'{tuple(value.shape)}')
    if missing or misshapen:
        raise ValueError(
            f'{where} is no checkpoint of this model '
            f'({type(model).__name__}): of its parameters and buffers '
            f'{len(missing)} are missing, {missing[:3]}, and '
            f'{len(misshapen)} have another shape, {misshapen[:3]}')
    return weights


def _build(config: Config, checkpoint: PathLike, registry: Registry,
           device: str) -> Tuple[nn.Module, Dict[str, Any]]:
    """A model with its weights, for inference, and what its checkpoint says
    of it. To be called in the model's scope."""
    model = revert_sync_batchnorm(registry.build(config.model))
    content = read_checkpoint(checkpoint)
    weights = require_weights(model, content, checkpoint)
    load_state_dict(model, weights)
    model.cfg = config
    return model.to(device).eval(), content.get('meta') or {}


def _own_vit(backbone: dict) -> dict:
    """ViTPose's backbone as this package has it, which does not need
    mmpretrain and has the same weights; others as they are."""
    # what its configs want of mmpretrain's, beside size and drop path
    wanted = dict(
        patch_size=16,
        qkv_bias=True,
        with_cls_token=False,
        out_type='featmap',
        patch_cfg=dict(padding=2))
    options = dict(backbone)
    if not str(options.pop('type')).endswith('.VisionTransformer') or any(
            options.pop(name, None) != value
            for name, value in wanted.items()):
        return backbone
    if isinstance(options['arch'], dict):
        options['arch'] = dict(options['arch'])
        width = options['arch'].pop('feedforward_channels', None)
        if width != 4 * options['arch']['embed_dims']:
            return backbone
    return dict(options, type='MultiStageViT', out_indices=(-1, ))


def init_pose_model(config: ConfigLike,
                    checkpoint: PathLike,
                    device: str = 'cpu',
                    cfg_options: Optional[dict] = None) -> nn.Module:
    """Build a pose model and load its weights, all of them; the default scope
    stays as it is.

    Returns:
        The model in evaluation mode, with ``cfg`` and ``dataset_meta``.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If the checkpoint lacks weights of the model, or neither
            it nor the config tells the layout of the keypoints.
    """
    require_file(checkpoint, 'the checkpoint')
    config = find_config(config, 'the config').copy()
    config.merge_from_dict(cfg_options or {})
    scope = config.get('default_scope', 'mmpose')
    with DefaultScope.overwrite_default_scope(scope):
        name = config.get('model', {}).get('type')
        kind = MODELS.get(str(name))
        if not (isinstance(kind, type)
                and issubclass(kind, TopdownPoseEstimator)):
            raise ValueError(
                f'{config.filename}: model.type is {name!r}; expected '
                'TopdownPoseEstimator, a model that is given persons\' boxes: '
                'bottom-up and one-stage models and 3D lifters are not run '
                'along videos')
        # the weights come from `checkpoint`, not from where training started
        config.model.pop('init_cfg', None)
        config.model.backbone.pop('init_cfg', None)
        config.model.backbone = _own_vit(config.model.backbone)
        config.model.train_cfg = None
        model, meta = _build(config, checkpoint, MODELS, device)
        model.dataset_meta = (
            meta.get('dataset_meta')
            or dataset_meta_from_config(config, dataset_mode='train'))
    if model.dataset_meta is None:
        raise ValueError(f'neither {checkpoint} nor the config of its model '
                         'tells the layout of the keypoints, dataset_meta')
    return model


class PersonDetector:
    """Finds the boxes of persons with an MMDetection model.

    MMDetection's modules are looked up in the scope ``mmdet`` only while the
    model works; MMPose's scope is as before at all other times.

    Args:
        config, checkpoint, device: The model, its weights, where it runs, as
            for :func:`find_config` and :func:`find_weights`.
        category: Which of the model's classes, by name or index, one or
            several. By default ``'person'``, or what a detector of a kind is
            for (``'hand'``).
        score_thr: The lowest score kept.
        nms_thr: Suppress boxes that overlap a better one by more than this
            IoU, after the model's own suppression. Not done by default.
    """

    def __init__(self,
                 config: ConfigLike,
                 checkpoint: Optional[PathLike] = None,
                 category: Optional[Categories] = None,
                 score_thr: float = 0.,
                 nms_thr: Optional[float] = None,
                 device: str = 'cpu') -> None:
        try:  # poses of given boxes do not need it
            from mmdet.registry import MODELS as DETECTORS
            from mmdet.utils import get_test_pipeline_cfg
        except ImportError:
            stack.require_mmdet()
            raise
        if not isinstance(config, Config):
            if category is None:
                indexed = look_up(config, 'mmdet')
                category = indexed and indexed.cat_ids
            checkpoint = find_weights(config, checkpoint,
                                      "the detector's weights", 'mmdet')
            config = find_config(config, "the detector's config", 'mmdet')
        require_file(checkpoint, 'the detector\'s checkpoint')
        self.score_thr = score_thr
        self.nms_thr = nms_thr
        config = config.copy()
        self._scope = config.get('default_scope', 'mmdet')
        with DefaultScope.overwrite_default_scope(self._scope):
            self.model, meta = _build(config, checkpoint, DETECTORS, device)
            pipeline = get_test_pipeline_cfg(config.copy())
            pipeline[0] = dict(type='mmdet.LoadImageFromNDArray')
            self._pipeline = Compose(pipeline)
        self._labels = _find_labels('person' if category is None else category,
                                    _classes(meta, checkpoint), checkpoint)

    def __call__(self,
                 images: Sequence[np.ndarray],
                 score_thr: Optional[float] = None,
                 nms_thr: Optional[float] = None) -> List[np.ndarray]:
        """Detect in a batch of images (H, W, 3), uint8, BGR, of any sizes;
        ``score_thr`` and ``nms_thr`` are in place of the detector's own.

        Returns:
            Per image its boxes by falling score, (n, 5): x1, y1, x2, y2 in the
            image's pixels, clipped to it, and the score in [0, 1]. Boxes
            without area are left out.
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
            self._select(result.pred_instances, image.shape[:2], score_thr,
                         nms_thr) for result, image in zip(results, images)
        ]

    def _select(self, instances: Any, shape: Tuple[int, ...], score_thr: float,
                nms_thr: Optional[float]) -> np.ndarray:
        """The persons' boxes of one image, (n, 5)."""
        labels = instances.labels.new_tensor(self._labels)
        keep = torch.isin(instances.labels, labels) & (
            instances.scores >= score_thr)
        boxes = clip_boxes_to_image(instances.bboxes[keep].float().cpu(),
                                    shape)
        scores = instances.scores[keep].float().cpu()
        has_area = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        boxes, scores = boxes[has_area], scores[has_area]
        if nms_thr is not None:
            _, chosen = mmcv.ops.nms(boxes, scores, nms_thr)
        else:
            chosen = scores.argsort(descending=True, stable=True)
        return torch.cat([boxes[chosen], scores[chosen, None]], dim=1).numpy()


def _classes(meta: Dict[str, Any], checkpoint: PathLike) -> List[str]:
    """A detector's classes; as MMDetection has it, COCO's by default."""
    from mmdet.evaluation import get_classes
    found = {**meta, **(meta.get('dataset_meta') or {})}
    classes = found.get('classes', found.get('CLASSES'))
    if classes is None:
        print_log(
            f'{checkpoint} does not name its classes: those of COCO are '
            'taken', 'current', logging.WARNING)
        classes = get_classes('coco')
    return list(classes)


def _find_labels(category: Categories, classes: List[str],
                 checkpoint: PathLike) -> List[int]:
    """The indices of what is asked for among the model's classes."""
    labels = []
    for label in [category] if isinstance(category, (int, str)) else category:
        index = classes.index(str(label)) if label in classes else label
        if not (isinstance(index, int) and 0 <= index < len(classes)):
            raise ValueError(
                f'{checkpoint} has no category {label!r}; its classes, '
                f'0 to {len(classes) - 1}, are {", ".join(classes)}')
        labels.append(index)
    return labels
