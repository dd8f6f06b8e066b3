"""Tools that stand under MMPose's names."""
import os
import runpy
import subprocess
import sys

import pytest

from mmpose_tdmi import tooling
from mmpose_tdmi.tooling import cpu_amp_arguments, run_host_tool

OPTION = 'optim_wrapper.type=CpuAmpOptimWrapper'

ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS='1', PYTHON=sys.executable)


def _run(*command, **environment):
    return subprocess.run([str(part) for part in command],
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True,
                          env=dict(ENVIRONMENT, **environment))


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


def test_mixed_precision_is_named_after_the_host_chose_its_own():
    assert cpu_amp_arguments(['t', 'c.py']) == ['t', 'c.py']
    assert cpu_amp_arguments(['t', '--amp'
                              ]) == ['t', '--amp', '--cfg-options', OPTION]
    given = ['t', 'c.py', '--amp', '--cfg-options', 'a=1', 'b=2']
    assert cpu_amp_arguments(given) == [*given[:4], OPTION, *given[4:]]


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_an_accelerator_needs_no_help(device, monkeypatch):
    ran = []
    monkeypatch.setattr(tooling, 'get_device', lambda: device)
    monkeypatch.setattr(runpy, 'run_path',
                        lambda path, run_name: ran.append(path))
    monkeypatch.setattr(sys, 'argv', ['train.py', '--amp'])
    run_host_tool('train.py')
    assert (OPTION in sys.argv) == (device == 'cpu')
    assert ran[0].endswith(os.path.join('.mim', 'tools', 'train.py'))
    with pytest.raises(FileNotFoundError, match='without its tools.*none.py'):
        run_host_tool('none.py')
