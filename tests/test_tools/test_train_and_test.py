"""Training, resuming and testing through the command-line tools."""
import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from projects.synthetic.generator import generate
from projects.synthetic.settings import ClipSettings

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'configs' / 'tdmi' / 'synthetic'
TDMI = CONFIGS / 'tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py'


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp('clips')
    settings = ClipSettings.preset(
        'easy', width=160, height=120, frames=5, label_margin=1)
    generate(root, settings, dict(train=3, val=2), seed=0)
    return root


def _options(clips, phases=('train', ), **more):
    """``--cfg-options`` for a short run on the generated clips."""
    options = {
        'train_dataloader.batch_size': 4,
        'train_dataloader.dataset.indices': 8,
        'default_hooks.logger.interval': 1,
        'model.init_cfg': 'None',
    }
    for phase in phases:
        options.update({
            f'{phase}_dataloader.dataset.data_root': f'{clips}/',
            f'{phase}_dataloader.num_workers': 0,
        })
        if phase != 'train':
            options[f'{phase}_evaluator.ann_file'] = (
                clips / 'annotations/synthetic_val.json')
    options.update(more)
    return ['--cfg-options', *(f'{k}={v}' for k, v in options.items())]


#: What a process does that runs a tool; text, for it cannot import this file.
WORK = """
import runpy, sys
import torch
from mmengine.config import config

torch.set_num_threads(1)
# as in this process: yapf takes most of a small training's time
config.FormatCode = lambda text, **kwargs: (text, True)
sys.argv = argv
runpy.run_path(path, run_name='__main__')
"""


def _run(tool, *arguments, processes=1):
    """Run a tool in processes of a server that has imported torch: copies of
    this one, with what other tests' threads hold, could wait for ever."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['mmpose_tdmi'])
    children = []
    for rank in range(processes):
        code = WORK
        if processes > 1:  # what torch.distributed.run sets
            variables = dict(
                RANK=str(rank),
                LOCAL_RANK=str(rank),
                WORLD_SIZE=str(processes),
                MASTER_ADDR='127.0.0.1',
                MASTER_PORT='29876')
            code = f'import os; os.environ.update({variables})\n{WORK}'
        names = dict(
            path=str(ROOT / 'tools' / tool),
            argv=[tool, *(str(argument) for argument in arguments)])
        children.append(context.Process(target=exec, args=(code, names)))
    for process in children:
        process.start()
    for process in children:
        process.join(240)
        process.kill()  # where it hangs
    assert [process.exitcode for process in children] == [0] * processes


def _losses(work_dir):
    """Loss by iteration, over all runs in a work folder."""
    losses = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            record = json.loads(line)
            if 'loss' in record:
                losses[record['step']] = record['loss']
    return losses


@pytest.fixture(scope='module')
def trained(clips, tmp_path_factory):
    """A work folder with two epochs, the second by a resumed run."""
    work_dir = tmp_path_factory.mktemp('tdmi')
    command = ('train.py', TDMI, '--work-dir', work_dir, '--no-validate')
    _run(*command, *_options(clips, **{'train_cfg.max_epochs': 1}))
    _run(*command, '--resume', *_options(clips, **{'train_cfg.max_epochs': 2}))
    return work_dir


def test_a_resumed_training_goes_on_where_it_was(trained):
    assert (trained / 'epoch_1.pth').exists()
    assert (trained / 'epoch_2.pth').exists()
    # two iterations an epoch, none of them twice
    assert sorted(_losses(trained)) == [1, 2, 3, 4]
    assert len(list(trained.glob('*/vis_data/scalars.json'))) == 2


def test_every_mutual_information_term_is_logged_and_they_add_up(trained):
    file = sorted(trained.glob('*/vis_data/scalars.json'))[0]
    record = json.loads(file.read_text().splitlines()[0])
    terms = {k: v for k, v in record.items() if k.startswith('loss_mi_')}
    assert len(terms) >= 4
    parts = sum(v for k, v in record.items() if k.startswith('loss_'))
    assert record['loss'] == pytest.approx(parts, rel=1e-4)


def test_testing_gives_the_figures_and_the_prediction_files(
        clips, trained, tmp_path):
    out = tmp_path / 'metrics.json'
    _run(
        'test.py', TDMI, trained / 'epoch_2.pth', '--work-dir', tmp_path,
        '--out', out,
        *_options(clips, ('test', ),
                  **{'test_evaluator.out_dir': tmp_path / 'pred'}))
    metrics = json.loads(out.read_text())
    assert 0 <= metrics['posetrack/mAP'] <= 100
    # one official json a video, with a pose for every annotated person
    official = sorted((clips / 'annotations' / 'val').glob('*.json'))
    written = sorted((tmp_path / 'pred').glob('*.json'))
    assert [f.name for f in written] == [f.name for f in official]
    for truth, prediction in zip(official, written):
        count = [
            len(json.loads(f.read_text())['annotations'])
            for f in (truth, prediction)
        ]
        assert count[0] == count[1] > 0


def test_two_processes_train_together(clips, tmp_path):
    _run(
        'train.py',
        TDMI,
        '--work-dir',
        tmp_path,
        '--launcher',
        'pytorch',
        *_options(
            clips, ('train', 'val'), **{
                'train_cfg.max_epochs': 1,
                'train_cfg.val_interval': 1,
                'train_dataloader.batch_size': 2
            }),
        processes=2)
    # 8 samples, two processes with two each: two iterations
    assert sorted(_losses(tmp_path)) == [1, 2]
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert 'PoseTrack, joint scores' in log


def test_mixed_precision_trains_without_an_accelerator(clips, tmp_path):
    _run(
        'train.py', TDMI, '--amp', '--work-dir', tmp_path, '--no-validate',
        *_options(
            clips, **{
                'train_cfg.max_epochs': 1,
                'train_dataloader.dataset.indices': 4,
            }))
    assert all(np.isfinite(loss) for loss in _losses(tmp_path).values())
    assert 'CpuAmpOptimWrapper' in next(tmp_path.glob('*/*.log')).read_text()


def test_the_learning_rate_is_scaled_to_the_batch(clips, tmp_path):
    rate = 0.004
    _run(
        'train.py', TDMI, '--auto-scale-lr', '--work-dir', tmp_path,
        '--no-validate',
        *_options(
            clips, **{
                'train_cfg.max_epochs': 1,
                'train_dataloader.dataset.indices': 4,
                'optim_wrapper.optimizer.lr': rate,
                'optim_wrapper.paramwise_cfg': 'None',
                'param_scheduler': 'None',
            }))
    # batches of 4 where the rate is for 16
    file, = tmp_path.glob('*/vis_data/scalars.json')
    record = json.loads(file.read_text().splitlines()[0])
    assert record['lr'] == pytest.approx(rate / 4)
