"""A process killed while it saves always leaves a checkpoint that works."""
import gc
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.fileio import LocalBackend
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.engine import AtomicCheckpointHook, AtomicLocalBackend
from mmpose_tdmi.engine.hooks import safeguards
from mmpose_tdmi.utils.checkpoints import read_checkpoint


class Numbers(Dataset):
    METAINFO = metainfo = {}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.full((2, ), float(index))


class Line(BaseModel):

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, inputs, mode='tensor'):
        out = self.layer(torch.stack(list(inputs)))
        return dict(loss=out.square().mean()) if mode == 'loss' else [out]

    def _run_forward(self, data, mode):
        return self(data, mode=mode)


class Rising(BaseMetric):
    """Better after every epoch, so each is the best so far."""
    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        # two iterations an epoch; the host's count is one less before the
        # first iteration of a run than after one
        done = MessageHub.get_current_instance().get_info('iter') + 1
        return dict(AP=float(done // 2))


def toy_runner(work_dir, epochs=4, resume=False, **checkpoint):
    loader = dict(
        dataset=Numbers(),
        batch_size=2,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False))
    torch.manual_seed(0)
    return Runner(
        Line(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        val_cfg=dict(),
        val_evaluator=Evaluator(Rising()),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
        default_hooks=dict(
            checkpoint=dict(
                dict(
                    type='AtomicCheckpointHook',
                    interval=1,
                    max_keep_ckpts=1,
                    save_best='toy/AP',
                    rule='greater'), **checkpoint),
            exact_resume=dict(type='ExactResumeHook')),
        default_scope='mmpose',
        resume=resume,
        randomness=dict(seed=0),
        log_level='ERROR',
        experiment_name=f'{Path(work_dir).name}_{os.getpid()}')


def train_until(work_dir, sync):
    """Train in a child that is killed at its so many-th write to disk."""

    def child():
        count = [0]
        real = os.fsync

        def fsync(handle):
            count[0] += 1
            if count[0] == sync:
                os.kill(os.getpid(), signal.SIGKILL)
            real(handle)

        safeguards.os.fsync = fsync
        torch.set_num_threads(1)
        toy_runner(work_dir).train()

    gc.collect()  # in a copy, collecting frames of PyAV would wait for ever
    process = multiprocessing.get_context('fork').Process(target=child)
    process.start()
    process.join(120)
    code = process.exitcode
    process.kill()  # where it hangs
    return code


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('whole')
    toy_runner(work_dir).train()
    return work_dir


def names(folder):
    files = (p for p in folder.iterdir() if p.is_file())
    return {p.name for p in files if p.suffix != '.py'}  # the config


def test_all_are_kept_by_default(tmp_path):
    toy_runner(tmp_path, max_keep_ckpts=-1).train()
    assert len([n for n in names(tmp_path) if n.startswith('epoch_')]) == 4


# per epoch: checkpoint, last_checkpoint, best checkpoint, checkpoint again,
# last_checkpoint again; each file, then its folder
@pytest.mark.parametrize('sync', [
    n if n in (1, 4, 13, 18, 20) else pytest.param(n, marks=pytest.mark.slow)
    for n in range(1, 22)
])
def test_killed_while_saving(whole, tmp_path, sync):
    assert train_until(tmp_path, sync) == -signal.SIGKILL
    last = tmp_path / 'last_checkpoint'
    if last.exists():
        checkpoint = read_checkpoint(last.read_text())
        assert checkpoint['meta']['epoch'] >= 1
        best = checkpoint['message_hub']['runtime_info'].get('best_ckpt')
        assert best is None or read_checkpoint(best)
    else:
        assert sync <= 3
    toy_runner(tmp_path, resume=True).train()
    assert names(tmp_path) == names(whole) == {
        'epoch_4.pth', 'best_toy_AP_epoch_4.pth', 'last_checkpoint',
        'last_evaluation.json'
    }
    found, expected = (
        read_checkpoint(folder / 'epoch_4.pth')
        for folder in (tmp_path, whole))
    for key, value in expected['state_dict'].items():
        assert torch.equal(found['state_dict'][key], value)


def test_the_best_of_a_metric_is_kept(whole):
    best = read_checkpoint(whole / 'best_toy_AP_epoch_4.pth')
    assert best['message_hub']['runtime_info']['best_score'] == 4


def test_a_write_that_fails_changes_nothing(tmp_path, monkeypatch):
    backend = AtomicLocalBackend()
    backend.put(b'old', tmp_path / 'a.pth')

    def full(handle):
        raise OSError('no space left')

    monkeypatch.setattr(safeguards.os, 'fsync', full)
    with pytest.raises(OSError, match='no space'):
        backend.put(b'new', tmp_path / 'a.pth')
    assert (tmp_path / 'a.pth').read_bytes() == b'old'
    assert names(tmp_path) == {'a.pth', '.a.pth.partial'}
    # the next training in that folder cleans up
    monkeypatch.undo()
    toy_runner(tmp_path, epochs=1).train()
    assert 'a.pth' in names(tmp_path)
    assert not [n for n in names(tmp_path) if n.endswith('.partial')]


def test_removals_wait_for_success(tmp_path):
    backend = AtomicLocalBackend()
    backend.put_text('x', tmp_path / 'old')
    backend.put_text('x', tmp_path / 'rewritten')
    with pytest.raises(KeyError):
        with backend.removals_last():
            backend.remove(tmp_path / 'old')
            raise KeyError
    assert (tmp_path / 'old').exists()
    with backend.removals_last():
        backend.remove(tmp_path / 'old')
        backend.remove(tmp_path / 'rewritten')
        backend.put_text('y', tmp_path / 'rewritten')
        assert (tmp_path / 'old').exists()
    assert names(tmp_path) == {'rewritten'}


def test_other_storage_is_the_hosts(tmp_path):
    hook = AtomicCheckpointHook(backend_args=dict(backend='local'))
    runner = toy_runner(tmp_path)
    runner.train()
    hook.before_train(runner)
    assert type(hook.file_backend) is LocalBackend
    assert hook.backend_args == dict(backend='local')
