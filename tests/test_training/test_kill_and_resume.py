"""Trainings that are killed and resumed equal those that are not."""
import signal

import pytest
import torch

KILLED = -signal.SIGKILL


def hooks(cfg, *more):
    return [*cfg.custom_hooks, *more]


@pytest.fixture(scope='module')
def unbroken(small_config, run_training, read_losses, tmp_path_factory):
    """Records and last checkpoint of a training of 3 epochs of 3 batches."""
    work_dir = tmp_path_factory.mktemp('unbroken')
    assert run_training(small_config(work_dir)) == 0
    records = read_losses(work_dir)
    assert [r['iter'] for r in records] == list(range(9))
    return records, torch.load(work_dir / 'epoch_3.pth')


def assert_equal_end(work_dir, unbroken, name='epoch_3.pth'):
    found, expected = torch.load(work_dir / name), unbroken[1]
    for key, value in expected['state_dict'].items():
        assert torch.equal(found['state_dict'][key], value), key
    for key in ('best_score', 'iter', 'epoch_batches'):
        assert (found['message_hub']['runtime_info'][key] ==
                expected['message_hub']['runtime_info'][key])


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize('point, iteration', [('metrics', 4),
                                              slow('forward', 1),
                                              slow('step', 4),
                                              slow('epoch', 5),
                                              slow('evaluation', 7),
                                              slow('evaluated', 9)])
def test_a_killed_training_resumes_equal(unbroken, small_config, run_training,
                                         read_losses, tmp_path, point,
                                         iteration):
    cfg = small_config(tmp_path)
    kill = dict(type='KillAt', point=point, iteration=iteration)
    cfg.custom_hooks = hooks(cfg, kill)
    assert run_training(cfg) == KILLED
    assert run_training(small_config(tmp_path, resume=True)) == 0
    assert read_losses(tmp_path) == unbroken[0]
    assert_equal_end(tmp_path, unbroken)
    assert len(list(tmp_path.glob('best_*.pth'))) == 1


def test_within_an_epoch_with_workers_and_gradients_that_wait(
        small_config, run_training, read_losses, tmp_path):
    # checkpoints after each iteration, steps of the optimiser after every
    # second of the five of an epoch
    options = {
        'train_cfg.max_epochs': 2,
        'train_dataloader.batch_size': 1,
        'train_dataloader.dataset.indices': 5,
        'optim_wrapper.accumulative_counts': 2,
        'default_hooks.checkpoint.by_epoch': False,
        'default_hooks.checkpoint.max_keep_ckpts': 2,
        'default_hooks.checkpoint.save_best': None,
        'val_cfg': None,
    }
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    assert run_training(small_config(whole, **options)) == 0

    # one more process that loads, which changes no random number
    options.update({
        'train_dataloader.num_workers': 2,
        'train_dataloader.persistent_workers': True
    })
    for iteration in (2, 6):
        cfg = small_config(broken, resume=True, **options)
        cfg.custom_hooks = hooks(
            cfg, dict(type='KillAt', point='step', iteration=iteration))
        assert run_training(cfg) == KILLED
    assert (broken / 'last_checkpoint').read_text().endswith('iter_7.pth')
    cfg = small_config(broken, resume=True, **options)
    assert run_training(cfg) == 0
    records = read_losses(broken)
    assert len(records) == 10
    assert records == read_losses(whole)
    # each epoch is augmented anew
    assert len({tuple(r['pixels']) for r in records}) == 10
    found, expected = (
        torch.load(folder / 'iter_10.pth') for folder in (broken, whole))
    for key, value in expected['state_dict'].items():
        assert torch.equal(found['state_dict'][key], value), key


def test_the_order_stays_without_a_seed_in_the_config(small_config,
                                                      run_training,
                                                      read_losses, tmp_path):
    options = {
        'randomness': dict(_delete_=True, seed=None),
        'train_cfg.max_epochs': 2,
        'val_cfg': None,
        'default_hooks.checkpoint.save_best': None,
    }
    cfg = small_config(tmp_path, **options)
    cfg.custom_hooks = hooks(cfg,
                             dict(type='KillAt', point='step', iteration=4))
    assert run_training(cfg) == KILLED
    cfg = small_config(tmp_path, resume=True, **options)
    assert run_training(cfg) == 0
    # iterations 3 and 4 were done twice: the reader compares them
    assert len(read_losses(tmp_path)) == 6
