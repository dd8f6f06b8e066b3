"""Random numbers of samples depend on seed, epoch and place alone."""
import copy
import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset

from mmpose_tdmi.engine.hooks import resume
from mmpose_tdmi.engine.hooks.resume import (SeededBatches, SeededDataset,
                                             kept_generators, seed_generators,
                                             seeded_loader)


class Draws(Dataset):
    """Each sample is its index and what the three generators give."""

    def __len__(self):
        return 7

    def __getitem__(self, index):
        return torch.tensor([
            index,
            random.random(),
            np.random.rand(),
            torch.rand(1, dtype=torch.float64).item()
        ],
                            dtype=torch.float64)


class DrawsTogether(Draws):
    """A dataset that loads a batch at once, last sample first."""

    def __getitems__(self, indices):
        found = {index: self[index] for index in reversed(indices)}
        return [found[index] for index in indices]


def loader(seed=1, workers=0, dataset=None, batch_size=2):
    plain = DataLoader(
        dataset or Draws(),
        batch_sampler=BatchSampler(range(7), batch_size, drop_last=False),
        num_workers=workers)
    return seeded_loader(plain, seed)


def draws(loader, epoch=0, start=0):
    loader.batch_sampler.epoch = epoch
    loader.batch_sampler.start = start
    return torch.cat(list(loader))


def test_the_number_of_workers_and_what_came_before_do_not_matter():
    alone = draws(loader())
    again = loader(workers=2)
    torch.rand(5)
    assert torch.equal(draws(again), alone)
    assert len(alone.unique()) == alone.numel()
    assert not torch.equal(draws(again, epoch=1)[:, 1:], alone[:, 1:])
    assert not torch.equal(draws(loader(seed=2))[:, 1:], alone[:, 1:])


def test_batches_left_out_change_nothing():
    data = loader()
    assert torch.equal(draws(data, start=2), draws(loader())[4:])
    # only for one pass
    assert len(torch.cat(list(data))) == 7
    assert len(data) == 4


def test_the_size_of_batches_does_not_matter():
    assert torch.equal(draws(loader()), draws(loader(batch_size=3)))


@pytest.mark.parametrize('workers', [0, 1])
def test_how_a_dataset_loads_its_samples_does_not_matter(workers):
    together = loader(dataset=DrawsTogether(), workers=workers)
    assert torch.equal(draws(together), draws(loader()))
    assert torch.equal(draws(together, epoch=1), draws(loader(), epoch=1))


def test_the_numbers_are_those_of_earlier_releases():
    """So that trainings can be repeated: drawn by release 0.1.0."""
    expected = [[0.7592988507, 0.4937360442, 0.1771012174],
                [0.3841983104, 0.9127170654, 0.4111899688]]
    found = draws(loader(seed=3), epoch=2)[4:6, 1:]
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_several_processes_draw_what_one_does(monkeypatch):
    whole = draws(loader())
    for rank in (0, 1):
        monkeypatch.setattr(resume, 'get_dist_info', lambda: (rank, 2))
        part = SeededBatches(
            BatchSampler(range(rank, 7, 2), 2, drop_last=False), 1)
        found = torch.cat([
            torch.stack(SeededDataset(Draws()).__getitems__(b)) for b in part
        ])
        assert torch.equal(found, whole[rank::2])


def test_all_else_is_the_datasets(monkeypatch):
    dataset = Draws()
    seeded = seeded_loader(
        DataLoader(dataset, batch_sampler=BatchSampler(range(7), 2, False)),
        1).dataset
    dataset.metainfo = dict(name='draws')
    assert seeded.metainfo == dict(name='draws') and len(seeded) == 7
    # as hooks do that switch augmentations off
    seeded.pipeline = 'plain'
    assert dataset.pipeline == 'plain'
    with pytest.raises(AttributeError, match='nothing'):
        seeded.nothing
    for copied in (copy.deepcopy(seeded), pickle.loads(pickle.dumps(seeded))):
        assert type(copied) is SeededDataset and copied.pipeline == 'plain'
    # an index that nobody seeded goes on where the generators are
    seed_generators(5)
    expected = dataset[1]
    seed_generators(5)
    assert torch.equal(seeded[1], expected)


def test_the_process_that_trains_keeps_its_generators():

    def drawn():
        return random.random(), np.random.rand(), torch.rand(1).item()

    seed_generators(0)
    expected = drawn()
    seed_generators(0)
    data = loader()
    assert len([data.dataset[i] for b in data.batch_sampler for i in b]) == 7
    with kept_generators():
        seed_generators(3)
    assert drawn() == expected
