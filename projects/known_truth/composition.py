"""One config for one training: the system's model, the benchmark's rest.

A system's config says what is compared: the model, its window of frames, its
optimizer. Everything else (clips, augmentation, number of samples, schedule,
metric) is the benchmark's and the same for all.

Shape shorthand: none.
"""
import hashlib
import json
from pathlib import Path
from threading import Lock
from typing import Any, Dict, Mapping, Optional

from mmengine.config import Config

#: What a dataset's config says of the window of frames.
_WINDOW = ('offsets', 'random_range')
#: The host's reader of configs is not made for threads.
_READING = Lock()


def compose(base: Path,
            system: Path,
            clips: Path,
            options: Optional[Mapping[str, Any]] = None,
            checkpoint: Optional[Path] = None) -> Config:
    """Join a system's config with the benchmark's.

    Args:
        base (Path): The benchmark's config, ``known_truth.py`` or
            ``known_truth_pretrain.py``.
        system (Path): The system's config.
        clips (Path): Root of the benchmark's clips.
        options (Mapping, optional): Changes of the system's config, dotted
            keys to values, as ``--cfg-options`` takes them.
        checkpoint (Path, optional): The single-frame model to start from. It
            takes the place of the one that the system's config names,
            wherever in the model that is. Defaults to ``None``, random
            weights.

    Returns:
        Config: Complete, ready to be dumped.

    Raises:
        ValueError: If the system's config lacks what is taken from it.
    """
    with _READING:
        config = Config.fromfile(str(base))
        own = Config.fromfile(str(system))
    own.merge_from_dict(dict(options or {}))
    model = own.model.to_dict()
    named = (model.get('init_cfg') or {}).get('checkpoint')
    if checkpoint is None:
        model.pop('init_cfg', None)
    else:
        model['init_cfg'] = dict(type='Pretrained', checkpoint=str(checkpoint))
        if named is not None:
            model = _replaced(model, named, str(checkpoint))
    # twice the time for hardly a difference between systems
    model['test_cfg'] = dict(model.get('test_cfg') or {}, flip_test=False)
    # what is dumped must not be merged with anything when it is read
    config.model = model
    root = f'{clips}/'
    for name in ('train_dataloader', 'test_dataloader'):
        config[name].dataset.update(_window(own, name, system))
        config[name].dataset.data_root = root
    annotations = config.test_dataloader.dataset.ann_file
    config.test_evaluator.ann_file = root + annotations
    config.data_root = root
    if checkpoint is not None:
        config.optim_wrapper = own.optim_wrapper
    return config


def set_length(config: Config, length: int) -> None:
    """Set the length of a training and its schedule, in place.

    Args:
        config (Config): A benchmark's config, with a warm-up and a cosine.
        length (int): Epochs or iterations, whichever the config counts.
    """
    by_epoch = config.train_cfg.type == 'EpochBasedTrainLoop'
    config.train_cfg['max_epochs' if by_epoch else 'max_iters'] = length
    config.train_cfg.val_interval = length
    cosine = config.param_scheduler[-1]
    cosine.end = cosine.T_max = length
    if not by_epoch:
        config.default_hooks.checkpoint.interval = max(1, length // 3)


def config_hash(config: Config, *folders: Path) -> str:
    """Hash of a config in which the named folders do not count.

    Args:
        config (Config): A config.
        *folders (Path): Folders whose place does not matter.

    Returns:
        str: Sixteen hexadecimal digits.
    """
    text = json.dumps(config.to_dict(), sort_keys=True, default=str)
    for folder in sorted(map(str, folders), key=len, reverse=True):
        text = text.replace(folder, '')
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _window(config: Config, loader: str, path: Path) -> Dict[str, tuple]:
    """The window of frames that a system trains or is tested on."""
    dataset = config.get(loader, {}).get('dataset', {})
    if 'offsets' not in dataset:
        raise ValueError(f'{path}: {loader}.dataset.offsets, the window of '
                         'frames, is missing')
    return {key: tuple(dataset[key]) for key in _WINDOW if key in dataset}


def _replaced(value: Any, old: str, new: str) -> Any:
    """A nested config with one string in place of another."""
    if isinstance(value, dict):
        return {k: _replaced(v, old, new) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(v, old, new) for v in value)
    return new if value == old else value
