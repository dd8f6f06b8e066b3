"""A built wheel holds what mim looks for, and mim finds it."""
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

LEFT_OUT = shutil.ignore_patterns('.venv', '.git', '.mim', '__pycache__',
                                  '*.egg-info', 'build', 'dist', 'work_dirs',
                                  'data', 'demo_output', '.pytest_cache',
                                  '.hypothesis')


def run(*command, **kwargs):
    done = subprocess.run([str(part) for part in command],
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True,
                          **kwargs)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope='module')
def source(repository, tmp_path_factory):
    """A copy of the source tree, so that the build leaves no traces."""
    copy = tmp_path_factory.mktemp('source') / 'tree'
    shutil.copytree(repository, copy, ignore=LEFT_OUT)
    return copy


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    run(sys.executable, '-m', 'pip', 'wheel', '--no-deps',
        '--no-build-isolation', '-w', folder, source)
    wheels = list(folder.glob('mmpose_tdmi-*-py3-none-any.whl'))
    assert len(wheels) == 1
    return wheels[0]


@pytest.fixture(scope='module')
def installed(wheel, tmp_path_factory):
    """Environment variables with which the installed wheel comes first."""
    target = tmp_path_factory.mktemp('site')
    run(sys.executable, '-m', 'pip', 'install', '--no-deps', '--target',
        target, wheel)
    return dict(os.environ, PYTHONPATH=str(target)), target


def test_wheel_holds_tools_configs_and_index(wheel, source):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert 'mmpose_tdmi/.mim/model-index.yml' in names
    for folder in ('tools', 'configs'):
        for path in filter(Path.is_file, (source / folder).rglob('*')):
            relative = path.relative_to(source).as_posix()
            assert f'mmpose_tdmi/.mim/{relative}' in names


def test_wheel_holds_every_module_and_nothing_else(wheel, source):
    names = zipfile.ZipFile(wheel).namelist()
    modules = {
        p.relative_to(source).as_posix()
        for p in (source / 'mmpose_tdmi').rglob('*.py')
    }
    packed = {n for n in names if n.endswith('.py') and '/.mim/' not in n}
    assert packed == modules
    roots = {n.split('/')[0] for n in names}
    assert {r for r in roots if not r.endswith('.dist-info')} == \
        {'mmpose_tdmi'}
    assert not [n for n in names if '__pycache__' in n]


def test_sdist_builds_the_same_wheel(source, wheel, tmp_path):
    run(sys.executable, 'setup.py', '-q', 'sdist', '-d', tmp_path, cwd=source)
    sdist, = tmp_path.glob('*.tar.gz')
    run(sys.executable, '-m', 'pip', 'wheel', '--no-deps',
        '--no-build-isolation', '-w', tmp_path, sdist)
    again, = tmp_path.glob('*.whl')
    assert sorted(zipfile.ZipFile(again).namelist()) == \
        sorted(zipfile.ZipFile(wheel).namelist())


def test_mim_finds_the_installed_tools_and_configs(installed, tmp_path,
                                                   needs_mim):
    env, target = installed
    code = ('from mim.utils import get_installed_path; '
            "print(get_installed_path('mmpose_tdmi'))")
    found = run(
        sys.executable, '-W', 'ignore', '-c', code, env=env,
        cwd=tmp_path).split()[-1]
    assert found == str(target / 'mmpose_tdmi')


def test_mim_runs_an_installed_tool(installed, tmp_path, needs_mim):
    env, target = installed
    # mim keeps --help to itself, so the tool is run without its arguments.
    done = subprocess.run([
        sys.executable, '-W', 'ignore', '-c', 'from mim.cli import cli; cli()',
        'run', 'mmpose_tdmi', 'train'
    ],
                          env=env,
                          cwd=tmp_path,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True)
    script = target / 'mmpose_tdmi' / '.mim' / 'tools' / 'train.py'
    assert f'Use the script {script}' in done.stdout
    assert 'usage: train.py' in done.stdout
