"""Trying out a config: its files, a sample of each phase, its model.

Shape shorthand: H x W pixels of a crop.
"""
from pathlib import Path
from typing import Any, Iterator, Tuple

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

from mmpose_tdmi.models.complexity import clip_length, count_model
from .config_findings import ERROR, Finding, loaders


def check_data(config: Config) -> Iterator[Finding]:
    """Look for the files that a config names, and load one sample.

    Args:
        config (Config): The config; it is not changed.

    Yields:
        Finding: Files that are missing, and what loading says.
    """
    for phase, loader in loaders(config):
        dataset = loader.dataset
        root = Path(dataset.get('data_root') or '')
        key = f'{phase}_dataloader.dataset'
        missing = False
        for name, path in (('data_root',
                            root), ('ann_file',
                                    root / (dataset.get('ann_file') or '')),
                           ('bbox_file', dataset.get('bbox_file'))):
            if path and not Path(path).exists():
                missing = True
                yield Finding(ERROR, f'{key}.{name}', f'{path} does not exist')
                break
        if missing:
            continue
        init_default_scope(config.get('default_scope', 'mmpose'))
        try:
            built = DATASETS.build(dataset)
            built[0]
        except (KeyError, OSError, TypeError, ValueError) as error:
            yield Finding(ERROR, key, f'no sample can be loaded: {error}')
    for key, path in _checkpoints(config):
        if '://' not in path and not Path(path).is_file():
            yield Finding(ERROR, key, f'{path} does not exist')


def check_model(config: Config) -> Iterator[Finding]:
    """Build the model and let a clip without numbers through it.

    Args:
        config (Config): The config.

    Yields:
        Finding: What building or running it says.
    """
    init_default_scope(config.get('default_scope', 'mmpose'))
    try:
        model = MODELS.build(config.model)
        width, height = model.head.decoder.input_size
        count_model(model, (height, width), clip_length(model), depth=1)
    except (AttributeError, AssertionError, KeyError, RuntimeError, TypeError,
            ValueError) as error:
        message = str(error).strip().splitlines() or [type(error).__name__]
        yield Finding(ERROR, 'model', f'it does not run: {message[-1]}')


def _checkpoints(config: Config) -> Iterator[Tuple[str, str]]:
    """Every checkpoint that a config names, with its key."""
    if config.get('load_from'):
        yield 'load_from', config.load_from

    def search(key: str, part: Any) -> Iterator[Tuple[str, str]]:
        if isinstance(part, dict):
            for name, value in part.items():
                if name == 'checkpoint' and isinstance(value, str):
                    yield f'{key}.{name}', value
                else:
                    yield from search(f'{key}.{name}', value)
        elif isinstance(part, (list, tuple)):
            for place, value in enumerate(part):
                yield from search(f'{key}[{place}]', value)

    yield from search('model', config.get('model'))
