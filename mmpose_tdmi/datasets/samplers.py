"""Orders of samples in which a worker meets the same frames again.

N samples, W workers.
"""
import math
from itertools import zip_longest
from typing import Collection, Iterator, List, Optional, Sized

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler


@DATA_SAMPLERS.register_module()
class FrameGroupSampler(DefaultSampler):
    """Draws groups of samples that follow each other in the dataset.

    Those are the persons of a frame and of the next frames, if the annotation
    file lists images in the order of time, as this package's converters do.
    With ``cache_frames`` of the loading transform, a group's frames are
    decoded once. The price in training is that a batch holds fewer different
    videos: batch size / group size groups.

    Groups are cut at other places in every epoch. Each rank gets a run of
    groups, where the host's sampler deals single samples out in turn. Without
    ``shuffle``, for tests with several processes, it is the dataset's order;
    then with ``round_up=False``, since what the host takes for repeated
    samples, the last of all ranks, are others here.

    Args:
        dataset, seed, round_up: As of the host's ``DefaultSampler``.
        group_size: With a batch size that it divides, no group is split
            between workers.
        shuffle: Whether groups are drawn at random.
    """

    def __init__(self,
                 dataset: Sized,
                 group_size: int = 4,
                 shuffle: bool = True,
                 seed: Optional[int] = None,
                 round_up: bool = True) -> None:
        if not isinstance(group_size, int) or group_size < 1:
            raise ValueError(
                f'group_size must be at least 1, got {group_size!r}')
        super().__init__(dataset, shuffle, seed, round_up)
        self.group_size = group_size
        # a rank's run: as many for each, or the remainder for the last ones
        size = len(dataset)
        share = math.ceil(size / self.world_size)
        self._first = min(self.rank * share, self.total_size)
        if not round_up:
            self.num_samples = min(self._first + share, size) - self._first

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        indices = torch.arange(size)
        if self.shuffle:
            generator = torch.Generator()
            generator.manual_seed(self.seed + self.epoch)
            start = int(
                torch.randint(self.group_size, (1, ), generator=generator))
            # the first and the last group may be smaller
            groups = [
                *indices[:start].split(self.group_size),
                *indices[start:].split(self.group_size)
            ]
            order = torch.randperm(len(groups), generator=generator)
            indices = torch.cat([groups[place] for place in order])
        places = torch.arange(self._first, self._first + self.num_samples)
        return iter(indices[places % size].tolist())


@DATA_SAMPLERS.register_module()
class WorkerRunBatchSampler(BatchSampler):
    """Orders batches so that each worker meets the frames that it knows.

    PyTorch deals batches out to its W workers in turn: a worker's next one is
    W batches further, and it has decoded few of its frames. Here the stock
    batch sampler's batches are dealt so that each worker gets a run. For
    tests, whose metrics tell samples by their ids::

        test_dataloader = dict(
            num_workers=4,
            batch_sampler=dict(type='WorkerRunBatchSampler', num_workers=4))

    With several ranks use :class:`FrameGroupSampler` without shuffling as
    ``sampler``, which gives each rank a run.

    Args:
        sampler: Gives the indices of N samples and has a length.
        batch_size: Samples in a batch; the last has the remainder.
        num_workers: W, the data loader's; 0 counts as 1.
    """

    def __init__(self, sampler: Collection[int], batch_size: int,
                 num_workers: int) -> None:
        if batch_size < 1:
            raise ValueError(
                f'batch_size must be at least 1, got {batch_size}')
        if num_workers < 0:
            raise ValueError(
                f'num_workers must not be negative, got {num_workers}')
        super().__init__(sampler, batch_size, drop_last=False)
        self.num_workers = max(num_workers, 1)

    def __iter__(self) -> Iterator[List[int]]:
        batches = list(super().__iter__())
        # the first workers get one more, as they do when dealt in turn
        runs = np.array_split(np.arange(len(batches)), self.num_workers)
        for places in zip_longest(*runs):
            yield from (batches[p] for p in places if p is not None)
