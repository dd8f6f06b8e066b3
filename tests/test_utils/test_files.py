"""Whole-or-nothing files."""
import json
import os
import shutil
import stat

import numpy as np
import pytest

from mmpose_tdmi.utils.files import (RECORDS, atomic_path, check_outputs,
                                     remove_output, remove_outputs, write_json)


def test_a_finished_file_replaces_the_old_one(tmp_path):
    path = tmp_path / 'new' / 'a.txt'
    for text in ('first', 'second'):
        with atomic_path(path) as temporary:
            temporary.write_text(text)
            assert temporary.parent == path.parent
            assert temporary.suffix == '.txt'
        assert path.read_text() == text
    assert os.listdir(path.parent) == ['a.txt']


@pytest.fixture(params=[True, False], ids=['attributes', 'none'])
def attributes(request, monkeypatch):
    """File systems with and without extended attributes."""

    def refuse(*_):
        raise OSError(95, 'Operation not supported')

    if not request.param:
        monkeypatch.setattr(os, 'setxattr', refuse, raising=False)
        monkeypatch.setattr(os, 'getxattr', refuse, raising=False)


def test_only_what_was_written_here_is_replaced(tmp_path, attributes):
    path = tmp_path / 'a.json'
    for text in ('first', 'second', 'third'):
        write_json(path, text)
    path.write_text('"by hand"')
    for write in (write_json, lambda *_: remove_output(path)):
        with pytest.raises(ValueError, match='a.json is there and was not'):
            write(path, 'fourth')
    assert path.read_text() == '"by hand"'
    shutil.copyfile(path, tmp_path / 'b.json')
    with pytest.raises(ValueError, match='b.json is there and was not'):
        write_json(tmp_path / 'b.json', 1)
    write_json(path, 1, is_own=True)
    assert path.read_text() == '1'


def test_a_file_that_comes_in_between_stays(tmp_path, attributes):
    path = tmp_path / 'a.txt'
    with pytest.raises(ValueError, match='is there and was not written'):
        with atomic_path(path) as temporary:
            temporary.write_text('ours')
            path.write_text('theirs')
    assert path.read_text() == 'theirs'
    assert sorted(set(os.listdir(tmp_path)) - {RECORDS}) == ['a.txt']


def test_a_folder_is_cleared_of_what_was_written_here(tmp_path, attributes):
    for name in ('a/1.json', 'a/b/2.json', 'c/3.json'):
        write_json(tmp_path / name, 0)
    (tmp_path / 'a/b/note.txt').write_text('mine')
    for name in 'ac':
        remove_outputs(tmp_path / name)
    assert [p.name for p in tmp_path.rglob('*.*')
            if p.name != RECORDS] == ['note.txt']
    assert not (tmp_path / 'c').exists()


def test_outputs_are_checked_before(tmp_path):
    given, link = tmp_path / 'given.json', tmp_path / 'link.json'
    write_json(given, 'ours, but given')
    os.link(given, link)
    for path in (given, tmp_path / 'x' / '..' / 'given.json', link):
        (tmp_path / 'x').mkdir(exist_ok=True)
        with pytest.raises(ValueError, match='over the input .*given.json'):
            check_outputs([path], ['http://a/b.pth', given])
    with pytest.raises(ValueError, match='two outputs'):
        check_outputs([tmp_path / 'new', tmp_path / 'x/../new'])
    with pytest.raises(NotADirectoryError, match='given.json is no folder'):
        check_outputs([given / 'new' / 'a.json'])
    with pytest.raises(ValueError, match='x is there and was not written'):
        check_outputs([tmp_path / 'x'])
    check_outputs([tmp_path / 'new' / 'a.json', given])


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / 'a.txt'
    with atomic_path(path) as temporary:
        temporary.write_text('old')
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
