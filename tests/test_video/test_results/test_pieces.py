"""Videos in pieces."""
from fractions import Fraction

import av
import numpy as np
import pytest

from mmpose_tdmi.apis import open_frames
from mmpose_tdmi.video.results.resume import VideoPieces, fit_frame, frame_time

FPS = Fraction(30000, 1001)


def times_of(path):
    with av.open(str(path)) as file:
        return [frame.time for frame in file.decode(video=0)]


def brightness(path):
    reader = open_frames(path)
    return [frame.mean() for _, frame in reader]


def test_joined_pieces_are_one_video(tmp_path, image_of):
    pieces = VideoPieces(tmp_path / '.a.partial', FPS, length=10)
    for index in range(34):
        pieces.write(index, image_of(index), index / FPS)
    pieces.publish(tmp_path / 'a.mp4')
    assert len(list((tmp_path / '.a.partial').iterdir())) == 4
    reader = open_frames(tmp_path / 'a.mp4')
    assert reader.fps == FPS and len(reader) == 34
    assert reader.size == (96, 64)
    np.testing.assert_allclose(
        times_of(tmp_path / 'a.mp4'), [float(i / FPS) for i in range(34)])
    np.testing.assert_allclose(
        brightness(tmp_path / 'a.mp4'),
        [image_of(i).mean() for i in range(34)],
        atol=3)


def test_going_on_gives_the_same_video(tmp_path, image_of):
    whole = VideoPieces(tmp_path / 'whole', FPS, length=10)
    interrupted = VideoPieces(tmp_path / '.a.partial', FPS, length=10)
    for index in range(25):
        whole.write(index, image_of(index), index / FPS)
        if index < 17:
            interrupted.write(index, image_of(index), index / FPS)
    whole.publish(tmp_path / 'a.mp4')
    # the process is gone without a word; frames 10 to 16 with it
    again = VideoPieces(tmp_path / '.a.partial', FPS, length=10)
    assert again.next_index == 10
    assert len(list((tmp_path / '.a.partial').iterdir())) == 1
    for index in range(10, 25):
        again.write(index, image_of(index), index / FPS)
    again.publish(tmp_path / 'b.mp4')
    assert times_of(tmp_path / 'b.mp4') == times_of(tmp_path / 'a.mp4')
    assert brightness(tmp_path / 'b.mp4') == brightness(tmp_path / 'a.mp4')


def test_pieces_of_any_length(tmp_path, image_of):
    lengths, index = (1, 12, 2, 1, 30, 1), 0
    for length in lengths:
        pieces = VideoPieces(tmp_path / '.a.partial', FPS)
        assert pieces.next_index == index
        for index in range(index, index + length):
            pieces.write(index, image_of(index), index / FPS)
        index += 1
        pieces.abort()
    pieces.publish(tmp_path / 'a.mp4')
    reader = open_frames(tmp_path / 'a.mp4')
    assert reader.fps == FPS and len(reader) == 47
    np.testing.assert_allclose(
        times_of(tmp_path / 'a.mp4'), [float(i / FPS) for i in range(47)])


def test_abort_keeps_the_open_piece(tmp_path, image_of):
    pieces = VideoPieces(tmp_path / '.a.partial', FPS, length=10)
    for index in range(13):
        pieces.write(index, image_of(index), index / FPS)
    pieces.abort()
    again = VideoPieces(tmp_path / '.a.partial', FPS, length=10)
    assert again.next_index == 13
    again.cut(12)
    assert again.next_index == 10


def test_abort_after_a_first_frame_that_was_none(tmp_path):
    pieces = VideoPieces(tmp_path / '.a.partial', FPS)
    with pytest.raises(ValueError, match='expected uint8'):
        pieces.write(0, np.zeros((4, 4, 3)), 0.)
    pieces.abort()
    assert list((tmp_path / '.a.partial').iterdir()) == []


def test_variable_rate_is_kept(tmp_path, image_of):
    pieces = VideoPieces(tmp_path / '.a.partial', Fraction(10), length=3)
    times = [0., .1, .13, .5, .5, .52, 1.4]
    for index, time in enumerate(times):
        pieces.write(index, image_of(index), time)
    pieces.publish(tmp_path / 'a.mp4')
    # the second of two frames at one time comes right after
    np.testing.assert_allclose(times_of(tmp_path / 'a.mp4'), times, atol=2e-4)
    assert len(set(times_of(tmp_path / 'a.mp4'))) == len(times)


@pytest.mark.parametrize('timestamp, expected', [
    (None, Fraction(7, 30)),
    (.2333, Fraction(7, 30)),
    (.2336, Fraction(7, 30)),
    (.22, .22),
    (.2, Fraction(6, 30)),
])
def test_frame_time(timestamp, expected):
    assert frame_time(7, timestamp, Fraction(30)) == expected


def test_frame_time_ascends_with_the_timestamp():
    times = np.sort(np.random.default_rng(0).uniform(0, 1, 300))
    shown = [frame_time(i, time, Fraction(30)) for i, time in enumerate(times)]
    assert shown == sorted(shown)


def test_fit_frame():
    image = np.full((20, 80, 3), 200, np.uint8)
    fitted = fit_frame(image, 40, 40)
    assert fitted.shape == (40, 40, 3)
    assert (fitted[15:25] == 200).all()
    assert (fitted[:15] == 0).all() and (fitted[25:] == 0).all()
    assert fit_frame(image, 80, 20) is image
