"""Reading and writing of videos."""
import os
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from mmpose_tdmi.utils.files import atomic_path
from mmpose_tdmi.utils.video import VideoDecoder, VideoWriter, join_videos

HEIGHT, WIDTH, NUM_FRAMES = 48, 64, 40


def picture(index: int) -> np.ndarray:
    """A frame that tells its index by its brightness, with a blue corner."""
    frame = np.full((HEIGHT, WIDTH, 3), 40 + 5 * index, np.uint8)
    frame[:12, :16] = (255, 0, 0)
    return frame


def index_of(frame: np.ndarray) -> int:
    """The index that a decoded frame tells."""
    # conversion costs up to 4 levels, all downwards
    return round((float(frame[-8:, -8:].mean()) - 38) / 5)


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """A video with seek points every 6 frames and reordered frames."""
    path = tmp_path_factory.mktemp('video') / 'a.mp4'
    with av.open(str(path), 'w', options=dict(movflags='faststart')) as file:
        stream = file.add_stream(
            'libx264',
            rate=Fraction(30000, 1001),
            options=dict(g='6', bf='2', sc_threshold='0', crf='8'))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        for index in range(NUM_FRAMES):
            file.mux(
                stream.encode(
                    av.VideoFrame.from_ndarray(
                        cv2.cvtColor(picture(index), cv2.COLOR_BGR2YUV_I420),
                        format='yuv420p')))
        file.mux(stream.encode(None))
    return path


def test_reading_on(video):
    decoder = VideoDecoder(video)
    assert decoder.fps == Fraction(30000, 1001)
    assert decoder.num_frames == NUM_FRAMES
    frames = list(decoder)
    assert [index for index, _, _ in frames] == list(range(NUM_FRAMES))
    assert [index_of(image)
            for _, _, image in frames] == list(range(NUM_FRAMES))
    frame = frames[0][2]
    assert frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8
    blue, green, red = frame[2, 2]
    assert blue > 200 and green < 50 and red < 50  # BGR


@pytest.mark.parametrize('level', [0, 40, 45, 200, 255])
def test_colours_survive(tmp_path, level):
    with VideoWriter(tmp_path / 'a.mp4', 25, crf=0) as writer:
        writer.write(np.full((HEIGHT, WIDTH, 3), level, np.uint8))
    (_, _, image), = VideoDecoder(tmp_path / 'a.mp4')
    assert np.abs(image.astype(int) - level).max() <= 2


def test_writing_and_reading_back(tmp_path):
    path = tmp_path / 'out' / 'a.mp4'
    with VideoWriter(path, Fraction(2160, 77), crf=8) as writer:
        for index in range(7):
            writer.write(picture(index)[:-1, :-1])  # odd sizes
    assert os.listdir(path.parent) == ['a.mp4']
    images = [image for _, _, image in VideoDecoder(path)]
    assert images[0].shape == (HEIGHT, WIDTH, 3)
    assert [index_of(image) for image in images] == list(range(7))
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.average_rate == Fraction(2160, 77)
        assert stream.codec_context.pix_fmt == 'yuv420p'
        assert stream.codec_context.name == 'h264'


def test_a_rate_given_as_a_number(tmp_path):
    assert VideoWriter(tmp_path / 'a.mp4',
                       30 / 1.001).fps == Fraction(30000, 1001)
    assert VideoWriter(tmp_path / 'a.mp4', 1 / 3600).fps == Fraction(1, 3600)
    with pytest.raises(ValueError, match='fps must be positive'):
        VideoWriter(tmp_path / 'a.mp4', 0)


@pytest.mark.parametrize('fps', [Fraction(1, 3600), Fraction(2000)])
def test_slow_and_fast_videos(tmp_path, fps):
    with VideoWriter(tmp_path / 'a.mp4', float(fps)) as writer:
        for index in range(5):
            writer.write(picture(index), index / fps)
    decoder = VideoDecoder(tmp_path / 'a.mp4')
    assert decoder.fps == fps
    assert [time for _, time, _ in decoder
            ] == pytest.approx([float(index / fps) for index in range(5)])


def test_no_half_written_file(tmp_path):
    path = tmp_path / 'a.mp4'
    with atomic_path(path) as temporary:
        temporary.write_bytes(b'old')
    with pytest.raises(KeyError), VideoWriter(path, 25) as writer:
        writer.write(picture(0))
        raise KeyError
    with pytest.raises(ValueError, match='no frame was written'):
        with VideoWriter(path, 25):
            pass
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['a.mp4']


@pytest.mark.parametrize('frame', [
    picture(0).astype(np.float32),
    picture(0)[..., 0],
    picture(0)[:-2],
    picture(0)[..., :2]
])
def test_frames_must_be_alike(tmp_path, frame):
    with pytest.raises(ValueError, match='a.mp4: expected uint8'):
        with VideoWriter(tmp_path / 'a.mp4', 25) as writer:
            writer.write(picture(0))
            writer.write(frame)


def test_times_of_frames(tmp_path):
    times = [0, .04, .1, .5, 1.]
    with VideoWriter(tmp_path / 'a.mp4', 25) as writer:
        for index, time in enumerate(times):
            writer.write(picture(index), time)
        writer.write(picture(5))  # a frame's time after the last
    with av.open(str(tmp_path / 'a.mp4')) as file:
        found = [frame.time for frame in file.decode(video=0)]
    np.testing.assert_allclose(found, [*times, 1.04], atol=1e-4)


@pytest.mark.parametrize('time', [.2, .19, 0])
def test_times_ascend(tmp_path, time):
    with pytest.raises(ValueError, match=r'frame at .* after one at 0.2 s'):
        with VideoWriter(tmp_path / 'a.mp4', 25) as writer:
            writer.write(picture(0), .2)
            writer.write(picture(1), time)
    assert not list(tmp_path.iterdir())


def test_joined_videos_are_those_of_one_writer(tmp_path):
    for name, indices in (('a', range(0,
                                      7)), ('b', range(7,
                                                       9)), ('ab', range(0,
                                                                         9))):
        with VideoWriter(
                tmp_path / f'{name}.mp4',
                Fraction(24000, 1001),
                options=dict(bf='0')) as writer:
            for index in indices:
                writer.write(picture(index))
    join_videos([(tmp_path / 'a.mp4', Fraction(0)),
                 (tmp_path / 'b.mp4', Fraction(7 * 1001, 24000))],
                tmp_path / 'joined.mp4')
    found = []
    for name in ('joined', 'ab'):
        with av.open(str(tmp_path / f'{name}.mp4')) as file:
            assert file.streams.video[0].average_rate == Fraction(24000, 1001)
            found.append([(frame.time,
                           round(frame.to_ndarray(format='gray').mean() / 4))
                          for frame in file.decode(video=0)])
    assert found[0] == found[1] and len(found[0]) == 9
