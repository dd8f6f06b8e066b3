"""Resumed trainings that go on as if they had never stopped.

The host restores weights, optimiser, schedules and counters. This hook adds
the rest: the order of the samples, the place within an epoch, every random
number, gradients that were not yet applied, and an evaluation that was cut
off.

Shape shorthand: none.
"""
import json
import logging
from bisect import bisect
from pathlib import Path
from typing import Optional

import torch
from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmpose.registry import HOOKS

from mmpose_tdmi.utils.files import write_json
from ..seeded_batches import SeededBatches, seed_generators, with_batches
from ..worker_journal import WorkerJournal

#: Written after each evaluation, into the work folder.
EVALUATED = 'last_evaluation.json'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Make a resumed training equal to the unbroken one.

    - The generators of Python, numpy and torch are seeded before each
      iteration from seed, process and iteration, and for each sample from
      seed, epoch and place in the epoch (:mod:`..seeded_batches`): no state
      has to be stored, whatever the number of workers.
    - The sampler's seed is stored, so the order stays even if the config
      fixes no seed.
    - A checkpoint from within an epoch (``by_epoch=False`` of the checkpoint
      hook) resumes at the next batch; those before it are not loaded.
    - With ``accumulative_counts``, gradients that wait to be applied are
      stored.
    - If the run was stopped between a checkpoint and the end of the
      evaluation that follows, the evaluation is done first.
    - When a worker of the data loader dies, the error names the sample that
      it was at (:mod:`..worker_journal`).

    Trainings by iteration (``IterBasedTrainLoop``) keep the host's way: the
    batches before are loaded once more and thrown away. With workers that
    gives the same batches; the model's random numbers are this hook's.

    Raises:
        ValueError: When resumed within an epoch that now has another number
            of batches.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._batches: Optional[SeededBatches] = None
        self._first = 0
        self._gradients = None
        self._evaluate = False

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the gradients that wait."""
        self._gradients = checkpoint.get('pending_gradients')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store the gradients that wait, if any."""
        if 'optimizer' not in checkpoint or (
                runner.optim_wrapper.should_update()):
            return
        if get_world_size() > 1:
            runner.logger.warning(
                'this checkpoint lies between two steps of the optimiser '
                '(accumulative_counts): of the gradients that wait, those of '
                'the first process alone are stored')
        checkpoint['pending_gradients'] = {
            name: parameter.grad.detach().cpu()
            for name, parameter in _module(runner).named_parameters()
            if parameter.grad is not None
        }

    def before_train(self, runner: Runner) -> None:
        """Set the data loader up, at the place where training stopped."""
        loop, info = runner.train_loop, runner.message_hub.runtime_info
        resumed = loop.iter > 0
        if resumed and self._gradients is not None:
            for name, parameter in _module(runner).named_parameters():
                if name in self._gradients:
                    parameter.grad = self._gradients[name].to(parameter)
        self._gradients = None
        if not isinstance(loop, EpochBasedTrainLoop):
            runner.logger.info('ExactResumeHook: a training by iteration '
                               'resumes as MMEngine does it')
            return
        loader = loop.dataloader
        if not isinstance(loader.batch_sampler, SeededBatches):
            journal = WorkerJournal.current = WorkerJournal(loader.dataset)
            loader = with_batches(
                loader,
                SeededBatches(loader.batch_sampler, runner.seed,
                              journal.folder))
            loop.dataloader = loader
        self._batches = loader.batch_sampler
        self._batches.seed = runner.seed
        sampler = self._batches.sampler
        if hasattr(sampler, 'seed'):
            if resumed and 'sampler_seed' in info:
                sampler.seed = info['sampler_seed']
            runner.message_hub.update_info('sampler_seed', sampler.seed)
        self._first = self._place(runner, len(loader)) if resumed else 0
        self._evaluate = resumed and not self._first and _is_evaluation_due(
            runner)
        if not resumed and is_main_process():
            (Path(runner.work_dir) / EVALUATED).unlink(missing_ok=True)
        runner.message_hub.update_info('epoch_length', len(loader))

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the epoch, at its begin or where it was left."""
        if self._batches is None:
            return
        if self._evaluate:
            self._evaluate_now(runner)
        self._batches.epoch = runner.epoch
        self._batches.start = self._first
        if self._first:
            runner.logger.info(f'epoch {runner.epoch + 1} goes on after '
                               f'{self._first} batches')

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: Optional[dict] = None) -> None:
        """Seed the generators for what the model draws."""
        seed_generators(runner.seed, get_rank(), runner.iter)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Note the place in the epoch, for a checkpoint made now."""
        runner.message_hub.update_info('epoch_batches',
                                       self._first + batch_idx + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """Note that the epoch is over."""
        self._first = 0
        runner.message_hub.update_info('epoch_batches', 0)

    def after_val(self, runner: Runner) -> None:
        """Note that the evaluation is done, its best checkpoint saved."""
        if is_main_process() and isinstance(runner.train_loop,
                                            EpochBasedTrainLoop):
            write_json(
                Path(runner.work_dir) / EVALUATED, dict(epoch=runner.epoch))

    def after_train(self, runner: Runner) -> None:
        """Make up for the last epoch's evaluation."""
        if self._evaluate:
            self._evaluate_now(runner)

    def _evaluate_now(self, runner: Runner) -> None:
        self._evaluate = False
        runner.logger.info(f'the evaluation after epoch {runner.epoch} was '
                           'cut off and is done now')
        runner.val_loop.run()

    def _place(self, runner: Runner, length: int) -> int:
        """How many batches of the present epoch are done."""
        info = runner.message_hub.runtime_info
        if 'epoch_batches' not in info:  # of a run without this hook
            return 0
        done, before = info['epoch_batches'], info['epoch_length']
        if done and before != length:
            raise ValueError(
                f'the checkpoint was made after {done} of {before} batches '
                f'of epoch {runner.epoch + 1}, but an epoch now has {length} '
                'batches: resume with the same data, batch size and number '
                'of processes, or from a checkpoint at the end of an epoch')
        return done


def _module(runner: Runner) -> torch.nn.Module:
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def _is_evaluation_due(runner: Runner) -> bool:
    """Whether the last epoch's evaluation should have been and was not."""
    loop = runner.train_loop
    if runner.val_loop is None or loop.epoch < loop.val_begin:
        return False
    place = bisect(loop.dynamic_milestones, loop.epoch + 1) - 1
    interval = loop.dynamic_intervals[place]
    if loop.epoch % interval and loop.epoch != loop.max_epochs:
        return False
    path = Path(runner.work_dir) / EVALUATED
    if not path.is_file():
        return True
    try:
        done = json.loads(path.read_text(encoding='utf-8'))['epoch']
    except (ValueError, KeyError, TypeError) as error:
        runner.logger.log(
            logging.WARNING, f'{path}: {error!r}, expected the last epoch '
            'that was evaluated; the evaluation is repeated')
        return True
    return done < loop.epoch
