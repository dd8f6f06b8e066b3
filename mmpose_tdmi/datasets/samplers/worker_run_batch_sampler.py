"""Batches in an order that gives each worker a run of samples.

Shape shorthand: N samples, W workers.
"""
from typing import Collection, Iterator, List

from mmpose.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class WorkerRunBatchSampler:
    """Orders batches so that each worker meets the frames that it knows.

    PyTorch deals batches out to its W workers in turn. In the order of a test
    each worker's next batch is then W batches further, and few of its frames
    are among those that the worker has decoded. Here the sampler's indices
    are cut into W runs of batches, and the batches dealt so that each worker
    gets a run. The batches are those that the stock batch sampler makes; only
    their order is another. For tests, whose metrics tell samples by their
    ids::

        test_dataloader = dict(
            num_workers=4,
            batch_sampler=dict(type='WorkerRunBatchSampler', num_workers=4))

    With several ranks use :class:`FrameGroupSampler` without shuffling as
    ``sampler``, which gives each rank a run.

    Args:
        sampler (Iterable[int]): Gives the indices of N samples and has a
            length.
        batch_size (int): Samples in a batch; the last has the remainder.
        num_workers (int): W, the data loader's; 0 counts as 1.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(self, sampler: Collection[int], batch_size: int,
                 num_workers: int) -> None:
        if batch_size < 1:
            raise ValueError(
                f'batch_size must be at least 1, got {batch_size}')
        if num_workers < 0:
            raise ValueError(
                f'num_workers must not be negative, got {num_workers}')
        self.sampler = sampler
        self.batch_size = batch_size
        self.num_workers = max(num_workers, 1)

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.batch_size)

    def __iter__(self) -> Iterator[List[int]]:
        indices = list(self.sampler)
        batches = [
            indices[start:start + self.batch_size]
            for start in range(0, len(indices), self.batch_size)
        ]
        # the first workers get one more, as they do when dealt in turn
        short, longer = divmod(len(batches), self.num_workers)
        runs, start = [], 0
        for worker in range(self.num_workers):
            stop = start + short + (worker < longer)
            runs.append(batches[start:stop])
            start = stop
        for place in range(short + (longer > 0)):
            for run in runs:
                if place < len(run):
                    yield run[place]
