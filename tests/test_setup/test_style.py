"""What ``make lint`` checks."""
import os
import re
import subprocess
import sys

import pytest

CHECKS = dict(
    flake8=(),
    isort=('--check-only', '--quiet'),
    yapf=('--recursive', '--parallel', '--diff'))


@pytest.mark.parametrize('tool', CHECKS)
def test_style(tool, repository):
    makefile = (repository / 'Makefile').read_text()
    folders = re.search(r'^STYLED = (.+)$', makefile, re.M).group(1).split()
    done = subprocess.run(
        [sys.executable, '-m', tool, *CHECKS[tool], *folders],
        cwd=repository,
        env=dict(os.environ, OMP_NUM_THREADS='1'),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True)
    assert done.returncode == 0 and not done.stdout, done.stdout
