"""Whatever a user calls a video."""
import cv2
import numpy as np
import pytest

from mmpose_tdmi.utils.video import VideoReadError
from mmpose_tdmi.video.decoding import (ArrayFrames, is_one_video, open_video,
                                        read_ahead)


def picture(value):
    return np.full((48, 64, 3), value, np.uint8)


class Camera:
    """What OpenCV gives for a camera, with three frames."""

    def __init__(self, device):
        self.left = 3 if device == 1 else 0
        self.is_released = False

    def isOpened(self):
        return self.left >= 0 and not self.is_released and self.left != 0

    def get(self, _):
        return 0.

    def read(self):
        self.left -= 1
        return True, picture(self.left)

    def release(self):
        self.is_released = True


def test_arrays():
    frames = [picture(i) for i in range(3)]
    for given, number in ((frames, 3), (np.stack(frames), 3), (iter(frames),
                                                               None)):
        source = open_video(given, fps=20)
        assert (source.name, source.num_frames) == ('frames', number)
        assert source.size == (64, 48)
        found = list(source)
        assert [f.index for f in found] == [0, 1, 2]
        assert [f.timestamp for f in found] == pytest.approx([0, .05, .1])
        for frame, image in zip(found, frames):
            np.testing.assert_array_equal(frame.image, image)


def test_generators_are_read_as_needed():
    taken = []

    def frames():
        for i in range(100):
            taken.append(i)
            yield picture(0)

    source = open_video(frames())
    assert source.size == (64, 48) and taken == [0]
    iterator = iter(source)
    next(iterator), next(iterator)
    assert taken == [0, 1]


def test_arrays_that_are_no_frames():
    source = open_video([picture(0), None, picture(2)])
    assert [f.index for f in source] == [0, 2]
    assert source.num_skipped == 1
    with pytest.raises(ValueError, match=r'frame 1 .* got float64 \(4, 4, 3'):
        list(open_video([picture(0), np.zeros((4, 4, 3))]))
    with pytest.raises(ValueError, match=r'got uint8 \(4, 4\)'):
        list(open_video([np.zeros((4, 4), np.uint8)]))
    with pytest.raises(ValueError, match='got str'):
        list(open_video(iter('ab')))


@pytest.mark.parametrize('device', [1, '1', 'webcam:1'])
def test_camera(monkeypatch, device):
    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    with open_video(device) as source:
        assert (source.name, source.input) == ('webcam1', 'webcam:1')
        assert source.is_live and source.num_frames is None
        assert source.fps == 25
        frames = list(source)
    assert [f.index for f in frames] == [0, 1, 2]
    assert source._camera.is_released
    with pytest.raises(VideoReadError, match='camera 0 cannot be opened'):
        open_video('webcam')


def test_read_ahead_of_a_camera(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    with open_video('webcam:1') as source, read_ahead(source) as frames:
        found = list(frames)
    assert 1 <= len(found) <= 3
    for frame in found:  # the camera counts down
        assert frame.index == frame.number == 2 - frame.image[0, 0, 0]


def test_nothing_to_open(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.mp4 does not exist'):
        open_video(tmp_path / 'none.mp4')
    with pytest.raises(FileNotFoundError, match='no image files'):
        open_video(tmp_path)
    with pytest.raises(FileNotFoundError, match='no image files'):
        open_video(str(tmp_path / '*.jpg'))
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(VideoReadError, match='text.mp4'):
        open_video(tmp_path / 'text.mp4')
    with pytest.raises(ValueError, match='got NoneType'):
        open_video(None)
    with pytest.raises(VideoReadError, match='<0 arrays> has no frame'):
        open_video([]).size


def test_bad_settings(videos, tmp_path):
    video = videos.make(tmp_path / 'a.mp4', num_frames=2)
    with pytest.raises(ValueError, match='its own frame rate'):
        open_video(video, fps=10)
    with pytest.raises(ValueError, match="on_corrupt .* got 'ignore'"):
        open_video(video, on_corrupt='ignore')
    with pytest.raises(ValueError, match='fps must be positive'):
        open_video([picture(0)], fps=0)


def test_what_is_one_video():
    frame = picture(0)
    for inputs in ('a.mp4', 0, iter([frame]), [frame, frame], [None, frame],
                   np.stack([frame]), ['a/1.jpg', 'a/2.jpg']):
        assert is_one_video(inputs)
    for inputs in (['a.mp4', 'b.mp4'], ['a/*.jpg', 'b/*.jpg'], [[frame],
                                                                [frame]],
                   [np.stack([frame])] * 2, ['folder', 'a.jpg'], [0, 1]):
        assert not is_one_video(inputs)
    source = ArrayFrames([frame])
    assert open_video(source) is source
