"""The set-up scripts' own behaviour, without setting anything up."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))


@pytest.fixture
def clone(repository, tmp_path):
    """The files that the set-up reads, in a folder with a space."""
    root = tmp_path / 'a clone'
    for name in ('scripts', 'requirements'):
        shutil.copytree(repository / name, root / name)
    for name in ('requirements.txt', 'setup.py', 'mmpose_tdmi/version.py'):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(repository / name, root / name)
    return root


def setup(root, **variables):
    return subprocess.run(['bash', str(root / 'scripts' / 'setup.sh')],
                          text=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          env=dict(os.environ, **variables))


def test_unsuitable_python_is_refused(clone, tmp_path):
    old = tmp_path / 'python3.7'
    old.write_text('#!/bin/sh\nexit 1\n')
    old.chmod(0o755)
    done = setup(clone, PYTHON=str(old))
    assert done.returncode == 1
    assert f'PYTHON={old} is not a working Python' in done.stdout
    assert not (clone / '.venv').exists()


def test_no_python_is_a_clear_error(clone, tmp_path):
    tools = tmp_path / 'bin'
    tools.mkdir()
    for name in ('bash', 'cat', 'cksum', 'dirname', 'grep', 'mktemp', 'rm'):
        (tools / name).symlink_to(shutil.which(name))
    done = setup(clone, PATH=str(tools), PYTHON='')
    assert done.returncode == 1
    assert 'no Python 3.9 to 3.13 found' in done.stdout
    assert 'uv python install 3.13' in done.stdout


def fake_python(path, version, log):
    """Says that it has a version, and notes what it is asked to do."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{version} $*" >> {log}\n'
                    f'exec {sys.executable} -c "import sys; '
                    f'sys.version_info = {version}; $2"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize('found, chosen', [
    (['python3.14', 'python3.9', 'python3.12', 'python3.11'], 'python3.12'),
    (['python3.14', 'uv'], 'brought by uv'),
])
def test_the_newest_supported_python_is_taken(clone, tmp_path, found, chosen):
    """Also one that uv has brought, which need not be on the path."""
    tools, log = tmp_path / 'bin', tmp_path / 'log'
    tools.mkdir()
    for name in ('bash', 'cat', 'cksum', 'dirname', 'grep', 'ls', 'mktemp',
                 'rm', 'sh'):
        (tools / name).symlink_to(shutil.which(name))
    for name in found:
        minor = int(name[8:]) if name != 'uv' else 13
        fake_python(tools / name, (3, minor), log)
    if 'uv' in found:
        managed = fake_python(tmp_path / 'uv' / 'python3.13', (3, 13), log)
        (tools / 'uv').write_text(f'#!/bin/sh\necho {managed}\n')
        chosen = str(managed)
    done = setup(clone, PATH=str(tools), PYTHON='')
    assert f'{chosen} could not create a virtual environment' in done.stdout


def test_little_room_is_said_before_downloading(clone, tmp_path):
    tools = tmp_path / 'bin'
    tools.mkdir()
    (tools / 'df').write_text('#!/bin/sh\necho Filesystem\n'
                              'echo /dev/sda 90000000 0 5000000 9% /\n')
    (tools / 'df').chmod(0o755)
    python = clone / '.venv' / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    # pip and the compiler are there, torch is not
    python.write_text('#!/bin/sh\ncase "$*" in\n'
                      '    *"import torch"*) exit 1;;\n'
                      f'    -c*) exec {sys.executable} "$@";;\nesac\n')
    python.chmod(0o755)
    (clone / '.venv' / 'bin' / 'activate').write_text(f'{clone}/.venv\n')
    variables = dict(PATH=f'{tools}:{os.environ["PATH"]}', PYTHON='')
    done = setup(clone, **variables)
    assert done.returncode == 1
    assert '8 GB are needed in' in done.stdout
    assert '4 GB are free' in done.stdout
    assert 'TORCH_INDEX_URL=https://' in done.stdout


def test_scripts_are_executable(repository):
    for name in ('scripts/setup.sh', 'scripts/demo.sh', 'scripts/test.sh',
                 '.ci/run'):
        assert os.access(repository / name, os.X_OK), name


def test_tested_versions_lie_within_the_ranges(repository):
    requirements = pytest.importorskip('packaging.requirements')

    import build_mmcv
    import build_sources

    def read(name, **environment):
        lines = (repository / name).read_text().splitlines()
        lines = [line.partition('#')[0].strip() for line in lines]
        found = [requirements.Requirement(line) for line in lines if line]
        return {
            r.name.lower(): r
            for r in found
            if r.marker is None or r.marker.evaluate(environment)
        }

    ranges = {
        **read('requirements.txt'),
        **read('requirements/mim.txt'),
        **read('requirements/tests.txt')
    }
    # built by scripts/build_mmcv.py
    assert ranges.pop('mmcv').specifier.contains(build_mmcv.MMCV[1])
    for python in ('3.11', '3.13'):
        pins = {
            **read('requirements/tested.txt', python_version=python),
            **read('requirements/bootstrap.txt')
        }
        pinned = {
            name: str(pins[name].specifier)[len('=='):]
            for name in {*ranges, *build_sources.SOURCES}
        }
        for name, wanted in ranges.items():
            assert wanted.specifier.contains(pinned[name]), (name, pinned)
        for name, (version, _) in build_sources.SOURCES.items():
            assert version == pinned[name]
