"""The Runner's checkpoints load and resume with ``weights_only`` on."""
import argparse
import io
import pickle
import shutil

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.runner.checkpoint import load_checkpoint
from torch.utils.data import Dataset

import mmpose_tdmi  # noqa: F401  extends the allow-list
from mmpose_tdmi.apis.models import read_checkpoint
from mmpose_tdmi.models.heads import SingleFrameHeatmapLayer
from mmpose_tdmi.utils.checkpoints import allow_runner_checkpoints, load

HAS_SWITCH = tuple(map(int, torch.__version__.split('.')[:2])) >= (2, 6)


@pytest.fixture(autouse=True)
def allowed():
    """Whatever a host's loader has left of the list."""
    allow_runner_checkpoints()


class Points(Dataset):
    """Four points with the kind of metainfo that MMPose's datasets have."""

    metainfo = dict(
        dataset_name='points',
        sigmas=np.array([0.026, 0.1], dtype=np.float32),
        keypoint_colors=np.array([[0, 255, 0]], dtype=np.uint8),
        flip_indices=[1, 0],
        best=np.float64(0.5),
        upper_body_ids={0, 1})

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.full((1, ), float(index)))


class Line(BaseModel):

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode='tensor'):
        inputs = torch.stack(inputs)
        output = self.linear(inputs)
        if mode == 'loss':
            return dict(loss=(output - inputs).square().mean())
        return [output]


class Score(BaseMetric):

    def process(self, data_batch, data_samples):
        self.results.append(0.0)

    def compute_metrics(self, results):
        return dict(score=np.float64(1.0), count=np.int64(len(results)))


def make_runner(work_dir, epochs, **kwargs):
    loader = dict(
        batch_size=2,
        num_workers=0,
        dataset=Points(),
        sampler=dict(type='DefaultSampler', shuffle=False))
    return Runner(
        model=Line(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        val_dataloader=dict(loader),
        val_evaluator=[Score()],
        val_cfg=dict(),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.01)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=2),
            dict(type='MultiStepLR', milestones=[1, 2]),
        ],
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook', save_best='score', rule='greater')),
        custom_hooks=[dict(type='EMAHook')],
        default_scope='mmengine',
        experiment_name=f'{work_dir.name}_{epochs}_{len(kwargs)}',
        **kwargs)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('run')
    make_runner(work_dir, epochs=1).train()
    return work_dir


def test_checkpoint_loads(trained):
    checkpoint = load_checkpoint(Line(), str(trained / 'epoch_1.pth'))
    meta = checkpoint['meta']['dataset_meta']
    np.testing.assert_array_equal(meta['sigmas'], Points.metainfo['sigmas'])
    assert checkpoint['message_hub']['log_scalars']


def test_best_checkpoint_loads(trained):
    best, = trained.glob('best_score_*.pth')
    load_checkpoint(Line(), str(best))


def test_training_resumes(trained):
    runner = make_runner(trained, epochs=2, resume=True)
    runner.train()
    assert runner.epoch == 2
    assert (trained / 'epoch_2.pth').exists()
    # the history of the first epoch is still there
    history, _ = runner.message_hub.get_scalar('train/loss').data
    assert len(history) == 4


@pytest.mark.skipif(not HAS_SWITCH, reason='torch < 2.6 loads everything')
def test_the_safety_is_still_on(tmp_path):

    class Evil:

        def __reduce__(self):
            return print, ('ran', )

    torch.save(dict(meta=Evil()), tmp_path / 'evil.pth')
    with pytest.raises(pickle.UnpicklingError, match='[Ww]eights'):
        torch.load(tmp_path / 'evil.pth')


@pytest.mark.skipif(not HAS_SWITCH, reason='torch < 2.6 loads everything')
def test_no_attribute_but_the_statistics(tmp_path):

    class Evil:

        def __reduce__(self):
            return getattr, (HistoryBuffer, '__init__')

    torch.save(dict(meta=Evil()), tmp_path / 'evil.pth')
    with pytest.raises(pickle.UnpicklingError, match='__init__'):
        torch.load(tmp_path / 'evil.pth')


@pytest.mark.skipif(not HAS_SWITCH, reason='torch < 2.6 loads everything')
def test_objects_in_arrays_are_refused(tmp_path):
    torch.save(np.array([object()]), tmp_path / 'objects.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'objects.pth')


@pytest.mark.skipif(not HAS_SWITCH, reason='torch < 2.6 loads everything')
@pytest.mark.parametrize('value', [
    np.array([0, 1, 1]).astype(dtype)
    for dtype in ('?', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'f2', 'f4',
                  'f8', '<U3')
] + [np.float32(1.5), np.int64(3),
     np.bool_(True)])
def test_plain_numpy_survives(tmp_path, value):
    torch.save(value, tmp_path / 'value.pth')
    loaded = torch.load(tmp_path / 'value.pth')
    np.testing.assert_array_equal(loaded, value)
    assert loaded.dtype == value.dtype


# What is no checkpoint


def saved(content, legacy=False):
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


WEIGHTS = dict(
    state_dict={
        'linear.weight': torch.ones(1, 1),
        'linear.bias': torch.zeros(1),
        'more': torch.rand(5000)
    })
NEW, OLD = saved(WEIGHTS), saved(WEIGHTS, legacy=True)
KINDS = dict(
    pointer=(b'version https://git-lfs.github.com/spec/v1\n'
             b'oid sha256:4d7a\nsize 1\n', 'pointer of Git LFS.*git lfs pull'),
    page=(b'\n<!DOCTYPE html><html><head>', 'is a web page'),
    xml=(b'<?xml version="1.0"?><Error><Code>AccessDenied', 'is a web page'),
    json=(b'{"error": "not found"}', "a text, '{\"error\": \"not found\"}'"),
    text=('Zugriff verweigert f\u00fcr'.encode(), "a text, 'Zugriff"),
    empty=(b'', 'an empty file'),
    half=(NEW[:len(NEW) // 2], 'cut off'),
    tail=(NEW[:-30], 'cut off'),
    head=(NEW[:50], 'cut off'),
    old_half=(OLD[:len(OLD) // 2], 'cut off'),
    old_tail=(OLD[:-8], 'cut off'),
    old_head=(OLD[:100], 'cut off'),
    old_first=(OLD[:10], 'cut off'),
    zeros=(bytes(5000), 'damaged, or no checkpoint'),
    picture=(b'\x89PNG\r\n\x1a\n' + bytes(range(256)), 'damaged, or no'),
    unsafe=(saved(dict(meta=argparse.Namespace(a=1))),
            'more than tensors.*argparse.Namespace'),
    objects=(saved(dict(meta=np.array([object()]))), 'more than tensors'),
    list=(saved([torch.ones(1)]), '(holds a list|damaged, or no)'))


@pytest.fixture(params=KINDS)
def no_checkpoint(request, tmp_path):
    """A file and what it is."""
    content, message = KINDS[request.param]
    path = tmp_path / f'{request.param}.pth'
    path.write_bytes(content)
    return path, f'{path.name}: the checkpoint .*{message}'


@pytest.mark.skipif(not HAS_SWITCH, reason='torch < 2.6 loads everything')
@pytest.mark.parametrize(
    'read', [
        load, read_checkpoint, lambda path: SingleFrameHeatmapLayer(
            1, 1, checkpoint=str(path)).init_weights()
    ],
    ids=['load', 'apis', 'heatmap layer'])
def test_what_is_no_checkpoint_is_named(no_checkpoint, read):
    path, message = no_checkpoint
    with pytest.raises(ValueError, match=message) as caught:
        read(path)
    assert 'weights_only' not in str(caught.value)
    assert caught.value.__cause__ is None
    assert (caught.value.__context__ is None
            or caught.value.__suppress_context__)


@pytest.mark.parametrize('content', [NEW, OLD], ids=['new', 'old'])
def test_whole_files_load(tmp_path, content):
    path = tmp_path / 'whole.pth'
    path.write_bytes(content)
    for read in (load, read_checkpoint):
        weights = read(path)['state_dict']
        assert torch.equal(weights['more'], WEIGHTS['state_dict']['more'])


def hooked(work_dir, **kwargs):
    runner = make_runner(work_dir, epochs=2, **kwargs)
    runner.register_hook(dict(type='mmpose.ExactResumeHook'))
    return runner


@pytest.mark.skipif(not HAS_SWITCH, reason='torch < 2.6 loads everything')
@pytest.mark.parametrize('resume', [True, False])
def test_trainings_say_what_their_checkpoint_is(no_checkpoint, tmp_path,
                                                resume):
    path, message = no_checkpoint
    folder = tmp_path / f'{path.stem}_{resume}'
    runner = hooked(folder, resume=resume, load_from=str(path))
    with pytest.raises(ValueError, match=message):
        runner.train()


@pytest.mark.skipif(not HAS_SWITCH, reason='torch < 2.6 loads everything')
def test_pretrained_parts_say_what_their_checkpoint_is(no_checkpoint,
                                                       tmp_path):
    path, message = no_checkpoint
    runner = hooked(tmp_path / f'{path.stem}_pretrained')
    runner.model.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    with pytest.raises(ValueError, match=message):
        runner.train()


def test_a_work_folder_that_moved_resumes(trained, tmp_path, caplog):
    moved = tmp_path / 'moved'
    shutil.copytree(trained, moved)
    gone = '/nowhere/run/epoch_1.pth'
    (moved / 'last_checkpoint').write_text(gone)
    runner = hooked(moved, resume=True)
    runner.train()
    # it went on, and did not begin anew
    history, _ = runner.message_hub.get_scalar('train/loss').data
    assert runner.epoch == 2 and len(history) == 4
    log = ''.join(p.read_text() for p in moved.rglob('*.log'))
    assert f'{gone}, the last checkpoint, is not there' in log


def test_a_checkpoint_that_is_nowhere_stays_an_error(trained, tmp_path):
    moved = tmp_path / 'moved'
    moved.mkdir()
    (moved / 'last_checkpoint').write_text('/nowhere/run/epoch_7.pth')
    with pytest.raises(FileNotFoundError, match='epoch_7.pth'):
        hooked(moved, resume=True).train()
