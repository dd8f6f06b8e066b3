"""Pieces of the benchmark: one system, one seed, by the public tools.

A piece is a folder ``runs/<system>_seed<k>`` with its config, a training
(``tools/train.py --resume``), a test (``tools/test.py``) and, once for a
system, a measurement of cost. Finished steps are not repeated, so that an
interrupted run continues where it was; what a piece leaves for good is a
small json.

Shape shorthand: none.
"""
import fcntl
import hashlib
import platform
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from pprint import pformat
from typing import Any, Dict, Iterator, List, Optional

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmpose_tdmi.demo.steps import Step, run_steps
from mmpose_tdmi.utils.files import atomic_path, write_json
from .clips import FULL, QUICK, BenchmarkClips, ClipPlan
from .composition import compose, config_hash, set_length
from .records import RunRecords, Truth, read_run, read_truth
from .results import read_json
from .statistics import selections, weighted_ap, weighted_pckh
from .systems import ROOT, SINGLE_FRAME, SYSTEMS, System

_CONFIGS = ROOT / 'configs' / '_base_' / 'benchmark'
#: Distributions whose versions are written with each result.
_PACKAGES = ('torch', 'mmpose', 'mmcv', 'mmengine', 'numpy', 'mmpose-tdmi')


@dataclass(frozen=True)
class Scale:
    """How large a benchmark is.

    Args:
        name (str): Its name.
        clips (ClipPlan): Its clips.
        pretrain_epochs (int): Epochs of the pretraining.
        pretrain_pieces (int): Pieces it is run in.
        iterations (int): Iterations of 16 clips of every system.
        systems (tuple[str, ...]): What is run by default.
        seeds (tuple[int, ...]): Seeds run by default.
    """
    name: str
    clips: ClipPlan
    pretrain_epochs: int
    pretrain_pieces: int
    iterations: int
    systems: tuple
    seeds: tuple


FULL_SCALE = Scale('full', FULL, 14, 4, 1500, tuple(SYSTEMS), (0, 1, 2))
QUICK_SCALE = Scale('quick', QUICK, 10, 1, 300,
                    ('single_frame', 'tdmi', 'tdmi_st'), (0, ))


class Benchmark:
    """A benchmark in a folder.

    Args:
        folder (Path): Clips, checkpoints and logs.
        results (Path): Folder of the results, one json a piece.
        scale (Scale): How large it is.
    """

    def __init__(self, folder: Path, results: Path, scale: Scale) -> None:
        self.folder = Path(folder).resolve()
        self.results = Path(results)
        self.scale = scale
        self.clips = BenchmarkClips(self.folder / 'clips', scale.clips)

    # Pretraining

    @property
    def pretrained(self) -> Path:
        """Path: The weights that all systems start from.

        Results can only be compared if they start from the same file: keep
        it to go on elsewhere.
        """
        return self.folder / 'pretrained.pth'

    def pretrain_steps(self) -> List[Step]:
        """The pieces of the pretraining."""
        scale = self.scale
        config = compose(_CONFIGS / 'known_truth_pretrain.py',
                         SINGLE_FRAME.path, self.clips.root)
        set_length(config, scale.pretrain_epochs)
        config.randomness = dict(seed=0)
        path = self._write_config(self.folder / 'pretrain', config)
        stops = np.linspace(0, scale.pretrain_epochs,
                            scale.pretrain_pieces + 1).astype(int)[1:]
        return [
            Step(f'pretrain_{stop}', f'Pretrain to epoch {stop}',
                 (_tool('train.py', path, '--work-dir', _training(
                     path.parent), '--resume', '--cfg-options',
                        f'train_cfg.max_epochs={stop}'), ))
            for stop in stops.tolist()
        ]

    def pretrain(self) -> None:
        """Run what is left of the pretraining.

        Raises:
            FileNotFoundError: If there are no clips.
            StepFailed: If a command fails.
        """
        self.clips.fingerprint()
        with _locked(self.folder / 'pretrain.lock'):
            if self.pretrained.is_file():
                return
            run_steps(self.pretrain_steps(), self.folder)
            last = f'epoch_{self.scale.pretrain_epochs}.pth'
            content = CheckpointLoader.load_checkpoint(
                str(_training(self.folder / 'pretrain') / last),
                map_location='cpu')
            with atomic_path(self.pretrained) as temporary:
                torch.save(dict(state_dict=content['state_dict']), temporary)

    # Pieces

    def result(self, system: System, seed: int) -> Path:
        """The json of a piece."""
        return self.results / f'{system.name}_seed{seed}.json'

    def is_done(self, system: System, seed: int) -> bool:
        """Whether a piece's json is there."""
        return self.result(system, seed).is_file()

    def compose(self, system: System, seed: Optional[int] = None) -> Config:
        """The whole config of a system's training."""
        config = compose(_CONFIGS / 'known_truth.py', system.path,
                         self.clips.root, system.options, self.pretrained)
        set_length(config, round(self.scale.iterations * system.iterations))
        if seed is not None:
            config.randomness = dict(seed=seed)
            folder = self.run_folder(system, seed)
            config.test_evaluator.out_dir = str(folder / 'predictions')
        head = config.model.get('head') or {}
        if (head.get('type') == 'DisentanglementHead'
                and head.get('factorisation') != 'none'):
            config.custom_hooks = [
                *config.get('custom_hooks', ()),
                dict(
                    type='DependenceHook',
                    dataset=config.test_dataloader.dataset.to_dict(),
                    interval=max(1, config.train_cfg.max_iters // 6))
            ]
        return config

    def run_folder(self, system: System, seed: int) -> Path:
        """Path: Where a piece is worked on."""
        return self.folder / 'runs' / f'{system.name}_seed{seed}'

    def checkpoint(self, system: System, seed: int) -> Path:
        """Path: A piece's trained model."""
        count = round(self.scale.iterations * system.iterations)
        return _training(self.run_folder(system, seed)) / f'iter_{count}.pth'

    def run(self, system: System, seed: int) -> Path:
        """Train, test and score, as far as that is not done.

        Args:
            system (System): The system.
            seed (int): Seed of new layers, order and augmentation.

        Returns:
            Path: The piece's json.

        Raises:
            StepFailed: If a command fails.
            ValueError: If the folder was begun with another config.
        """
        path = self.result(system, seed)
        folder = self.run_folder(system, seed)
        with _locked(folder.with_suffix('.lock')):
            if path.is_file():
                return path
            config = self.compose(system, seed)
            steps = self._steps(system, seed, config)
            records = run_steps(steps, folder)
            content = self._score(system, seed, config)
            content['train_seconds'] = round(records[0].seconds)
            write_json(path, content)
            shutil.rmtree(folder / 'predictions')
        return path

    def _steps(self, system: System, seed: int, config: Config) -> List[Step]:
        folder = self.run_folder(system, seed)
        config_path = self._write_config(folder, config)
        name = f'{system.title}, seed {seed}'
        reference = self._write_config(
            self.folder / 'costs' / SINGLE_FRAME.name,
            self.compose(SINGLE_FRAME))
        return [
            Step('train',
                 f'Train {name}', (_tool('train.py', config_path, '--work-dir',
                                         _training(folder), '--resume'), )),
            Step('test', f'Test {name}',
                 (_tool('test.py', config_path, self.checkpoint(system, seed),
                        '--work-dir', folder / 'test'), )),
            Step('cost', f'Cost of {name}',
                 (_module('mmpose_tdmi.benchmark.cost', config_path, reference,
                          folder / 'cost.json'), )),
        ]

    @staticmethod
    def _write_config(folder: Path, config: Config) -> Path:
        path = folder / 'config.py'
        if path.is_file():
            found = config_hash(Config.fromfile(str(path)))
            if found != config_hash(config):
                raise ValueError(f'{path}: begun with another config; remove '
                                 f'{folder} or choose another folder')
            return path
        # Config.dump formats its text, which takes seconds
        text = '\n'.join(f'{key} = {pformat(value, sort_dicts=False)}'
                         for key, value in config.to_dict().items())
        with atomic_path(path) as temporary:
            temporary.write_text(text + '\n', encoding='utf-8')
        return path

    def _score(self, system: System, seed: int,
               config: Config) -> Dict[str, Any]:
        truth = self.write_truth()
        folder = self.run_folder(system, seed)
        records = read_run(
            self.clips.annotations('val'), folder / 'predictions')
        samples = (
            config.train_cfg.max_iters * config.train_dataloader.batch_size)
        dependence = _training(folder) / 'dependence.json'
        return dict(
            system=system.name,
            seed=seed,
            scale=self.scale.name,
            config=system.config,
            config_hash=config_hash(config, self.folder, ROOT),
            data=self.clips.fingerprint(),
            pretrained=_file_hash(self.pretrained),
            samples=samples,
            figures=summarise(records, truth),
            cost=read_json(folder / 'cost.json'),
            dependence=read_json(dependence) if dependence.is_file() else None,
            versions=dict({name: metadata.version(name)
                           for name in _PACKAGES},
                          python=platform.python_version()),
            records=records.to_json())

    def write_truth(self) -> Truth:
        """The validation set's truth; its json is written if need be."""
        path = self.results / 'truth.json'
        if path.is_file():
            content = read_json(path)
            if content['data'] == self.clips.fingerprint():
                return Truth.from_json(content)
            raise ValueError(f'{path}: results of other clips, '
                             f'{content["data"]}, are in this folder; '
                             f'expected {self.clips.fingerprint()}')
        truth = read_truth(
            self.clips.annotations('val'), self.clips.difficulty)
        write_json(
            path,
            dict(
                data=self.clips.fingerprint(),
                scale=self.scale.name,
                plan=self.clips.plan.to_dict(),
                **truth.to_json()))
        return truth


def summarise(records: RunRecords, truth: Truth) -> Dict[str, Dict]:
    """AP and PCKh of every selection of joints, with their numbers.

    Args:
        records (RunRecords): A run.
        truth (Truth): The validation set.

    Returns:
        dict: By selection ``joints``, ``AP`` and ``PCKh``, percent or None.
    """
    ones = np.ones((1, len(truth.videos)), dtype=int)
    figures = {}
    for name, chosen in selections(truth).items():
        values = [
            float(figure(records, truth, chosen, ones)[0])
            for figure in (weighted_ap, weighted_pckh)
        ]
        ap, pckh = (None if np.isnan(v) else round(v, 2) for v in values)
        figures[name] = dict(joints=int(chosen.truth.sum()), AP=ap, PCKh=pckh)
    return figures


def _training(folder: Path) -> Path:
    """Work folder of a training; its dump of the config must not be ours."""
    return folder / 'training'


def _tool(name: str, *arguments: object) -> List[str]:
    return [sys.executable, str(ROOT / 'tools' / name), *map(str, arguments)]


def _module(name: str, *arguments: object) -> List[str]:
    return [sys.executable, '-m', name, *map(str, arguments)]


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes out of a piece; waits for them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
