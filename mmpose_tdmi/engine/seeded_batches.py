"""Batches of which every sample has random numbers of its own.

The host seeds each worker process once, so that a sample's augmentation
depends on what its worker drew before: on the number of workers, and on
where a resumed run began. Here it is a function of the training's seed, the
epoch and the sample's place in the epoch alone. Nothing has to be stored for
that, batches can be skipped without being loaded, and several processes draw
what one would for the same global batch.

Shape shorthand: none; W processes.
"""
import random
from contextlib import contextmanager
from typing import Iterator, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.dist import get_dist_info
from torch.utils.data import DataLoader, Sampler

from .worker_journal import ExplainedDataLoader, noted


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
