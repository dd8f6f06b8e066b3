"""A video in which people keep still."""
import numpy as np
import pytest

from projects.performance.still_video import still_video


@pytest.mark.parametrize('persons', [0, 1, 20])
def test_frames_and_people(persons):
    frames = list(still_video(5, persons, (320, 180)))
    assert [frame.index for frame in frames] == list(range(5))
    for frame in frames:
        assert frame.image.shape == (180, 320, 3)
        assert frame.persons == frames[0].persons
        assert len({box.track_id for box in frame.persons}) == persons
        for box in frame.persons:
            x1, y1, x2, y2 = box.bbox
            assert 0 <= x1 < x2 <= 320 and 0 <= y1 < y2 <= 180
    assert np.any(frames[0].image != frames[1].image)


def test_frames_are_made_one_by_one():
    video = still_video(10**9, 1)
    assert next(video).index == 0


def test_people_who_move():

    def lefts(speed):
        return [
            frame.persons[0].bbox[0]
            for frame in still_video(3, 1, (320, 180), speed)
        ]

    first, second, third = lefts(0.5)
    assert second - first == third - second == pytest.approx(0.5 * 180 / 4.5)
    assert len(set(lefts(0))) == 1
