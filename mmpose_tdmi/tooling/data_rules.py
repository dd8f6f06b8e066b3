"""Rules on a config's data: pipelines, loaders, evaluators, names.

Shape shorthand: none.
"""
import re
from pathlib import Path
from typing import Iterator

from mmengine.config import Config
from mmpose.registry import METRICS, TRANSFORMS

from .config_findings import ERROR, WARNING, Finding, loaders

#: Transforms of single images: on a clip they fail, or treat the frames
#: differently, which is fake motion.
SINGLE_IMAGE = ('LoadImage', 'LoadImageFromFile', 'PhotometricDistortion',
                'YOLOXHSVRandomAug', 'Albumentation')
#: Transforms that change a sample at random.
RANDOM = ('RandomFlip', 'RandomHalfBody', 'RandomBBoxTransform',
          'ShareRandomParams')


def check_pipelines(config: Config) -> Iterator[Finding]:
    """Steps that fail on clips, or do not belong into a test."""
    for phase, loader in loaders(config):
        pipeline = loader.dataset.get('pipeline') or []
        key = f'{phase}_dataloader.dataset.pipeline'
        names = [step.get('type') for step in pipeline]
        for name in names:
            if name in SINGLE_IMAGE:
                yield Finding(
                    ERROR, key, f'{name} is for single images: use '
                    'LoadFrameSequence to load, and ShareRandomParams around '
                    'photometric transforms')
            elif name is not None and TRANSFORMS.get(name) is None:
                yield Finding(ERROR, key, f'{name} is not registered')
            if phase != 'train' and name in RANDOM:
                yield Finding(ERROR, key,
                              f'{name} is random; {phase} must not be')
        if pipeline and names[-1] == 'PackPoseInputs':
            yield Finding(
                ERROR, key, "ends with PackPoseInputs, which drops the clip's "
                'keys: use PackPoseSequenceInputs')
        if phase == 'train' and pipeline and 'GenerateTarget' not in names:
            yield Finding(
                ERROR, key, 'has no GenerateTarget: there is '
                'nothing to train on')
        if phase != 'train' and not loader.dataset.get('test_mode', False):
            yield Finding(
                ERROR, f'{phase}_dataloader.dataset.test_mode',
                'expected True: otherwise persons are left out, and boxes of '
                'bbox_file are not read')


def check_loaders(config: Config) -> Iterator[Finding]:
    """Sampling that drops, repeats or mixes test samples."""
    for phase, loader in loaders(config):
        sampler = loader.get('sampler') or {}
        key = f'{phase}_dataloader'
        if phase == 'train':
            if loader.dataset.get('bbox_file'):
                yield Finding(ERROR, f'{key}.dataset.bbox_file',
                              "a detector's boxes have no keypoints to learn")
            if sampler and not sampler.get('shuffle', True):
                yield Finding(WARNING, f'{key}.sampler.shuffle',
                              'false: batches hold the same persons always')
            continue
        if loader.get('drop_last', False):
            yield Finding(ERROR, f'{key}.drop_last',
                          'true: the last persons are not tested')
        if loader.dataset.get('random_range') is not None:
            yield Finding(ERROR, f'{key}.dataset.random_range',
                          'draws frames at random; for training only')
        if sampler.get('round_up', True):
            yield Finding(
                WARNING, f'{key}.sampler.round_up',
                'true: with several processes the first persons are tested '
                'twice')


def check_evaluators(config: Config) -> Iterator[Finding]:
    """Persons are scored against the annotations they were taken from."""
    for phase, loader in loaders(config):
        evaluators = config.get(f'{phase}_evaluator')
        if phase == 'train' or not evaluators:
            continue
        if isinstance(evaluators, dict):
            evaluators = [evaluators]
        ann_file = Path(loader.dataset.get('data_root') or '') / (
            loader.dataset.get('ann_file') or '')
        for evaluator in evaluators:
            scored = evaluator.get('ann_file')
            if scored and Path(scored) != ann_file:
                yield Finding(ERROR, f'{phase}_evaluator.ann_file',
                              f'{scored}, but persons come from {ann_file}')
    checkpoint = (config.get('default_hooks') or {}).get('checkpoint') or {}
    best = checkpoint.get('save_best')
    evaluator = config.get('val_evaluator')
    if best and not evaluator:
        yield Finding(ERROR, 'default_hooks.checkpoint.save_best',
                      f'{best!r}, but nothing is validated')
    elif best and best != 'auto' and isinstance(evaluator, dict):
        name = evaluator.get('type')
        prefix = evaluator.get('prefix') or getattr(
            METRICS.get(str(name)), 'default_prefix', None)
        if prefix and best.split('/')[0] != prefix:
            yield Finding(
                ERROR, 'default_hooks.checkpoint.save_best',
                f"{best!r}, but {name}'s figures begin with "
                f'{prefix!r}')


def check_name(config: Config) -> Iterator[Finding]:
    """OpenMMLab's config names tell processes, batch and epochs."""
    name = Path(config.filename or '').name
    named = re.search(r'_(\d+)xb(\d+)-(\d+)e_', name)
    if named is None:
        return
    processes, batch, epochs = map(int, named.groups())
    loader = config.get('train_dataloader') or {}
    if loader.get('batch_size') != batch:
        yield Finding(WARNING, 'train_dataloader.batch_size',
                      f'{loader.get("batch_size")}, the name says {batch}')
    max_epochs = (config.get('train_cfg') or {}).get('max_epochs')
    if max_epochs != epochs:
        yield Finding(WARNING, 'train_cfg.max_epochs',
                      f'{max_epochs}, the name says {epochs}')
    base = (config.get('auto_scale_lr') or {}).get('base_batch_size')
    if base is not None and base != processes * batch:
        yield Finding(WARNING, 'auto_scale_lr.base_batch_size',
                      f'{base}, the name says {processes} x {batch}')
