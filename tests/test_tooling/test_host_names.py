"""Tools that stand under MMPose's names: the shell scripts and wrappers."""
import json
import os
import runpy
import subprocess
import sys

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import save_checkpoint

ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS='1', PYTHON=sys.executable)


def _run(*command, **environment):
    return subprocess.run([str(part) for part in command],
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True,
                          env=dict(ENVIRONMENT, **environment))


def test_print_config_is_the_hosts(repository, tiny_config, monkeypatch,
                                   capsys):
    tool = repository / 'tools/analysis_tools/print_config.py'
    monkeypatch.setattr(
        sys, 'argv',
        [str(tool),
         str(tiny_config), '--options', 'model.neck.num_blocks=9'])
    runpy.run_path(str(tool), run_name='__main__')
    printed = capsys.readouterr().out
    assert 'TemporalDifferenceNeck' in printed and 'num_blocks=9' in printed


@pytest.fixture(scope='module')
def detector(repository, tmp_path_factory):
    """The small detector, untrained: config and checkpoint."""
    from mmdet.registry import MODELS
    config = Config.fromfile(
        str(repository / 'configs/detection/rtmdet_r18_synthetic.py'))
    config.model.test_cfg.update(score_thr=0., max_per_img=3)
    init_default_scope('mmdet')
    model = MODELS.build(config.model)
    init_default_scope('mmpose')
    folder = tmp_path_factory.mktemp('detector')
    config.dump(folder / 'det.py')
    save_checkpoint(
        dict(
            state_dict=model.state_dict(),
            meta=dict(dataset_meta=dict(classes=('person', )))),
        str(folder / 'det.pth'))
    return folder / 'det.py', folder / 'det.pth'


def test_generate_bbox_file_covers_the_test_set(tiny_config, tiny_clips,
                                                detector, tmp_path, run_main):
    out = tmp_path / 'boxes.json'
    run_main('misc/generate_bbox_file.py', *detector, out, '--pose-config',
             tiny_config, '--score-thr', 0, '--device', 'cpu')
    images = json.loads(
        (tiny_clips / 'annotations/synthetic_val.json').read_text())['images']
    boxes = json.loads(out.read_text())
    assert {b['image_id'] for b in boxes} == {i['id'] for i in images}
    assert set(boxes[0]) >= {'image_id', 'bbox', 'score', 'category_id'}
    with pytest.raises(SystemExit, match='train_dataloader.* no ann_file'):
        config = Config.fromfile(str(tiny_config))
        config.train_dataloader = None
        config.dump(tmp_path / 'none.py')
        run_main('misc/generate_bbox_file.py', *detector, out, '--pose-config',
                 tmp_path / 'none.py', '--phase', 'train')


@pytest.fixture
def stand_in(tmp_path):
    """A program that prints the words that it is given, a line each."""
    program = tmp_path / 'bin' / 'srun'
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.slow
def test_two_processes_test_by_dist_test(repository, tiny_config,
                                         tiny_training, tmp_path):
    done = _run(
        repository / 'tools/dist_test.sh',
        tiny_config,
        tiny_training / 'epoch_2.pth',
        2,
        '--work-dir',
        tmp_path,
        PORT='29818')
    assert done.returncode == 0, done.stdout[-2000:]
    assert 'posetrack/mAP' in done.stdout


def test_dist_train_starts_what_trains_by_hand(repository, stand_in):
    """The command that test_train_and_test.py trains two processes by."""
    done = _run(
        repository / 'tools/dist_train.sh',
        'my config.py',
        2,
        '--cfg-options',
        'a=b c',
        PYTHON=str(stand_in),
        PORT='29817')
    assert done.returncode == 0, done.stdout
    words = done.stdout.splitlines()
    assert words[:2] == ['-m', 'torch.distributed.run']
    assert '--nproc_per_node=2' in words and '--master_port=29817' in words
    place = words.index(str(repository / 'tools/train.py'))
    assert words[place + 1:] == [
        'my config.py', '--launcher', 'pytorch', '--cfg-options', 'a=b c'
    ]


@pytest.mark.parametrize('name, last', [('slurm_train.sh', 'WORK'),
                                        ('slurm_test.sh', 'X.pth')])
def test_slurm_scripts_ask_for_what_they_are_given(repository, stand_in, name,
                                                   last):
    script = repository / 'tools' / name
    done = _run(
        script,
        'gpu',
        'a job',
        'my config.py',
        last,
        '--cfg-options',
        'a=b c',
        PATH=f'{stand_in.parent}:{os.environ["PATH"]}',
        GPUS='4',
        SRUN_ARGS='--exclusive --time=1:00')
    assert done.returncode == 0, done.stdout
    words = done.stdout.splitlines()
    # spaces stay within their words
    for word in ('--partition=gpu', '--job-name=a job', '--ntasks=4',
                 '--gres=gpu:4', '--ntasks-per-node=4', '--exclusive',
                 '--time=1:00', 'my config.py', 'a=b c', last):
        assert word in words
    tool, = [
        word for word in words if word.endswith('.py') and '/tools/' in word
    ]
    assert os.path.isfile(tool)
    assert words[words.index('--launcher') + 1] == 'slurm'


@pytest.mark.parametrize(
    'name',
    ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh'])
def test_shell_scripts_say_how_they_are_used(repository, name):
    done = _run(repository / 'tools' / name)
    assert done.returncode == 2 and 'usage' in done.stdout
