"""Orders of samples in which a worker meets the same frames again."""
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.runner import Runner
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import Dataset, get_worker_info

from mmpose_tdmi.datasets import FrameGroupSampler, WorkerRunBatchSampler


def ranks(monkeypatch, world_size, size, **kwargs):
    """The indices of each rank, first epoch."""
    found = []
    for rank in range(world_size):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda:
                            (rank, world_size))
        sampler = FrameGroupSampler(range(size), seed=3, **kwargs)
        found.append(list(sampler))
        assert len(sampler) == len(found[-1])
    return found


@pytest.mark.parametrize('size', [1, 5, 32, 103])
def test_every_sample_comes_once_in_each_epoch(size):
    sampler = FrameGroupSampler(range(size), seed=0)
    orders = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        orders.append(list(sampler))
        assert sorted(orders[-1]) == list(range(size))
    if size > 5:
        assert orders[0] != orders[1] != orders[2]
        sampler.set_epoch(0)
        assert list(sampler) == orders[0]


def test_groups_follow_each_other_in_the_dataset():
    order = list(FrameGroupSampler(range(400), group_size=5, seed=1))
    steps = [b - a for a, b in zip(order, order[1:])]
    assert steps.count(1) >= 400 * 4 / 5 - 2
    # and groups do not
    assert steps.count(1) < 400 * 4 / 5 + 8


def test_groups_are_cut_at_other_places():
    sampler = FrameGroupSampler(range(64), group_size=4, seed=0)
    starts = set()
    for epoch in range(20):
        sampler.set_epoch(epoch)
        order = list(sampler)
        starts |= {
            b % 4
            for a, b in zip(order, order[1:]) if b != a + 1 and b > 4
        }
    assert starts == {0, 1, 2, 3}


@pytest.mark.parametrize('world_size, size', [(2, 10), (3, 10), (4, 5),
                                              (4, 2)])
def test_ranks_share_the_samples(monkeypatch, world_size, size):
    rounded = ranks(monkeypatch, world_size, size)
    assert len({len(found) for found in rounded}) == 1
    assert {i for found in rounded for i in found} == set(range(size))

    exact = ranks(monkeypatch, world_size, size, round_up=False)
    assert sorted(i for found in exact for i in found) == list(range(size))


def test_in_order_each_rank_has_a_run(monkeypatch):
    assert ranks(
        monkeypatch, 3, 10, shuffle=False, round_up=False) == [[0, 1, 2, 3],
                                                               [4, 5, 6, 7],
                                                               [8, 9]]


def test_invalid_groups():
    with pytest.raises(ValueError, match='group_size.*got 0'):
        FrameGroupSampler(range(3), group_size=0)


def test_it_is_found_by_name():
    assert DATA_SAMPLERS.get('FrameGroupSampler') is FrameGroupSampler


# Batches


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
            num_workers=2,
            drop_last=False,
            sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
            collate_fn=dict(type='default_collate'),
            batch_sampler=dict(type='WorkerRunBatchSampler', num_workers=2)),
        seed=0)
    runs = {0: [], 1: []}
    for batch in loader:
        for index, worker in batch.tolist():
            runs[worker].append(index)
    assert runs == {0: list(range(12)), 1: list(range(12, 23))}


def test_invalid_numbers():
    with pytest.raises(ValueError, match='batch_size.*got 0'):
        WorkerRunBatchSampler(range(3), 0, 1)
    with pytest.raises(ValueError, match='num_workers.*got -1'):
        WorkerRunBatchSampler(range(3), 1, -1)
