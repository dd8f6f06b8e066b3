"""Random numbers of samples depend on seed, epoch and place alone."""
import os
import random
import signal

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset

from mmpose_tdmi.engine.hooks import resume as seeded_batches
from mmpose_tdmi.engine.hooks.resume import (SeededBatches, WorkerJournal,
                                             kept_generators, seed_generators,
                                             with_batches)


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


class Dying(Draws):

    def __getitem__(self, index):
        if index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


def loader(seed=1, workers=0, dataset=None, journal=None, batch_size=2):
    dataset = dataset or Draws()
    plain = DataLoader(
        dataset,
        batch_sampler=BatchSampler(range(7), batch_size, drop_last=False),
        num_workers=workers)
    return with_batches(plain, SeededBatches(plain.batch_sampler, seed,
                                             journal))


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


def test_several_processes_draw_what_one_does(monkeypatch):
    whole = draws(loader())
    for rank in (0, 1):
        monkeypatch.setattr(seeded_batches, 'get_dist_info', lambda: (rank, 2))
        part = SeededBatches(
            BatchSampler(range(rank, 7, 2), 2, drop_last=False), 1)
        found = torch.stack([Draws()[i] for batch in part for i in batch])
        assert torch.equal(found, whole[rank::2])


def test_the_process_that_trains_keeps_its_generators():

    def drawn():
        return random.random(), np.random.rand(), torch.rand(1).item()

    seed_generators(0)
    expected = drawn()
    seed_generators(0)
    assert len([Draws()[i] for batch in loader().batch_sampler
                for i in batch]) == 7
    with kept_generators():
        seed_generators(3)
    assert drawn() == expected


def test_a_worker_that_dies_names_its_sample():
    dataset = Dying()
    WorkerJournal.current = journal = WorkerJournal(dataset)
    try:
        with pytest.raises(RuntimeError, match='DataLoader worker') as error:
            draws(loader(workers=1, dataset=dataset, journal=journal.folder))
        text = str(error.value) + ''.join(
            getattr(error.value, '__notes__', ()))
        assert 'was at sample 3 of a Dying' in text
    finally:
        WorkerJournal.current = None
