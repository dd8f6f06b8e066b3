"""The site builds without a warning, and links lead somewhere."""
import os
import re
import subprocess
import sys

import pytest

from .conftest import PAGES, REPOSITORY


@pytest.mark.slow
def test_site_builds_without_warnings(tmp_path):
    done = subprocess.run([
        sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-d',
        str(tmp_path / 'doctrees'),
        str(REPOSITORY / 'docs'),
        str(tmp_path / 'site')
    ],
                          env=dict(os.environ, OMP_NUM_THREADS='1'),
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / 'site' / 'index.html').is_file()
    api = (tmp_path / 'site' / 'api' / 'models.html').read_text()
    assert 'TemporalDifferenceNeck' in api and 'num_blocks' in api


@pytest.mark.parametrize(
    'page', PAGES, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_links_and_files_exist(page):
    text = re.sub(
        r'^```.*?^```',
        '',
        page.read_text(encoding='utf-8'),
        flags=re.M | re.S)
    for target in re.findall(r'\]\(([^)#\s]+)[^)]*\)', text):
        if not re.match(r'[a-z]+:', target):
            assert (page.parent / target).exists(), target
    # files of this repository that are named in code spans
    for name in re.findall(
            r'`((?:tools|configs|docs|examples|scripts|'
            r'benchmarks|mmpose_tdmi|tests)/[\w./-]+\.\w+)`', text):
        assert (REPOSITORY / name).exists(), name
