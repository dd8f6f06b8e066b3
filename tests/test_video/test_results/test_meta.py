"""What is said about a video's poses, and what tells runs apart."""
import os

import pytest

from mmpose_tdmi.version import __version__
from mmpose_tdmi.video.results.meta import identify_config, identify_input


def test_as_json(make_meta):
    meta = make_meta().as_json()
    assert meta['versions']['mmpose_tdmi'] == __version__
    assert {'mmpose', 'torch'} <= set(meta['versions'])
    assert len(meta['keypoint_names']) == 17
    assert len(meta['skeleton']) == len(meta['skeleton_colours']) > 10
    assert meta['fps'] == pytest.approx(29.97, abs=1e-3)


@pytest.mark.parametrize('name', ['', 'a/b', '..', '.hidden', 'a\0'])
def test_names_are_file_names(make_meta, name):
    with pytest.raises(ValueError, match='expected a file name'):
        make_meta(name)


def test_a_layout_is_needed(make_meta):
    with pytest.raises(ValueError, match='keypoint_id2name'):
        make_meta(dataset_meta=dict())


def test_fingerprint_tells_settings_apart(make_meta):
    meta = make_meta()
    assert meta.fingerprint() == make_meta(num_frames=7).fingerprint()
    others = [
        make_meta(mode='online'),
        make_meta(settings=dict(tracker='iou')),
        make_meta(boxes=dict(file='others.json')),
        make_meta(checkpoint='other.pth')
    ]
    prints = {meta.fingerprint(), *(other.fingerprint() for other in others)}
    assert len(prints) == 5


def test_fingerprint_tells_files_apart(make_meta, tmp_path):
    weights = tmp_path / 'w.pth'
    weights.write_bytes(b'1')
    meta = make_meta(checkpoint=str(weights))
    first = meta.fingerprint()
    weights.write_bytes(b'22')
    second = meta.fingerprint()
    (tmp_path / 'source.mp4').write_bytes(b'other content')
    assert len({first, second, meta.fingerprint()}) == 3


def test_what_cannot_be_looked_at_again_has_none(make_meta):
    assert make_meta(input='webcam:0').fingerprint() is None


def test_folders_and_globs(tmp_path):
    for name in 'ab':
        (tmp_path / f'{name}.jpg').write_bytes(b'1')
    first = identify_input(str(tmp_path))
    assert first == identify_input(str(tmp_path / '*.jpg'))
    os.utime(tmp_path / 'b.jpg', (0, 0))
    assert first != identify_input(str(tmp_path))
    assert len(identify_input(str(tmp_path / 'a*'))) == 1


def test_configs_count_with_their_base_files(tmp_path):
    (tmp_path / 'base.py').write_text('a = 1\n')
    config = tmp_path / 'c.py'
    config.write_text("_base_ = 'base.py'\n")
    first = identify_config(str(config))
    (tmp_path / 'base.py').write_text('a = 2\n')
    assert first != identify_config(str(config))
    assert identify_config('no file') is None
