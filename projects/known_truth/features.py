"""Trainings on the stored features of the pretrained backbone.

Most systems train what they add to one frozen backbone. Its features of the
training clips, augmented in a few ways, and of the validation clips are
computed once (:mod:`projects.known_truth.stored_features`).

Shape shorthand: none.
"""
from pathlib import Path
from typing import Mapping, Sequence

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader, load_checkpoint
from mmpose.registry import DATASETS, MODELS

from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.files import atomic_path
from .stored_features.store import FeatureStore
from .stored_features.writing import store_features


def has_frozen_backbone(config: Config) -> bool:
    """Whether a system leaves the pretrained backbone as it is."""
    return bool(config.model.backbone.get('frozen'))


def write_store(config: Config, loader: str, window: FrameWindow, folder: Path,
                **options) -> None:
    """Store the features of a dataset.

    Args:
        config (Config): A system's, with all stages of the backbone.
        loader (str): ``'train_dataloader'`` or ``'test_dataloader'``.
        window (FrameWindow): The frames to store.
        folder (Path): The store. Nothing is done if it is there.
        **options: As of
            :func:`~projects.known_truth.stored_features.store_features`.

    Raises:
        ValueError: If the store that is there is about something else.
    """
    if folder.is_dir():
        about = options.get('about') or {}
        found = FeatureStore(folder).about
        for key, value in about.items():
            if found.get(key) != value:
                raise ValueError(
                    f'{folder}: the store is of another {key}, '
                    f'{found.get(key)!r}; expected {value!r}: remove it')
        return
    init_default_scope('mmpose')
    model = dict(config.model, init_cfg=None)
    model['data_preprocessor'] = dict(
        model['data_preprocessor'], num_frames=window.num_frames)
    estimator = MODELS.build(model)
    load_checkpoint(
        estimator,
        config.model.init_cfg.checkpoint,
        map_location='cpu',
        logger='silent')
    dataset = dict(config[loader].dataset, offsets=window.offsets)
    store_features(estimator, DATASETS.build(dataset), window, folder,
                   **options)


def use_stored_features(config: Config, stores: Mapping[str, Path]) -> None:
    """Make a system train and test on stores, in place.

    Args:
        config (Config): A system's, with a frozen backbone.
        stores (Mapping[str, Path]): The stores of ``'train'`` and ``'val'``.
    """
    channels = FeatureStore(stores['train']).channels
    stages: Sequence[int] = config.model.backbone.get(
        'out_stages', range(1,
                            len(channels) + 1))
    config.model.backbone = dict(
        type='StoredFeatureBackbone',
        channels=channels,
        out_stages=tuple(stages))
    config.model.data_preprocessor = dict(type='SequencePoseDataPreprocessor')
    window = {
        key: config.train_dataloader.dataset[key]
        for key in ('offsets', 'random_range')
        if key in config.train_dataloader.dataset
    }
    config.train_dataloader.dataset = dict(
        type='StoredFeatureDataset', store=str(stores['train']), **window)
    # there is nothing to do for a worker
    for loader in (config.train_dataloader, config.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    pipeline = config.test_dataloader.dataset.pipeline
    config.test_dataloader.dataset.pipeline = [
        _stored_step(step, str(stores['val'])) for step in pipeline
    ]


def _stored_step(step: Mapping, store: str) -> dict:
    if step['type'] == 'LoadFrameSequence':
        return dict(type='LocateFrameSequence')
    if step['type'] == 'TopdownAffine':
        return {**step, 'type': 'LoadStoredFeatures', 'store': store}
    return dict(step)


def complete_weights(pretrained: Path, trained: Path, out: Path) -> None:
    """Join a backbone's weights with those that were trained on its features.

    Args:
        pretrained (Path): Checkpoint with the backbone's.
        trained (Path): Checkpoint of a training; what it has comes first.
        out (Path): The checkpoint to write.
    """
    weights = {}
    for path in (pretrained, trained):
        content = CheckpointLoader.load_checkpoint(
            str(path), map_location='cpu')
        chosen = content['state_dict'].items()
        weights.update((key, value) for key, value in chosen
                       if path == trained or key.startswith('backbone.'))
    with atomic_path(out) as temporary:
        torch.save(dict(state_dict=weights), temporary)
