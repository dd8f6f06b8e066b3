"""Whole-or-nothing files."""
import json
import os
import stat

import numpy as np
import pytest

from mmpose_tdmi.utils.files import atomic_path, write_json


def test_a_finished_file_replaces_the_old_one(tmp_path):
    path = tmp_path / 'new' / 'a.txt'
    for text in ('first', 'second'):
        with atomic_path(path) as temporary:
            temporary.write_text(text)
            assert temporary.parent == path.parent
            assert temporary.suffix == '.txt'
        assert path.read_text() == text
    assert os.listdir(path.parent) == ['a.txt']


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(KeyError), atomic_path(path) as temporary:
        temporary.write_text('half')
        raise KeyError
    assert path.read_text() == 'old'
    assert os.listdir(tmp_path) == ['a.txt']


def test_a_file_gets_the_usual_permissions(tmp_path):
    (tmp_path / 'plain').write_text('')
    with atomic_path(tmp_path / 'ours') as temporary:
        temporary.write_text('')
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_json_takes_numpy(tmp_path):
    path = tmp_path / 'a.json'
    write_json(path, dict(a=np.float32(0.5), b=np.arange(3), c=[np.int64(1)]))
    assert json.loads(path.read_text()) == dict(a=0.5, b=[0, 1, 2], c=[1])


@pytest.mark.parametrize('content', [float('nan'), np.array([np.inf])])
def test_json_refuses_what_is_not_json(tmp_path, content):
    with pytest.raises(ValueError):
        write_json(tmp_path / 'a.json', [content])
    assert not os.listdir(tmp_path)


def test_json_names_a_type_that_it_cannot_write(tmp_path):
    with pytest.raises(TypeError, match='set cannot'):
        write_json(tmp_path / 'a.json', dict(a=set()))
