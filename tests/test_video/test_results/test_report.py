"""The page to look at results with."""
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose_tdmi.video import FramePoses
from mmpose_tdmi.video.results import (OutputSettings, open_writers, report,
                                       write_report)
from mmpose_tdmi.video.results.exports import frame_record
from mmpose_tdmi.visualization.drawers import ID_COLOURS

#: Would end the script, start a tag, or break the json, if not escaped.
NASTY = '<b>"x"& <!-- <script> alert(1)\u2028 ]]>'


@pytest.fixture
def make_page(tmp_path, make_meta, poses_of):
    """``make_page(num_frames=12, **meta)`` returns the page's path."""

    def make(num_frames: int = 12, **changes) -> Path:
        settings = OutputSettings(vis_out_dir=tmp_path / 'out', report=True)
        meta = make_meta(**{'name': 'walk', **changes})
        with open_writers(meta, settings) as writer:
            for index in range(num_frames):
                writer.write(poses_of(index))
        return tmp_path / 'out' / f'{meta.name}.html'

    return make


class _Page(HTMLParser):
    """The elements of a page and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self.scripts, self.title = [], [], ''
        self._inside = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._inside = tag
        if tag == 'script':
            self.scripts.append('')

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside == 'script':
            self.scripts[-1] += data
        elif self._inside == 'title':
            self.title += data

    def all(self, tag):
        return [found for name, found in self.elements if name == tag]


def read(path: Path) -> _Page:
    return _Page(path.read_text(encoding='utf-8'))


def test_the_page_holds_video_and_poses(make_page, poses_of, fps):
    page = read(make_page())
    video, = page.all('video')
    assert video['src'].startswith('data:video/mp4;base64,AAAA')
    data = json.loads(page.scripts[0])
    assert data['index'] == list(range(12)) and data['step'] == 1
    np.testing.assert_allclose(
        data['times'], [float(i / fps) for i in range(12)], atol=1e-5)
    # id, first, last, number of frames; frame 6 has nobody
    assert data['tracks'] == [[3, 0, 11, 11], [4, 0, 11, 11]]
    assert data['frames'][6] == []
    pose, person = poses_of(4).persons[1], data['frames'][4][1]
    assert person[0] == 4 and person[6] == 'detected'
    np.testing.assert_allclose(
        np.array(person[7:]).reshape(17, 3)[:, :2], pose.keypoints, atol=.051)


def test_nothing_comes_from_elsewhere(make_page):
    path = make_page()
    page = read(path)
    assert not page.all('link') and not page.all('img')
    assert all('src' not in found for found in page.all('script'))
    policy = next(found['content'] for found in page.all('meta')
                  if 'content' in found and 'default-src' in found['content'])
    assert "default-src 'none'" in policy and 'http' not in policy
    assert 'unsafe' not in policy
    text = re.sub(r'data:video/mp4;base64,[^"]*', '',
                  path.read_text(encoding='utf-8'))
    assert 'http://' not in text and 'https://' not in text


def test_everything_is_escaped(make_page):
    name = NASTY
    path = make_page(
        name=name, config=f'{NASTY}/</script>.py', boxes={NASTY: '</script>'})
    page = read(path)
    assert page.title == name
    assert len(page.scripts) == 2 and not page.all('b')
    data = json.loads(page.scripts[0])
    assert data['meta']['name'] == name
    assert data['meta']['boxes'] == {NASTY: '</script>'}
    assert '<' not in page.scripts[0] and '\u2028' not in page.scripts[0]


def test_a_large_video_lies_beside_the_page(make_page, monkeypatch, tmp_path):
    monkeypatch.setattr(report.ReportWriter.__init__, '__defaults__', (100, ))
    path = make_page(name='a b#1?')
    assert read(path).all('video')[0]['src'] == 'a%20b%231%3F.report.mp4'
    assert (tmp_path / 'out/a b#1?.report.mp4').stat().st_size > 100


def test_long_videos_are_thinned(make_meta, poses_of):
    records = [frame_record(poses_of(i % 5)) for i in range(10)]
    for index, record in enumerate(records):
        record.update(frame=index, timestamp=None)
    meta = make_meta()
    seen = report.look_over(lambda: iter(records), meta.fps)
    assert seen['num_persons'] == 20
    text = ''.join(
        report.page_data(
            meta.as_json(), seen, lambda: iter(records), .3, max_persons=7))
    data = json.loads(text)
    assert data['step'] == 3
    assert [f is not None for f in data['frames']] == \
        [i % 3 == 0 for i in range(10)]
    assert len(data['times']) == 10 and data['tracks'][0] == [3, 0, 9, 10]


def test_a_page_of_finished_results(tmp_path, make_meta, poses_of):
    settings = OutputSettings(tmp_path / 'p', tmp_path / 'v')
    with open_writers(make_meta(), settings) as writer:
        for index in range(5):
            writer.write(poses_of(index))
    out = tmp_path / 'walk.html'
    write_report(tmp_path / 'p/walk.json', tmp_path / 'v/walk.mp4', out)
    assert read(out).all('video')[0]['src'].startswith('data:video/mp4')
    write_report(
        tmp_path / 'p/walk.json', tmp_path / 'v/walk.mp4', out, embed_limit=9)
    assert read(out).all('video')[0]['src'] == 'v/walk.mp4'
    write_report(tmp_path / 'p/walk.json', None, out)
    assert not read(out).all('video')


def test_all_parts_are_in_the_package():
    folder = Path(report.__file__).parent / 'page'
    assert {path.name
            for path in folder.iterdir()} == {
                'page.html', 'page.css', 'state.js', 'stage.js', 'player.js',
                'timeline.js', 'chart.js', 'main.js'
            }


@pytest.fixture(scope='module')
def browse(tmp_path_factory):
    """``browse(url, *arguments)`` opens a page in headless Chromium."""
    found = [
        path for path in map(shutil.which, ('chromium', 'chromium-browser',
                                            'google-chrome', 'chrome')) if path
    ]
    if not found:
        pytest.skip('needs Chromium, as the program chromium or google-chrome')
    profile = tmp_path_factory.mktemp('profile')

    def run(url: str, *arguments: str) -> str:
        process = subprocess.run([
            found[0], '--headless', '--no-sandbox', '--disable-gpu',
            f'--user-data-dir={profile}', '--window-size=1200,1000',
            '--virtual-time-budget=4000', *arguments, url
        ],
                                 env=dict(
                                     os.environ,
                                     DBUS_SESSION_BUS_ADDRESS='disabled:'),
                                 capture_output=True,
                                 text=True,
                                 timeout=120)
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


def text_of(dom: str, element: str) -> str:
    return re.search(rf'id="{element}"[^>]*>([^<]*)<', dom).group(1)


def test_in_a_browser(make_page, browse):
    path = make_page(name=NASTY)
    dom = browse(path.as_uri() + '#frame=4&track=4&joint=left_wrist',
                 '--dump-dom')
    assert 'data-ready="true"' in dom  # the script ran to its end
    assert 'id="alert" class="alert" hidden' in dom  # and the video plays
    assert text_of(dom, 'clock') == 'frame 4 · 0:00.13 · 5 of 12 · 2 people'
    assert re.search(
        r'<tr class="chosen ?">.*?</span>4</td><td>11</td>'
        '<td>0</td><td>11</td>', dom)
    assert text_of(dom, 'chart-values').startswith('x ')
    assert 'alert(1)' not in re.sub(
        r'<script.*?</script>|<h1>.*?</h1>|'
        r'<title>.*?</title>|<pre>.*?</pre>',
        '',
        dom,
        flags=re.S)


def test_what_the_browser_draws(make_page, browse, tmp_path):
    """The pixels on the page: the video's, and the track's colour."""
    path = make_page()
    shot = tmp_path / 'shot.png'
    browse(path.as_uri() + '#frame=8&track=3', f'--screenshot={shot}')
    image = cv2.imread(str(shot))
    assert image.shape[:2] == (1000, 1200)
    colour = np.array(ID_COLOURS[3][::-1])
    near = (np.abs(image.astype(int) - colour).max(axis=2) < 12)
    # box, label, row of the timeline and swatch
    assert near.sum() > 2000
    # the video's frame 8 is of one grey, 30 + 4 * 8
    grey = (np.abs(image.astype(int) - 62).max(axis=2) < 6)
    assert grey.sum() > 50_000


def test_a_page_without_video_in_a_browser(tmp_path, make_meta, poses_of,
                                           image_of, browse):
    settings = OutputSettings(tmp_path / 'p')
    with open_writers(make_meta(), settings) as writer:
        for index in range(5):
            writer.write(poses_of(index))
        writer.write(FramePoses(9, image=image_of(9)))
    page = tmp_path / 'walk.html'
    write_report(tmp_path / 'p/walk.json', None, page)
    dom = browse(page.as_uri() + '#frame=9', '--dump-dom')
    assert 'data-ready="true"' in dom
    assert text_of(dom, 'clock').startswith('frame 9 · ')
    assert text_of(dom, 'clock').endswith('6 of 6 · 0 people')
