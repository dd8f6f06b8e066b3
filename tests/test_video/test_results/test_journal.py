"""A file of records that survives the end of the process."""
import errno
import json

import pytest

from mmpose_tdmi.video.results.resume import Journal


def record(index: int) -> dict:
    return dict(frame=index, timestamp=None, persons=[dict(name='ä' * index)])


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'records.jsonl'


def filled(path, indices):
    journal = Journal(path)
    for index in indices:
        journal.append(record(index))
    journal.close()


def test_records_come_back_in_order(path):
    journal = Journal(path)
    assert journal.next_index == 0 and list(journal.records()) == []
    for index in (0, 1, 5):
        journal.append(record(index))
    # read while it is still open
    assert list(journal.records()) == [record(i) for i in (0, 1, 5)]
    assert journal.next_index == 6


@pytest.mark.parametrize('torn', [1, 5, 30])
def test_a_torn_last_line_is_dropped(path, torn):
    filled(path, range(4))
    whole = path.read_bytes()
    path.write_bytes(whole[:-torn])
    journal = Journal(path)
    assert journal.next_index == 3
    journal.append(record(3))
    assert list(journal.records()) == [record(i) for i in range(4)]
    assert path.read_bytes() == whole


def test_cut(path):
    filled(path, (0, 1, 4, 5))
    journal = Journal(path)
    journal.cut(3)
    assert journal.next_index == 2
    journal.append(record(3))
    assert [r['frame'] for r in journal.records()] == [0, 1, 3]
    journal.cut(0)
    assert journal.next_index == 0 and list(journal.records()) == []


def test_frames_ascend(path):
    filled(path, (0, 2))
    journal = Journal(path)
    for index in (1, 2):
        with pytest.raises(ValueError, match=f'ascend: {index} came after 2'):
            journal.append(record(index))


def test_not_a_journal(path):
    path.write_text('hello\n')
    with pytest.raises(ValueError, match='no journal of frames.*hello'):
        Journal(path)


class _FullDisk:
    """A file with room for some bytes more."""

    def __init__(self, file, room: int) -> None:
        self._file = file
        self._room = room

    def write(self, content) -> int:
        part = bytes(content)[:self._room]
        if not part:
            raise OSError(errno.ENOSPC, 'No space left on device')
        self._room -= len(part)
        return self._file.write(part)

    def __getattr__(self, name):
        return getattr(self._file, name)


def test_a_full_disk_leaves_what_was_there(path):
    filled(path, range(3))
    whole = path.read_bytes()
    journal = Journal(path)
    real = journal._file
    journal._file = _FullDisk(real, room=10)
    with pytest.raises(OSError, match='No space'):
        journal.append(record(3))
    assert path.read_bytes() == whole
    journal._file = real  # there is room again
    journal.append(record(3))
    assert [json.loads(line)['frame'] for line in journal.lines()] == \
        [0, 1, 2, 3]
