"""Trainings that go on after a stop as if they had never stopped.

The host restores weights, optimiser, schedules and counters, and seeds each
worker process once, so that a sample's augmentation depends on what its
worker drew before. :class:`ExactResumeHook` adds the rest. A sample's random
numbers are a function of seed, epoch and the sample's place in it alone:
nothing has to be stored, batches can be skipped without being loaded, and
several processes draw what one would for the same global batch.
"""
import json
import os
import random
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence

import numpy as np
import torch
from mmengine.dist import (get_dist_info, get_rank, get_world_size,
                           is_main_process)
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.runner.checkpoint import find_latest_checkpoint
from mmpose.registry import HOOKS
from torch.utils.data import DataLoader, Dataset, Sampler

from mmpose_tdmi.utils.checkpoints import check_checkpoint
from mmpose_tdmi.utils.files import write_json
from .safeguards import unwrapped

#: Written after each evaluation, into the work folder.
EVALUATED = 'last_evaluation.json'


def seed_generators(*entropy: int) -> None:
    """Seed Python, numpy and torch by numbers, 0 or more, that name the state;
    near ones give unrelated states."""
    words = np.random.SeedSequence(entropy).generate_state(8)
    random.seed(words[:2].tobytes())
    np.random.seed(words[2:6])
    torch.manual_seed(int(words[6]) << 32 | int(words[7]))


@contextmanager
def kept_generators() -> Iterator[None]:
    """Give the CPU's generators back as they were."""
    python, state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=()):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(state)


class SeededIndex(int):
    """A sample's index with the numbers that its generators start from, which
    go with it to a worker."""

    entropy: Sequence[int]


class SeededDataset(Dataset):
    """A dataset that seeds the generators for each sample that it loads.

    A sample is loaded by itself, even if asked for with its batch
    (``__getitems__``). In everything else it is the dataset within: its
    attributes, and what an index that is no :class:`SeededIndex` gives.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.__dict__['dataset'] = dataset

    def __reduce__(self) -> tuple:
        return SeededDataset, (self.dataset, )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__['dataset'], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.dataset, name, value)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        if not isinstance(index, SeededIndex):
            return self.dataset[index]
        # without workers this is the process that trains
        with kept_generators():
            seed_generators(*index.entropy)
            return self.dataset[int(index)]

    def __getitems__(self, indices: Sequence[int]) -> List[Any]:
        return [self[index] for index in indices]


class SeededBatches(Sampler):
    """The batches of a batch sampler, of :class:`SeededIndex`."""

    def __init__(self, batches: Sampler, seed: int) -> None:
        self.batches = batches
        self.seed = seed
        self.epoch = 0  # that the next pass is
        self.start = 0  # batches that the next pass alone leaves out

    @property
    def sampler(self) -> Sampler:
        """What the batches are made of, where hooks look for it."""
        return getattr(self.batches, 'sampler', self.batches)

    @property
    def batch_size(self) -> int:
        return self.batches.batch_size

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[List[SeededIndex]]:
        rank, world_size = get_dist_info()
        start, self.start = self.start, 0
        place = 0
        for number, indices in enumerate(self.batches):
            if number >= start:
                batch = [SeededIndex(index) for index in indices]
                for i, index in enumerate(batch):
                    # the host's samplers give process r samples r, r + W, ...
                    index.entropy = (self.seed, self.epoch,
                                     (place + i) * world_size + rank)
                yield batch
            place += len(indices)


def seeded_loader(loader: DataLoader, seed: int) -> DataLoader:
    """A data loader, not iterated over yet, with seeded samples."""
    options = {
        name: getattr(loader, name)
        for name in ('num_workers', 'collate_fn', 'pin_memory', 'timeout',
                     'worker_init_fn', 'multiprocessing_context', 'generator',
                     'prefetch_factor', 'persistent_workers',
                     'pin_memory_device')
    }
    return DataLoader(
        SeededDataset(loader.dataset),
        batch_sampler=SeededBatches(loader.batch_sampler, seed),
        **options)


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Make a resumed training equal to the unbroken one.

    - The generators of Python, numpy and torch are seeded before each
      iteration from seed, process and iteration, and for each sample from
      seed, epoch and place in the epoch, whatever the number of workers.
    - The sampler's seed is stored, also where the config fixes none.
    - A checkpoint from within an epoch (``by_epoch=False`` of the checkpoint
      hook) resumes at the next batch; those before it are not loaded.
    - Gradients that wait to be applied (``accumulative_counts``) are stored.
    - An evaluation that was cut off is done first.
    - Where what a work folder's ``last_checkpoint`` names is gone, as the
      folder was moved, the file of that name beside it is resumed from.
    - Checkpoints are looked at before they are loaded: an error says what a
      file is that is none.

    Trainings by iteration (``IterBasedTrainLoop``) keep the host's way, which
    loads the batches before once more; with workers they are the same ones.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._batches: Optional[SeededBatches] = None
        self._first = 0
        self._gradients = None
        self._evaluate = False

    def before_run(self, runner: Runner) -> None:
        """Find the checkpoint of a folder that has moved; look at those that
        are to be loaded."""
        last = runner._load_from
        if runner._resume and last is None:
            last = find_latest_checkpoint(runner.work_dir)
            beside = Path(runner.work_dir, os.path.basename(last or ''))
            if last and not os.path.exists(last) and beside.is_file():
                runner.logger.warning(
                    f'{last}, the last checkpoint, is not there any more: the '
                    f'one beside last_checkpoint is taken, {beside}')
                last = runner._load_from = str(beside)
        files = [
            last, *(module.init_cfg.get('checkpoint')
                    for module in unwrapped(runner).modules()
                    if isinstance(getattr(module, 'init_cfg', None), dict))
        ]
        for file in filter(None, files):
            check_checkpoint(os.path.expanduser(file))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self._gradients = checkpoint.get('pending_gradients')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
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
            for name, parameter in unwrapped(runner).named_parameters()
            if parameter.grad is not None
        }

    def before_train(self, runner: Runner) -> None:
        loop, info = runner.train_loop, runner.message_hub.runtime_info
        resumed = loop.iter > 0
        gradients, self._gradients = self._gradients or {}, None
        for name, parameter in unwrapped(runner).named_parameters():
            if resumed and name in gradients:
                parameter.grad = gradients[name].to(parameter)
        if not isinstance(loop, EpochBasedTrainLoop):
            runner.logger.info('ExactResumeHook: a training by iteration '
                               'resumes as MMEngine does it')
            return
        if not isinstance(loop.dataloader.batch_sampler, SeededBatches):
            loop.dataloader = seeded_loader(loop.dataloader, runner.seed)
        self._batches = loop.dataloader.batch_sampler
        self._batches.seed = runner.seed
        sampler = self._batches.sampler
        if hasattr(sampler, 'seed'):
            if resumed and 'sampler_seed' in info:
                sampler.seed = info['sampler_seed']
            runner.message_hub.update_info('sampler_seed', sampler.seed)
        length = len(loop.dataloader)
        self._first = self._place(runner, length) if resumed else 0
        self._evaluate = resumed and not self._first and _is_evaluation_due(
            runner)
        if not resumed and is_main_process():
            (Path(runner.work_dir) / EVALUATED).unlink(missing_ok=True)
        runner.message_hub.update_info('epoch_length', length)

    def before_train_epoch(self, runner: Runner) -> None:
        if self._batches is None:
            return
        self._make_up_evaluation(runner)
        self._batches.epoch = runner.epoch
        self._batches.start = self._first
        if self._first:
            runner.logger.info(f'epoch {runner.epoch + 1} goes on after '
                               f'{self._first} batches')

    def before_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        seed_generators(runner.seed, get_rank(), runner.iter)

    def after_train_iter(self, runner: Runner, batch_idx: int, *args,
                         **kwargs) -> None:
        """Note the place in the epoch, for a checkpoint made now."""
        runner.message_hub.update_info('epoch_batches',
                                       self._first + batch_idx + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        self._first = 0
        runner.message_hub.update_info('epoch_batches', 0)

    def after_val(self, runner: Runner) -> None:
        """Note that the evaluation is done, its best checkpoint saved."""
        if is_main_process() and isinstance(runner.train_loop,
                                            EpochBasedTrainLoop):
            write_json(
                Path(runner.work_dir) / EVALUATED,
                dict(epoch=runner.epoch),
                is_own=True)

    def after_train(self, runner: Runner) -> None:
        self._make_up_evaluation(runner)

    def _make_up_evaluation(self, runner: Runner) -> None:
        if not self._evaluate:
            return
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


def _is_evaluation_due(runner: Runner) -> bool:
    """Whether the last epoch's evaluation should have been and was not."""
    loop = runner.train_loop
    if runner.val_loop is None or loop.epoch < loop.val_begin:
        return False
    loop._decide_current_val_interval()
    if loop.epoch % loop.val_interval and loop.epoch != loop.max_epochs:
        return False
    path = Path(runner.work_dir) / EVALUATED
    if not path.is_file():
        return True
    try:
        done = json.loads(path.read_text(encoding='utf-8'))['epoch']
    except (ValueError, KeyError, TypeError) as error:
        runner.logger.warning(
            f'{path}: {error!r}, expected the last epoch that was evaluated; '
            'the evaluation is repeated')
        return True
    return done < loop.epoch
