"""What ``make types`` checks."""
import configparser
import importlib.util
import os
import subprocess
import sys

import pytest

#: Where users' calls begin; the drawing of generated clips, benchmarks and
#: figures are programs of the repository.
PUBLIC = ('structures', 'datasets', 'models', 'engine', 'evaluation',
          'tooling', 'utils')


def run_mypy(folder, *arguments):
    return subprocess.run([sys.executable, '-m', 'mypy', *arguments],
                          cwd=folder,
                          env=dict(os.environ, OMP_NUM_THREADS='1'),
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True)


@pytest.mark.slow
def test_type_hints_of_the_public_packages(repository, tmp_path):
    done = run_mypy(repository, '--cache-dir', str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert 'Success: no issues found in' in done.stdout


def test_what_is_checked_is_there(repository):
    settings = configparser.ConfigParser()
    settings.read(repository / 'setup.cfg')
    checked = {
        name.strip()
        for name in settings['mypy']['packages'].split(',')
    }
    assert {f'mmpose_tdmi.{name}' for name in PUBLIC} <= checked
    for name in checked:
        assert importlib.util.find_spec(name) is not None, name


def test_a_wrong_call_is_found(repository, tmp_path):
    """The settings are lenient, but not blind."""
    (tmp_path / 'wrong.py').write_text(
        'from typing import Sequence\n\n\n'
        'def total(values: Sequence[float]) -> float:\n'
        '    return sum(values)\n\n\n'
        "result: str = total([1.0])\n"
        "total('a', 2)\n")
    done = run_mypy(tmp_path, '--config-file', str(repository / 'setup.cfg'),
                    '--cache-dir', str(tmp_path / 'cache'), 'wrong.py')
    assert done.returncode == 1
    assert '[assignment]' in done.stdout and '[call-arg]' in done.stdout
