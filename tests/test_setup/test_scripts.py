"""The set-up scripts' own behaviour, without setting anything up."""
import os
import shutil
import subprocess

import pytest


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
    assert 'no Python 3.9, 3.10 or 3.11 found' in done.stdout


def test_scripts_are_executable(repository):
    for name in ('scripts/setup.sh', 'scripts/demo.sh', 'scripts/test.sh',
                 '.ci/run'):
        assert os.access(repository / name, os.X_OK), name


def test_tested_versions_lie_within_the_ranges(repository):
    requirements = pytest.importorskip('packaging.requirements')

    def read(name):
        lines = (repository / name).read_text().splitlines()
        lines = [line.partition('#')[0].strip() for line in lines]
        found = [requirements.Requirement(line) for line in lines if line]
        return {r.name.lower(): r for r in found}

    pins = {
        **read('requirements/tested.txt'),
        **read('requirements/bootstrap.txt')
    }
    ranges = {
        **read('requirements.txt'),
        **read('requirements/mim.txt'),
        **read('requirements/tests.txt')
    }
    ranges.pop('mmcv')  # built by scripts/build_mmcv.py
    for name, wanted in ranges.items():
        version = str(pins[name].specifier)[len('=='):]
        assert wanted.specifier.contains(version), (name, version)
