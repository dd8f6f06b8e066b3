"""The report page holds everything itself and escapes what it shows."""
import base64
import re

import cv2
import numpy as np
import pytest

from projects.demo.page import Section, write_page


def test_the_page_carries_its_pictures_and_escapes_text(tmp_path):
    picture = tmp_path / 'a.png'
    cv2.imwrite(str(picture), np.full((4, 6, 3), 200, np.uint8))
    page = tmp_path / 'page.html'
    write_page(page, 'A <title>', ['first & second'], [
        Section('S', ['<script>alert(1)</script>'],
                [['model', 'AP'], ['TDMI <b>', '71.5']], [picture])
    ])
    html = page.read_text()
    assert '<script>' not in html and '&lt;script&gt;' in html
    assert 'A &lt;title&gt;' in html and 'TDMI &lt;b&gt;' in html
    assert '<td>71.5</td>' in html
    # nothing is fetched from elsewhere
    sources = re.findall(r'src="([^"]+)"', html)
    assert len(sources) == 1
    kind, _, content = sources[0].partition(';base64,')
    assert kind == 'data:image/png'
    assert base64.b64decode(content) == picture.read_bytes()


def test_a_missing_picture_leaves_the_old_page(tmp_path):
    page = tmp_path / 'page.html'
    page.write_text('old')
    with pytest.raises(FileNotFoundError):
        write_page(page, 'T', [], [Section('S', media=[tmp_path / 'no.png'])])
    assert page.read_text() == 'old'
