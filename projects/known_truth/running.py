"""Pieces of the benchmark: one system, one seed.

A piece is a folder ``runs/<system>_seed<k>`` with its config, a training and
a test (:mod:`.train_and_test`). Systems with a frozen backbone are trained on
its stored features (:mod:`.features`). Finished steps are not repeated, so
that an interrupted run continues where it was; what a piece leaves for good
is a small json, and ``model.pth`` in its folder for figures.

Shape shorthand: none.
"""
import platform
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np
from mmengine.config import Config

from mmpose_tdmi.utils.files import remove_outputs, write_json
from projects import is_kept_by_git
from projects.demo.steps import Step, run_steps
from .composition import compose, config_hash, set_length
from .features import (complete_weights, has_frozen_backbone,
                       use_stored_features)
from .foundation import CONFIGS, Foundation
from .paired_statistics import selections, weighted_ap, weighted_pckh
from .records import RunRecords, Truth, read_run, read_truth
from .results import read_json
from .scale import Scale
from .systems import ROOT, SINGLE_FRAME, System
from .workspace import file_hash, locked, module, training_folder, write_config

#: Distributions whose versions are written with each result.
_PACKAGES = ('torch', 'mmpose', 'mmcv', 'mmengine', 'numpy', 'mmpose-tdmi')
#: When the weight of a mutual information objective begins and ends to rise,
#: as shares of the training.
_RAMP = (1 / 6, 1 / 3)


class Benchmark(Foundation):
    """A benchmark in a folder.

    Args:
        folder (Path): Clips, checkpoints and logs.
        results (Path): Folder of the results, one json a piece.
        scale (Scale): How large it is.
    """

    def __init__(self, folder: Path, results: Path, scale: Scale) -> None:
        super().__init__(folder, scale)
        self.results = Path(results)

    def result(self, system: System, seed: int) -> Path:
        """The json of a piece."""
        return self.results / f'{system.name}_seed{seed}.json'

    def is_done(self, system: System, seed: int) -> bool:
        """Whether a piece's json is there."""
        return self.result(system, seed).is_file()

    def compose(self, system: System, seed: Optional[int] = None) -> Config:
        """The whole config of a system's training."""
        config = compose(CONFIGS / 'known_truth.py', system.path,
                         self.clips.root, system.options, self.pretrained)
        set_length(config, round(self.scale.iterations * system.iterations))
        if seed is not None:
            config.randomness = dict(seed=seed)
            folder = self.run_folder(system, seed)
            config.test_evaluator.out_dir = str(folder / 'predictions')
        head = config.model.get('head') or {}
        ramp = (head.get('mi_loss') or {}).get('alpha')
        if ramp:
            ramp.begin, ramp.stop = (
                round(share * config.train_cfg.max_iters) for share in _RAMP)
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

    def compose_stored(self, system: System, seed: int) -> Config:
        """The config that a piece is trained and tested with.

        It is that of :meth:`compose`, on stored features if the backbone is
        frozen.
        """
        config = self.compose(system, seed)
        if has_frozen_backbone(config):
            use_stored_features(config,
                                {s: self.store(s)
                                 for s in ('train', 'val')})
            for hook in config.get('custom_hooks', ()):
                if hook['type'] == 'DependenceHook':
                    hook['dataset'] = config.test_dataloader.dataset.to_dict()
        return config

    def run_folder(self, system: System, seed: int) -> Path:
        """Path: Where a piece is worked on."""
        return self.folder / 'runs' / f'{system.name}_seed{seed}'

    def checkpoint(self, system: System, seed: int) -> Path:
        """Path: A piece's trained model, whole."""
        return self.run_folder(system, seed) / 'model.pth'

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
        with locked(folder.with_suffix('.lock')):
            if path.is_file():
                return path
            config = self.compose(system, seed)
            steps = self._steps(system, seed, config)
            records = run_steps(steps, folder)
            if system.iterations:
                complete_weights(self.pretrained, self._trained(system, seed),
                                 self.checkpoint(system, seed))
            content = self._score(system, seed, config)
            content['train_seconds'] = round(records[0].seconds)
            write_json(path, content, is_kept_by_git(path))
            remove_outputs(folder / 'predictions')
        return path

    def _trained(self, system: System, seed: int) -> Path:
        """Path: What the training leaves, without a frozen backbone."""
        count = round(self.scale.iterations * system.iterations)
        return training_folder(self.run_folder(system,
                                               seed)) / f'iter_{count}.pth'

    def _steps(self, system: System, seed: int, config: Config) -> List[Step]:
        folder = self.run_folder(system, seed)
        write_config(folder, config)
        path = write_config(folder / 'stored',
                            self.compose_stored(system, seed))
        return [
            Step('train', f'Train and test {system.title}, seed {seed}',
                 (module('projects.known_truth.train_and_test', path,
                         training_folder(folder)), ))
        ]

    def _cost(self, system: System) -> Dict[str, float]:
        """What a system costs; measured once."""
        folder = self.folder / 'costs' / system.name
        with locked(folder.with_suffix('.lock')):
            config, reference = (
                write_config(self.folder / 'costs' / other.name,
                             self.compose(other))
                for other in (system, SINGLE_FRAME))
            run_steps([
                Step('cost', f'Cost of {system.title}',
                     (module('projects.known_truth.cost', config, reference,
                             folder / 'cost.json'), ))
            ], folder)
        return read_json(folder / 'cost.json')

    def _score(self, system: System, seed: int,
               config: Config) -> Dict[str, Any]:
        truth = self.write_truth()
        folder = self.run_folder(system, seed)
        records = read_run(
            self.clips.annotations('val'), folder / 'predictions')
        samples = (
            config.train_cfg.max_iters * config.train_dataloader.batch_size)
        dependence = training_folder(folder) / 'dependence.json'
        return dict(
            system=system.name,
            seed=seed,
            scale=self.scale.name,
            config=system.config,
            config_hash=config_hash(config, self.folder, ROOT),
            data=self.clips.fingerprint(),
            pretrained=file_hash(self.pretrained),
            samples=samples,
            figures=summarise(records, truth),
            cost=self._cost(system) if system.iterations else None,
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
