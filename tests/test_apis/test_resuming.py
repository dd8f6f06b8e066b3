"""Going on where an interrupted run was."""
from types import SimpleNamespace

import numpy as np
import pytest

from mmpose_tdmi.apis.inferencer import Resumption


def record(frame, *boxes, source='detected'):
    persons = [
        dict(bbox=[x, 5., 30., 40.], bbox_score=.5, source=source)
        for x in boxes
    ]
    return dict(frame=frame, persons=persons)


def writer(*records):
    return SimpleNamespace(
        next_index=records[-1]['frame'] + 1 if records else 0,
        stored_frames=lambda: iter(records))


def detect(index, frame):
    return f'detected in {index}'


def test_nothing_to_resume():
    for stored in (None, writer()):
        resumption = Resumption(stored, 2)
        assert (resumption.start, resumption.first) == (0, 0)
        assert resumption.replay(detect)(0, None) == 'detected in 0'


def test_stored_boxes_in_place_of_the_detector():
    # frame 1 did not decode, frame 3 was not detected on
    stored = writer(
        record(0, 1., 50.), record(2), record(3, 7., source='carried'),
        record(4, 9.), record(5), record(6))
    resumption = Resumption(stored, 2)
    assert (resumption.start, resumption.first) == (5, 7)
    replay = resumption.replay(detect)
    np.testing.assert_array_equal(
        replay(0, None), [[1, 5, 31, 45, .5], [50, 5, 80, 45, .5]])
    assert replay(2, None).shape == (0, 5)
    np.testing.assert_array_equal(replay(4, None), [[9, 5, 39, 45, .5]])
    assert replay(5, None) == 'detected in 5'


def test_a_failure_is_repeated():
    replay = Resumption(writer(record(0, 7., source='carried'), record(3)),
                        1).replay(detect)
    with pytest.raises(RuntimeError, match='failed in the run that was'):
        replay(0, None)


def test_all_is_computed_again_where_all_counts():
    resumption = Resumption(writer(record(0), record(5)), -1)
    assert (resumption.start, resumption.first) == (0, 6)
    assert resumption.replay(detect)(0, None) == 'detected in 0'


def test_another_video():
    replay = Resumption(writer(record(0), record(5)), 0).replay(detect)
    with pytest.raises(ValueError, match='frame 3 is not among the stored'):
        replay(3, None)
