"""Which sample a data loader's worker was at when it died.

A worker that is killed (out of memory, a crash in a decoder) leaves no
traceback, and torch tells only its process id. Here workers note the sample
that they are at in a small file of their own.

Batches of which every sample has random numbers of its own.

The host seeds each worker process once, so that a sample's augmentation
depends on what its worker drew before: on the number of workers, and on
where a resumed run began. Here it is a function of the training's seed, the
epoch and the sample's place in the epoch alone. Nothing has to be stored for
that, batches can be skipped without being loaded, and several processes draw
what one would for the same global batch.
; W processes.

Resumed trainings that go on as if they had never stopped.

The host restores weights, optimiser, schedules and counters. This hook adds
the rest: the order of the samples, the place within an epoch, every random
number, gradients that were not yet applied, and an evaluation that was cut
off.
"""
import json
import logging
import os
import random
import re
import tempfile
from bisect import bisect
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import (get_dist_info, get_rank, get_world_size,
                           is_main_process)
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmpose.registry import HOOKS
from torch.utils.data import DataLoader, Dataset, Sampler

from mmpose_tdmi.datasets.sequence_dataset import add_note, name_sample
from mmpose_tdmi.utils.files import write_json

_PIDS = re.compile(r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)')


class WorkerJournal:
    """A folder with a file for each worker: the sample it is at.

    Args:
        dataset (Dataset): What the workers load from.

    Attributes:
        folder (str): The folder; it goes with this object.
    """

    #: That of the training that runs.
    current: Optional['WorkerJournal'] = None

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._folder = tempfile.TemporaryDirectory(prefix='workers-')
        self.folder = self._folder.name

    def explain(self, error: RuntimeError) -> None:
        """Add the samples to an error that tells of dead workers.

        Args:
            error (RuntimeError): The error; others stay as they are.
        """
        found = _PIDS.search(str(error))
        for pid in re.findall(r'\d+', found.group(1)) if found else ():
            path = Path(self.folder) / pid
            text = path.read_text() if path.is_file() else ''
            if text.strip():
                add_note(
                    error, f'worker {pid} was at '
                    f'{_name(self.dataset, int(text))}')


@contextmanager
def noted(folder: Optional[str]) -> Iterator:
    """A function that notes the present sample; the note goes at the end.

    Args:
        folder (str, optional): The journal's folder; None for no notes.

    Yields:
        Callable: ``note(index)``.
    """
    if folder is None or not os.path.isdir(folder):
        yield lambda index: None
        return
    path = os.path.join(folder, str(os.getpid()))
    with open(path, 'wb', buffering=0) as file:

        def note(index: int) -> None:
            file.seek(0)
            file.write(b'%-20d' % index)

        yield note
        file.truncate(0)


class ExplainedDataLoader(DataLoader):
    """A data loader whose errors about dead workers name the samples."""

    def __iter__(self) -> Iterator:
        with worker_deaths_explained():
            iterator = super().__iter__()
        while True:
            with worker_deaths_explained():
                try:
                    batch = next(iterator)
                except StopIteration:
                    return
            yield batch


@contextmanager
def worker_deaths_explained() -> Iterator[None]:
    """Have errors about dead workers name the samples.

    Torch raises them wherever the main process happens to be, so a training
    tool does well to run inside of this.
    """
    try:
        yield
    except RuntimeError as error:
        journal = WorkerJournal.current
        notes = getattr(error, '__notes__', ())
        if journal is not None and not any('worker' in n for n in notes):
            journal.explain(error)
        raise


def _name(dataset: Dataset, index: int) -> str:
    if isinstance(dataset, BaseDataset):
        return f'sample {index}: {name_sample(dataset.get_data_info(index))}'
    return f'sample {index} of a {type(dataset).__name__}'


def seed_generators(*entropy: int) -> None:
    """Seed the generators of Python, numpy and torch.

    Args:
        *entropy (int): Numbers, 0 or more, that name the state; near ones
            give unrelated states.
    """
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


class SeededBatch:
    """A batch's indices; walking along them seeds the generators.

    Where a data loader asks its dataset for the samples one by one, each
    finds its own random numbers.

    Args:
        indices (Sequence[int]): The samples.
        entropy (Sequence[tuple[int, ...]]): What each is seeded with.
        journal (str, optional): Where the present sample is noted, see
            :class:`WorkerJournal`. Defaults to None, nowhere.
    """

    def __init__(self,
                 indices: Sequence[int],
                 entropy: Sequence[Tuple[int, ...]],
                 journal: Optional[str] = None) -> None:
        self.indices = tuple(indices)
        self.entropy = tuple(entropy)
        self.journal = journal

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        # without workers this is the process that trains
        with kept_generators(), noted(self.journal) as note:
            for index, entropy in zip(self.indices, self.entropy):
                note(index)
                seed_generators(*entropy)
                yield index


class SeededBatches(Sampler):
    """The batches of a batch sampler, each a :class:`SeededBatch`.

    Args:
        batches (Sampler): The batch sampler.
        seed (int): The training's seed.
        journal (str, optional): As :class:`SeededBatch`'s.

    Attributes:
        epoch (int): The epoch that the next pass is.
        start (int): How many batches the next pass leaves out at its begin;
            0 again after that.
    """

    def __init__(self,
                 batches: Sampler,
                 seed: int,
                 journal: Optional[str] = None) -> None:
        self.batches = batches
        self.seed = seed
        self.journal = journal
        self.epoch = 0
        self.start = 0

    @property
    def sampler(self) -> Sampler:
        """Sampler: What the batches are made of, where hooks look for it."""
        return getattr(self.batches, 'sampler', self.batches)

    @property
    def batch_size(self) -> int:
        """int: The size of a batch."""
        return self.batches.batch_size

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[SeededBatch]:
        rank, world_size = get_dist_info()
        start, self.start = self.start, 0
        place = 0
        for number, indices in enumerate(self.batches):
            if number >= start:
                # the host's samplers give process r samples r, r + W, ...
                yield SeededBatch(indices, [(self.seed, self.epoch,
                                             (place + i) * world_size + rank)
                                            for i in range(len(indices))],
                                  self.journal)
            place += len(indices)


def with_batches(loader: DataLoader, batches: SeededBatches) -> DataLoader:
    """The same data loader with other batches.

    Args:
        loader (DataLoader): A data loader that nobody iterates over yet.
        batches (SeededBatches): Its batches.

    Returns:
        DataLoader: A new one, of the same dataset and with the same options.
    """
    options = {
        name: getattr(loader, name)
        for name in ('num_workers', 'collate_fn', 'pin_memory', 'timeout',
                     'worker_init_fn', 'multiprocessing_context', 'generator',
                     'prefetch_factor', 'persistent_workers',
                     'pin_memory_device')
    }
    return ExplainedDataLoader(
        loader.dataset, batch_sampler=batches, **options)


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
