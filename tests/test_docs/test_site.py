"""The site builds without a warning, and links lead somewhere."""
import os
import re
import subprocess
import sys

import pytest

from .conftest import PAGES, REPOSITORY

#: Folders of this repository, whose files pages name in code spans.
FOLDERS = ('tools|configs|docs|scripts|projects|mmpose_tdmi|tests')


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
    api = (tmp_path / 'site' / 'api.html').read_text()
    assert 'TemporalDifferenceNeck' in api and 'num_blocks' in api
    # files beside the pages come with the site
    text = (tmp_path / 'site' / 'index.html').read_text()
    copied, = re.findall(r'href="(_downloads/\w+/known_truth\.md)"', text)
    assert (tmp_path / 'site' / copied).is_file()


def test_every_page_is_in_the_table_of_contents():
    index = (REPOSITORY / 'docs' / 'index.md').read_text(encoding='utf-8')
    listed = re.findall(r'^(\w+)$', index, re.M)
    pages = {p.stem for p in (REPOSITORY / 'docs').glob('*.md')}
    assert len(listed) == len(set(listed))
    assert set(listed) == pages - {'index'}


@pytest.mark.parametrize(
    'page', PAGES, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_links_and_files_exist(page):
    text = re.sub(
        r'^```.*?^```',
        '',
        page.read_text(encoding='utf-8'),
        flags=re.M | re.S)
    for target, place in re.findall(r'\]\(([^)#\s]*)(#[^)\s]*)?\)', text):
        if re.match(r'[a-z]+:', target):
            continue
        path = page.parent / target if target else page
        assert path.exists(), target
        if place and path.suffix == '.md':
            assert place[1:] in anchors(path), target + place
    # files of this repository that are named in code spans
    for name in re.findall(rf'`((?:{FOLDERS})/[\w./-]+\.\w+)`', text):
        assert (REPOSITORY / name).exists(), name


def anchors(page):
    """What a page's headings are called in links, as on GitHub."""
    text = page.read_text(encoding='utf-8')
    return {
        re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
        for heading in re.findall(r'^#+ (.+)$', text, re.M)
    }
