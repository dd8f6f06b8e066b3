"""Pieces of videos as animated GIFs."""
import os
import runpy
import sys

import numpy as np
import pytest
from PIL import Image

from mmpose_tdmi.utils.video import VideoWriter
from mmpose_tdmi.visualization.gif import video_to_gif


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """12 frames at 25 a second, each of one grey, with a red corner."""
    path = tmp_path_factory.mktemp('video') / 'a.mp4'
    with VideoWriter(path, 25, crf=0) as writer:
        for index in range(12):
            frame = np.full((48, 64, 3), 20 * index, np.uint8)
            frame[:16, :16] = 0, 0, 255
            writer.write(frame)
    return path


def frames_of(path):
    """The frames, (N, H, W, 3), RGB, and the milliseconds of each."""
    with Image.open(path) as image:
        assert image.info['loop'] == 0
        frames, times = [], []
        for number in range(image.n_frames):
            image.seek(number)
            frames.append(np.asarray(image.convert('RGB')))
            times.append(image.info['duration'])
    return np.array(frames), times


def test_all_frames(video, tmp_path):
    assert video_to_gif(video, tmp_path / 'a.gif') == (12, (64, 48))
    frames, times = frames_of(tmp_path / 'a.gif')
    assert frames.shape == (12, 48, 64, 3) and times == [40] * 12
    greys = frames[:, 40:, 40:].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(greys, 20 * np.arange(12), atol=6)
    red, green, blue = frames[:, 4:8, 4:8].mean(axis=(0, 1, 2))
    assert red > 200 and green < 50 and blue < 50


def test_a_piece(video, tmp_path):
    """Fewer frames are shown for longer: the speed stays."""
    found = video_to_gif(video, tmp_path / 'a.gif', 32, 3, 1, 11)
    assert found == (4, (32, 24))
    frames, times = frames_of(tmp_path / 'a.gif')
    assert times == [120] * 4
    greys = frames[:, 20:, 20:].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(greys, [20, 80, 140, 200], atol=6)


def test_few_colours(video, tmp_path):
    video_to_gif(video, tmp_path / 'a.gif', colours=4)
    frames, _ = frames_of(tmp_path / 'a.gif')
    assert len(np.unique(frames.reshape(-1, 3), axis=0)) <= 4


@pytest.mark.parametrize('options, message', [
    (dict(width=0), 'width must be at least 1, got 0'),
    (dict(every=0), 'every must be at least 1'),
    (dict(start=-1), 'start must be at least 0'),
    (dict(colours=257), 'colours must be 2 to 256, got 257'),
    (dict(start=12), 'a.mp4 has no frame from 12 on$'),
    (dict(start=3, stop=3), 'no frame from 3 on and before 3'),
])
def test_bad_arguments(video, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        video_to_gif(video, tmp_path / 'a.gif', **options)
    assert not os.listdir(tmp_path)


def test_the_tool(repository, video, tmp_path, monkeypatch, capsys):
    tool = str(repository / 'tools/misc/video_to_gif.py')
    out = tmp_path / 'a.gif'
    monkeypatch.setattr(
        sys, 'argv',
        [tool,
         str(video),
         str(out), '--every', '2', '--frames', '2', '8'])
    runpy.run_path(tool, run_name='__main__')
    assert capsys.readouterr().out.startswith('3 frames of 64 x 48, ')
    assert len(frames_of(out)[0]) == 3
    monkeypatch.setattr(sys, 'argv', [tool, 'none.mp4', str(out)])
    with pytest.raises(SystemExit, match='error: .*none.mp4 does not exist'):
        runpy.run_path(tool, run_name='__main__')
