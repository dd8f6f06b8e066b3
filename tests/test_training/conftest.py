"""Small trainings in processes of their own, which can be killed."""
import copy
import gc
import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

import mmpose_tdmi  # noqa: F401
from projects.synthetic.generator import generate
from projects.synthetic.settings import ClipSettings

TDMI = ('configs/tdmi/synthetic/'
        'tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py')


@HOOKS.register_module()
class WriteLosses(Hook):
    """Writes each iteration's loss, and a random number, to a file."""

    priority = 'VERY_LOW'

    def __init__(self, path):
        self.path = Path(path)

    def after_train_iter(self,
                         runner,
                         batch_idx,
                         data_batch=None,
                         outputs=None):
        record = dict(
            iter=runner.iter,
            loss=float(outputs['loss']),
            random=float(torch.rand(1)),
            pixels=[int(clip.sum()) for clip in data_batch['inputs']])
        with self.path.open('a') as file:
            file.write(f'{json.dumps(record)}\n')


@HOOKS.register_module()
class KillAt(Hook):
    """Kills the process as ``kill -9`` does, at a named point."""

    def __init__(self, point, iteration=0, when='VERY_LOW'):
        self.point = point
        self.iteration = iteration
        self.priority = when

    def _reached(self, point, runner):
        if point == self.point and runner.iter >= self.iteration:
            os.kill(os.getpid(), signal.SIGKILL)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self._reached('forward', runner)

    def after_train_iter(self,
                         runner,
                         batch_idx,
                         data_batch=None,
                         outputs=None):
        self._reached('step', runner)

    def after_train_epoch(self, runner):
        self._reached('epoch', runner)

    def before_val(self, runner):
        self._reached('evaluation', runner)

    def after_val_epoch(self, runner, metrics=None):
        self._reached('metrics', runner)

    def after_val(self, runner):
        self._reached('evaluated', runner)


@pytest.fixture(scope='session')
def training_clips(tmp_path_factory):
    """Three clips to train on and two to evaluate."""
    root = tmp_path_factory.mktemp('training_clips')
    settings = ClipSettings.preset(
        'easy', width=160, height=120, frames=5, label_margin=1)
    generate(root, settings, dict(train=3, val=2), seed=0)
    return root


@pytest.fixture(scope='session')
def small_config(training_clips, repository):
    """``small_config(work_dir, **options)``: the small TDMI's config."""
    base = Config.fromfile(str(repository / TDMI))

    def make(work_dir, **options):
        cfg = copy.deepcopy(base)
        cfg.merge_from_dict({
            'work_dir':
            str(work_dir),
            'experiment_name':
            f'{Path(work_dir).name}_{os.getpid()}',
            'visualizer.name':
            f'{Path(work_dir).name}_{os.getpid()}',
            'log_level':
            'ERROR',
            'randomness':
            dict(seed=3),
            'model.init_cfg':
            None,
            'train_cfg.max_epochs':
            3,
            'train_dataloader.batch_size':
            2,
            'default_hooks.logger.interval':
            1,
            'default_hooks.checkpoint.type':
            'AtomicCheckpointHook',
            'default_hooks.exact_resume':
            dict(type='ExactResumeHook'),
            'default_hooks.non_finite_guard':
            dict(type='NonFiniteGuardHook'),
            'train_dataloader.dataset.indices':
            6,
            'val_dataloader.dataset.indices':
            2,
            'val_dataloader.batch_size':
            2,
            'test_dataloader.dataset.indices':
            2,
        })
        for name in ('train', 'val', 'test'):
            loader = cfg[f'{name}_dataloader']
            loader.update(num_workers=0, persistent_workers=False)
            loader.dataset.data_root = f'{training_clips}/'
        for name in ('val', 'test'):
            cfg[f'{name}_evaluator'].ann_file = str(
                training_clips / 'annotations/synthetic_val.json')
        cfg.custom_hooks = [
            dict(
                type='WriteLosses', path=str(Path(work_dir) / 'losses.jsonl'))
        ]
        cfg.merge_from_dict(options)
        if options.get('val_cfg', 1) is None:
            cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        return cfg

    return make


@pytest.fixture(scope='session')
def run_training():
    """``run_training(cfg)`` trains in a child; gives its exit code."""

    def run(cfg, work=None):
        work = work or _train
        Path(cfg.work_dir).mkdir(parents=True, exist_ok=True)
        gc.collect()  # in a copy, frames of PyAV would wait for ever
        child = multiprocessing.get_context('fork').Process(
            target=work, args=(cfg, ))
        child.start()
        child.join(240)
        if child.exitcode is None:
            child.kill()  # or the tests' own process would wait for it
            pytest.fail('the training hangs')
        return child.exitcode

    return run


def _train(cfg):
    torch.set_num_threads(1)
    Runner.from_cfg(cfg).train()


@pytest.fixture(scope='session')
def read_losses():
    """``read_losses(work_dir)``: the records by iteration.

    What an iteration gave again after a kill must be what it gave before.
    """

    def read(work_dir):
        records = {}
        path = Path(work_dir) / 'losses.jsonl'
        for line in path.read_text().splitlines():
            record = json.loads(line)
            known = records.setdefault(record['iter'], record)
            assert known == record
        return [records[i] for i in sorted(records)]

    return read
