"""A built wheel holds the product, mim finds it, and it works alone."""
import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import mmpose
import pytest
import torch

from projects.synthetic.generator import generate
from projects.synthetic.settings import ClipSettings

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


def test_wheel_holds_the_data_of_the_package(wheel, source):
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {
        p.relative_to(source).as_posix()
        for p in (source / 'mmpose_tdmi').rglob('*')
        if p.suffix in ('.json', '.yaml', '.html', '.css',
                        '.js') and '.mim' not in p.parts
    }
    assert len(data) > 5 and data <= names


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


def imported(path):
    """The packages that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split('.')[0]


def test_nothing_of_the_wheel_imports_a_project(source):
    assert [
        str(path) for folder in ('mmpose_tdmi', 'tools', 'configs')
        for path in (source / folder).rglob('*.py')
        if {'projects', 'tests'} & set(imported(path))
    ] == []


def run_tools(folder, target, *options, **env):
    """Run the installed tools on a generated clip; checks the poses."""
    settings = ClipSettings.preset(
        'easy', width=160, height=120, frames=5, label_margin=1)
    generate(folder / 'clips', settings, dict(train=1, val=1), seed=0)
    script = Path(__file__).with_name('run_installed_tools.py')
    print(
        run(sys.executable,
            '-W',
            'ignore',
            *options,
            script,
            target,
            env=dict(os.environ, **env),
            cwd=folder))
    assert (folder / 'work' / 'epoch_1.pth').is_file()
    boxes = json.loads((folder / 'boxes.json').read_text())
    frames = json.loads((folder / 'out' / 'poses.json').read_text())['frames']
    assert len(frames) == 5
    assert sum(len(frame['persons']) for frame in frames) == len(boxes) > 0


def test_the_tools_run_from_the_wheel(installed, tmp_path):
    """Each tool says how it is used, and the main ones work."""
    env, target = installed
    run_tools(tmp_path, target, PYTHONPATH=env['PYTHONPATH'])
    boxes = json.loads((tmp_path / 'detected.json').read_text())
    assert {box['image_id'] for box in boxes} == set(range(5))


def test_without_mmdetection(installed, tmp_path):
    """Training, and poses in given boxes: MMPose alone asks for it."""
    site, rtmo = tmp_path / 'site', 'models/heads/hybrid_heads/rtmo_head.py'
    site.mkdir()
    for path in Path(torch.__file__).parents[1].iterdir():
        if not path.name.startswith(('mmdet', 'mmpose', '__pycache__')):
            (site / path.name).symlink_to(path)
    host = Path(mmpose.__file__).parent
    shutil.copytree(
        host, site / 'mmpose', ignore=shutil.ignore_patterns('__pycache__'))
    for path in host.parent.glob('mmpose-*.dist-info'):
        (site / path.name).symlink_to(path)
    text = (host / rtmo).read_text()
    env, target = installed
    path = os.pathsep.join([env['PYTHONPATH'], str(site)])
    done = subprocess.run([sys.executable, '-S', '-c', 'import mmpose_tdmi'],
                          env=dict(os.environ, PYTHONPATH=path),
                          cwd=tmp_path,
                          stderr=subprocess.PIPE,
                          text=True)
    assert 'mmdet is not installed: the installed mmpose imports it' in \
        done.stderr
    # as it would be if RTMO were optional
    (site / 'mmpose' / rtmo).write_text(
        text.replace('from mmdet.utils import ConfigType, reduce_mean',
                     'ConfigType = reduce_mean = dict'))
    run_tools(tmp_path, target, '-S', PYTHONPATH=path)


def test_mim_runs_what_is_installed(installed, tmp_path, needs_mim):
    env, target = installed
    # mim keeps --help to itself, so the tool is run without its arguments
    code = ('from mim.utils import get_installed_path; '
            "print(get_installed_path('mmpose_tdmi'), flush=True); "
            'from mim.cli import cli; cli()')
    done = subprocess.run([
        sys.executable, '-W', 'ignore', '-c', code, 'run', 'mmpose_tdmi',
        'train'
    ],
                          env=env,
                          cwd=tmp_path,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True)
    package = target / 'mmpose_tdmi'
    assert f'{package}\n' in done.stdout
    script = package / '.mim' / 'tools' / 'train.py'
    assert f'Use the script {script}' in done.stdout
    assert 'usage: train.py' in done.stdout
