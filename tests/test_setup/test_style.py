"""What ``make lint`` checks."""
import hashlib
import os
import re
import subprocess
import sys

import pytest
import yapf

CHECKS = dict(
    flake8=(),
    isort=('--check-only', '--quiet'),
    yapf=('--recursive', '--parallel', '--diff'))


def styled(repository):
    """What the Makefile's checks are run on."""
    makefile = (repository / 'Makefile').read_text()
    return re.search(r'^STYLED = (.+)$', makefile, re.M).group(1).split()


def check(tool, repository, names):
    done = subprocess.run([sys.executable, '-m', tool, *CHECKS[tool], *names],
                          cwd=repository,
                          env=dict(os.environ, OMP_NUM_THREADS='1'),
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode == 0 and not done.stdout, done.stdout


@pytest.mark.parametrize('tool', ['flake8', 'isort'])
def test_style(tool, repository):
    check(tool, repository, styled(repository))


def test_formatting(repository, pytestconfig):
    """By yapf, which takes a minute: files that it has seen are left out."""
    cache = getattr(pytestconfig, 'cache', None)
    seen = set(cache.get('formatted', ()) if cache else ())
    common = yapf.__version__ + (repository / 'setup.cfg').read_text()
    files = {}
    for name in styled(repository):
        path = repository / name
        for file in [path] if path.is_file() else path.rglob('*.py'):
            content = f'{common}{file}{file.read_text(encoding="utf-8")}'
            digest = hashlib.sha256(content.encode()).hexdigest()
            files[digest] = file
    new = sorted(str(files[digest]) for digest in set(files) - seen)
    if new:
        check('yapf', repository, new)
    if cache:
        cache.set('formatted', sorted(files))
