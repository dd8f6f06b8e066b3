#!/usr/bin/env python
"""Temporal models on the real people's single-frame model.

::

    python -m projects.real_video.windows store
    python -m projects.real_video.windows run [SYSTEM ...] --seeds 0 1 2

``store`` sends the clips of :mod:`.clips` through the frozen single-frame
model; ``run`` trains each system on what is stored, and writes its joints of
the test's people to ``work_dirs/real_people/windows/predictions``; what is
there is not done again. All see as many samples from the same start.

Shape letters: N people, T = 5 frames of a clip, K joints, C channels, B people
of a batch, H x W cells.
"""
import argparse
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Tuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint
from mmpose.registry import MODELS
from torch import Tensor, nn
from tqdm import tqdm

from mmpose_tdmi.models.data_preprocessors import SequencePoseDataPreprocessor
from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.checkpoints import read_checkpoint
from mmpose_tdmi.utils.files import atomic_path
from projects.known_truth.features import use_stored_features, write_store
from projects.known_truth.workspace import file_hash, write_config
from .clips import CLIPS
from .people import CONFIGS
from .stills import DATA

#: The single-frame model of photographs, before it sees videos.
WEIGHTS = DATA / '192x144' / 'iter_660.pth'
FOLDER = DATA / 'windows'
SINGLE_FRAME = FOLDER / 'single_frame.pth'
#: Joints of the test's people, one file a training.
PREDICTIONS = FOLDER / 'predictions'
STORES = {split: FOLDER / 'features' / split for split in ('train', 'val')}
WINDOW = FrameWindow((-2, -1, 0, 1, 2))
#: The parts of the single-frame model, and of `PyramidBackbone`.
_NAMES = {'backbone.': 'backbone.body.', 'neck.': 'backbone.pyramid.'}


class System(NamedTuple):
    """A row of the page's tables."""
    title: str
    #: Of ``configs/window_*.py``.
    config: str
    #: Changes of the config, dotted keys to values.
    options: Mapping[str, Any] = {}
    #: Whether the key frame takes all frames' places.
    is_blind: bool = False


_MI = 'model.head.mi_loss'
SYSTEMS = {
    'single_frame':
    System('single frame', 'single-frame'),
    'blind':
    System('TDMI without MI, five times the key frame', 'tdmi', {_MI: None},
           True),
    'tdmi':
    System('TDMI', 'tdmi'),
    'no_mi':
    System('TDMI without MI', 'tdmi', {_MI: None}),
    'mi_released':
    System(
        'TDMI, MI as released',
        'tdmi',
        {
            _MI:
            dict(
                _delete_=True,
                type='MutualInformationLoss',
                estimator='released',
                # its terms are means over the cells, the loss here is in nats
                alpha=dict(
                    type='linear', start=0., end=172.8, begin=40, stop=80))
        }),
    'tdmi_window':
    System(
        'TDMI, window shortcut', 'tdmi', {
            'model.head.visual_shortcut':
            'window',
            'model.head.offsets':
            WINDOW.offsets,
            'optim_wrapper.paramwise_cfg.custom_keys.window_shortcut':
            dict(lr_mult=10.)
        }),
    'tdmi_st':
    System(
        'TDMI-ST', 'tdmi', {
            'model.head.visual': 'spatiotemporal',
            'model.head.offsets': WINDOW.offsets,
            'model.head.spatiotemporal': dict(groups=4)
        }),
    'temporal_attention':
    System('temporal attention', 'temporal-attention'),
    'dcpose':
    System('DCPose', 'dcpose'),
}


@MODELS.register_module()
class KeyFrameOnly(SequencePoseDataPreprocessor):
    """Puts the key frame into the places of all frames."""

    def forward(self, data: dict, training: bool = False) -> dict:
        """As the base class, of clips (T, C, H, W) each."""
        key = WINDOW.key
        clips = [x[key:key + 1].expand_as(x) for x in data['inputs']]
        return super().forward(dict(data, inputs=clips), training)


def read_config(system: System) -> Config:
    """A system's config, on frames."""
    config = Config.fromfile(str(CONFIGS / f'window_{system.config}.py'))
    # keys with dots of their own are not wanted here
    config.merge_from_dict(dict(system.options))
    return config


def stored_config(system: System, folder: Path, seed: int) -> Config:
    """The same on stored features, ready to train."""
    config = read_config(system)
    use_stored_features(config, STORES)
    if system.is_blind:
        config.model.data_preprocessor = dict(type='KeyFrameOnly')
    config.work_dir = str(folder)
    config.randomness = dict(seed=seed)
    config.resume = True
    config.experiment_name = folder.parent.name
    return config


def write_single_frame() -> None:
    """Its weights under the names that the configs here have."""
    weights = {}
    for name, value in read_checkpoint(WEIGHTS)['state_dict'].items():
        for old, new in _NAMES.items():
            if name.startswith(old):
                name = new + name[len(old):]
                break
        weights[name] = value.float() if value.is_floating_point() else value
    with atomic_path(SINGLE_FRAME, is_own=True) as temporary:
        torch.save(dict(state_dict=weights), temporary)


def store() -> None:
    """Fill the stores."""
    write_single_frame()
    config = read_config(SYSTEMS['tdmi'])
    for split in STORES:
        loader = 'train_dataloader' if split == 'train' else 'test_dataloader'
        about = dict(
            clips=file_hash(CLIPS / f'annotations/{split}.json'),
            weights=file_hash(WEIGHTS))
        write_store(
            config, loader, WINDOW, STORES[split], about=about, progress=True)


def run(name: str, seed: int) -> None:
    """Train a system and write its joints, if they are not there: those of all
    frames of the single frame, which are smoothed, else the key frame's."""
    path = PREDICTIONS / f'{name}_seed{seed}.npz'
    folder = FOLDER / 'runs' / f'{name}_seed{seed}'
    config = stored_config(SYSTEMS[name], folder / 'training', seed)
    # what another config has given is not taken for this one's
    write_config(folder, config)
    if path.is_file():
        return
    init_default_scope('mmpose')
    runner = Runner.from_cfg(config)
    runner.train()
    if name == 'single_frame':
        config.test_dataloader.dataset.offsets = WINDOW.offsets
        _write(path, predict_frames(runner.model, config))
    else:
        _write(path, predict(runner.model, config))


def run_untrained() -> None:
    """The single frame as it starts."""
    path = PREDICTIONS / 'untrained_seed0.npz'
    if path.is_file():
        return
    system = SYSTEMS['single_frame']
    config = stored_config(system, FOLDER / 'runs' / 'untrained', 0)
    config.test_dataloader.dataset.offsets = WINDOW.offsets
    init_default_scope('mmpose')
    model = MODELS.build(dict(config.model, init_cfg=None))
    load_checkpoint(model, str(SINGLE_FRAME), 'cpu', logger='silent')
    _write(path, predict_frames(model, config))


@torch.no_grad()
def predict(model: nn.Module, config: Config) -> Dict[str, np.ndarray]:
    """Joints (N, K, 2) in pixels, scores (N, K) and annotations' ids."""
    model.eval()
    found = []
    for batch in tqdm(Runner.build_dataloader(config.test_dataloader)):
        found += [(x.metainfo['id'], x.pred_instances.keypoints[0],
                   x.pred_instances.keypoint_scores[0])
                  for x in model.test_step(batch)]
    ids, joints, scores = map(np.array, zip(*found))
    return dict(ids=ids, joints=joints, scores=scores)


@torch.no_grad()
def predict_frames(model: nn.Module, config: Config) -> Dict[str, np.ndarray]:
    """A single-frame model's joints and scores of all frames, (N, T, K, ...),
    and those of the mean of their heatmaps, (N, K, ...), ``mean_...``."""
    model.eval()
    found = []
    for batch in tqdm(Runner.build_dataloader(config.test_dataloader)):
        clips = torch.stack(batch['inputs']).float()
        count, frames = clips.shape[:2]
        maps = model.head.activate(model.head((clips.flatten(0, 1), )))
        poses = _decode(model, maps)
        mean = _decode(model, maps.unflatten(0, (count, frames)).mean(dim=1))
        for b, sample in enumerate(batch['data_samples']):
            own = [
                _in_pixels(poses[0][b * frames:(b + 1) * frames], sample),
                poses[1][b * frames:(b + 1) * frames],
                _in_pixels(mean[0][b], sample), mean[1][b]
            ]
            found.append((sample.metainfo['id'], *own))
    names = ('ids', 'joints', 'scores', 'mean_joints', 'mean_scores')
    return dict(zip(names, map(np.array, zip(*found))))


def _decode(model: nn.Module, maps: Tensor) -> Tuple[np.ndarray, np.ndarray]:
    found = model.head.decode(maps)
    return (np.array([x.keypoints[0] for x in found]),
            np.array([x.keypoint_scores[0] for x in found]))


def _in_pixels(joints: np.ndarray, sample: Any) -> np.ndarray:
    """From the crop, in pixels of the model's input, to the image."""
    info = sample.metainfo
    center, scale, size = (
        np.ravel(info[f'input_{key}']) for key in ('center', 'scale', 'size'))
    return joints / size * scale + center - scale / 2


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    small = {
        name: np.float32(np.round(x, 2)) if x.dtype.kind == 'f' else x
        for name, x in arrays.items()
    }
    with atomic_path(path, is_own=True) as temporary:
        with open(temporary, 'wb') as file:
            np.savez_compressed(file, **small)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest='command', required=True)
    commands.add_parser('store')
    command = commands.add_parser('run')
    command.add_argument('systems', nargs='*', metavar='SYSTEM')
    command.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    args = parser.parse_args()
    if args.command == 'store':
        store()
        return
    unknown = set(args.systems) - set(SYSTEMS)
    if unknown:
        parser.error(f'SYSTEM {", ".join(sorted(unknown))}: expected some of '
                     f'{", ".join(SYSTEMS)}')
    run_untrained()
    for seed in args.seeds:
        for name in args.systems or SYSTEMS:
            run(name, seed)


if __name__ == '__main__':
    main()
