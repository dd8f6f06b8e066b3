"""Samples in groups that share frames."""
import pytest
from mmpose.registry import DATA_SAMPLERS

from mmpose_tdmi.datasets import FrameGroupSampler
from mmpose_tdmi.datasets import samplers as frame_group_sampler


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
    assert DATA_SAMPLERS.get(
        'FrameGroupSampler') is frame_group_sampler.FrameGroupSampler
