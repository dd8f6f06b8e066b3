"""What is said about a video's poses, and what tells runs apart."""
import os

import pytest

from mmpose_tdmi.version import __version__
from mmpose_tdmi.video.results.resume import identify_input


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


def test_fingerprint_tells_runs_apart(make_meta, tmp_path):
    meta = make_meta()
    first = meta.fingerprint()
    # neither a hint nor what files are called
    assert first == make_meta(num_frames=7, checkpoint='b.pth').fingerprint()
    others = [
        make_meta(name='other').fingerprint(),
        make_meta(run=dict(weights='a', tracker='oks')).fingerprint(),
        make_meta(run=dict(weights='b')).fingerprint(),
    ]
    (tmp_path / 'source.mp4').write_bytes(b'other content')
    assert len({first, *others, meta.fingerprint()}) == 5


def test_what_cannot_be_looked_at_again_has_none(make_meta):
    assert make_meta(input='webcam:0').fingerprint() is None
    assert make_meta(run=None).fingerprint() is None


def test_folders_and_globs(tmp_path):
    for name in 'ab':
        (tmp_path / f'{name}.jpg').write_bytes(b'1')
    first = identify_input(str(tmp_path))
    assert first == identify_input(str(tmp_path / '*.jpg'))
    os.utime(tmp_path / 'b.jpg', (0, 0))
    assert first != identify_input(str(tmp_path))
    assert len(identify_input(str(tmp_path / 'a*'))) == 1
