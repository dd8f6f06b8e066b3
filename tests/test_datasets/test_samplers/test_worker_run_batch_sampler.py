"""Batches in an order that gives each worker a run."""
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.runner import Runner
from torch.utils.data import Dataset, get_worker_info

from mmpose_tdmi.datasets import WorkerRunBatchSampler


class Samples(Dataset):
    """Each sample is its index and the worker that made it."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        info = get_worker_info()
        return torch.tensor([index, -1 if info is None else info.id])


@pytest.mark.parametrize('workers', [0, 1, 2, 3, 7])
@pytest.mark.parametrize('size, batch_size', [(20, 3), (21, 3), (5, 8),
                                              (40, 4)])
def test_batches_are_the_stock_ones(size, batch_size, workers):
    sampler = WorkerRunBatchSampler(range(size), batch_size, workers)
    stock = torch.utils.data.BatchSampler(range(size), batch_size, False)
    assert sorted(sampler) == sorted(stock)
    assert len(sampler) == len(stock)


def test_one_worker_has_the_stock_order():
    stock = torch.utils.data.BatchSampler(range(20), 3, False)
    assert list(WorkerRunBatchSampler(range(20), 3, 1)) == list(stock)


def test_each_worker_of_a_data_loader_gets_a_run(mmpose_scope):
    loader = Runner.build_dataloader(
        ConfigDict(
            dataset=Samples(23),
            batch_size=2,
            num_workers=3,
            drop_last=False,
            sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
            collate_fn=dict(type='default_collate'),
            batch_sampler=dict(type='WorkerRunBatchSampler', num_workers=3)),
        seed=0)
    runs = {0: [], 1: [], 2: []}
    for batch in loader:
        for index, worker in batch.tolist():
            runs[worker].append(index)
    assert runs == {
        0: list(range(0, 8)),
        1: list(range(8, 16)),
        2: list(range(16, 23))
    }


def test_invalid_numbers():
    with pytest.raises(ValueError, match='batch_size.*got 0'):
        WorkerRunBatchSampler(range(3), 0, 1)
    with pytest.raises(ValueError, match='num_workers.*got -1'):
        WorkerRunBatchSampler(range(3), 1, -1)
