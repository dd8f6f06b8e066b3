"""The page."""
import re

import pytest

from mmpose_tdmi.utils.files import atomic_path
from projects.known_truth.gallery.gallery import PICTURES, Gallery


def test_the_page_shows_its_pictures_and_no_others(models, subject, tmp_path):
    old = tmp_path / PICTURES / 'old.jpg'
    with atomic_path(old) as temporary:
        temporary.write_bytes(b'')
    gallery = Gallery(tmp_path, {
        'single frame': models['single'],
        'TDMI': models['tdmi']
    }, 'TDMI')
    sections = [
        *gallery.features([subject]),
        gallery.predictions([subject]),
        gallery.real([subject])
    ]
    page = gallery.write(sections, ['About <this>.'])
    text = page.read_text()
    assert 'About &lt;this&gt;.' in text and 'a person' in text
    links = re.findall(r'src="([^"]+)"', text)
    assert len(links) == len(set(links)) == 6
    assert all(not link.startswith(('/', 'http')) for link in links)
    assert {tmp_path / link
            for link in links} == set((tmp_path / PICTURES).glob('*'))
    assert max((tmp_path / link).stat().st_size for link in links) < 150_000
    assert not old.exists()


def test_sections_without_figures_are_left_out(models, tmp_path):
    gallery = Gallery(tmp_path, {'TDMI': models['tdmi']}, 'TDMI')
    page = gallery.write([gallery.real([])], [])
    assert 'Real clips' not in page.read_text()


def test_features_need_a_tdmi_model(models, tmp_path):
    with pytest.raises(ValueError, match='TDMI model'):
        Gallery(tmp_path, {'single': models['single']}, 'single')
