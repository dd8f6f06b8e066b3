"""Decoding in the background."""
import threading
import time

import numpy as np
import pytest

from mmpose_tdmi.video.decoding import ArrayFrames, read_ahead


def picture(value):
    return np.full((48, 64, 3), value, np.uint8)


def frames(taken, number=100):
    for i in range(number):
        taken.append(i)
        yield picture(i % 40)


def settle(condition):
    """Wait for the other thread."""
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


def test_all_frames_in_order():
    with read_ahead(ArrayFrames(frames([])), 3) as found:
        assert [f.index for f in found] == list(range(100))


def test_no_more_than_asked_for_is_ahead():
    taken = []
    with read_ahead(ArrayFrames(frames(taken)), 3) as found:
        iterator = iter(found)
        next(iterator)
        # one given out, three waiting, one in the hands of the thread
        settle(lambda: len(taken) == 5)
        time.sleep(0.05)
        assert len(taken) == 5


def test_it_works_in_a_thread_of_its_own():
    names = set()

    def named():
        for i in range(3):
            names.add(threading.current_thread().name)
            yield picture(i)

    with read_ahead(ArrayFrames(named(), name='mine')) as found:
        list(found)
    assert names == {'decoding mine'}


def test_closing_early_ends_the_thread_and_the_source():
    closed, before = [], threading.active_count()

    def endless():
        try:
            while True:
                yield picture(0)
        finally:
            closed.append(True)

    arrays = endless()
    reader = read_ahead(ArrayFrames(arrays), 2)
    next(iter(reader))
    reader.close()
    assert threading.active_count() == before
    assert list(reader) == []
    arrays.close()
    assert closed == [True]


def test_errors_come_where_the_frame_is_asked_for():

    def failing():
        yield picture(0)
        raise OSError('the disk is gone')

    with read_ahead(ArrayFrames(failing())) as found:
        iterator = iter(found)
        assert next(iterator).index == 0
        with pytest.raises(OSError, match='the disk is gone'):
            next(iterator)


def test_a_live_source_gives_its_newest_frame(monkeypatch):
    """What nobody took leaves holes in the numbering, and is told once."""
    gate, taken, told = threading.Event(), [], []
    monkeypatch.setattr('mmpose_tdmi.video.decoding.print_log',
                        lambda *arguments: told.append(arguments[0]))

    def camera():
        for i in range(50):
            if i == 40:
                gate.wait(10)
            taken.append(i)
            yield picture(i % 40)

    source = ArrayFrames(camera())
    source.is_live = True
    with read_ahead(source, 4) as found:
        settle(lambda: len(taken) == 40)
        iterator = iter(found)
        first = next(iterator)
        gate.set()
        rest = list(iterator)
    assert first.index >= 38 and rest[-1].index == 49
    for frame in (first, *rest):
        assert frame.index == frame.number
        assert frame.timestamp == frame.index / 25
    assert len(told) == 1 and 'leave holes in the numbering' in told[0]


def test_bad_length():
    with pytest.raises(ValueError, match='max_frames must be at least 1'):
        read_ahead(ArrayFrames([]), 0)
