"""Reading and writing of videos."""
import os
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from mmpose_tdmi.utils.video import (VideoReader, VideoReadError, VideoWriter,
                                     join_videos)

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
    with VideoReader(video) as reader:
        frames = list(reader)
        assert len(reader) == NUM_FRAMES
        assert reader.size == (WIDTH, HEIGHT)
        assert reader.fps == Fraction(30000, 1001)
    assert [index for index, _ in frames] == list(range(NUM_FRAMES))
    assert [index_of(frame) for _, frame in frames] == list(range(NUM_FRAMES))
    frame = frames[0][1]
    assert frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8
    blue, green, red = frame[2, 2]
    assert blue > 200 and green < 50 and red < 50  # BGR


@pytest.mark.parametrize('level', [0, 40, 45, 200, 255])
def test_colours_survive(tmp_path, level):
    with VideoWriter(tmp_path / 'a.mp4', 25, crf=0) as writer:
        writer.write(np.full((HEIGHT, WIDTH, 3), level, np.uint8))
    with VideoReader(tmp_path / 'a.mp4') as reader:
        difference = np.abs(reader[0].astype(int) - level).max()
    assert difference <= (2 if hasattr(Interpolation, 'ACCURATE_RND') else 5)


@pytest.mark.parametrize('keep', [1, 8])
def test_jumps_give_the_frames_of_reading_on(video, keep):
    with VideoReader(video) as reader:
        expected = [frame for _, frame in reader]
    with VideoReader(video, keep=keep) as reader:
        for index in np.random.randint(0, NUM_FRAMES, 60):
            np.testing.assert_array_equal(reader[int(index)], expected[index])
        assert [i for i, _ in reader] == list(range(NUM_FRAMES))


def test_a_moving_window_decodes_each_frame_once(video, monkeypatch):
    with VideoReader(video) as reader:
        decode, calls = reader._decode, []
        monkeypatch.setattr(reader, '_decode', lambda:
                            (calls.append(1), decode())[1])
        for key in range(2, NUM_FRAMES - 2):
            window = [reader[key + offset] for offset in range(-2, 3)]
            assert [index_of(f)
                    for f in window] == list(range(key - 2, key + 3))
        assert len(calls) == NUM_FRAMES - 1  # frame 0 came with the opening


def test_frames_outside_the_video(video):
    with VideoReader(video) as reader:
        for index in (NUM_FRAMES, -1, 10**6):
            with pytest.raises(IndexError, match=f'no frame {index}.*0 to 39'):
                reader[index]


def turned(source, target, matrix):
    """Copy an mp4 with another display matrix in its track header."""
    content = bytearray(source.read_bytes())
    start = content.find(b'tkhd') + 4 + 40
    content[start:start + 36] = np.array(matrix, '>i4').tobytes()
    target.write_bytes(content)


def test_rotation_is_honoured(video, tmp_path):
    path = tmp_path / 'turned.mp4'
    one = 1 << 16
    # x to the right becomes downwards: a quarter clockwise
    turned(video, path, [0, one, 0, -one, 0, 0, HEIGHT * one, 0, 1 << 30])
    with VideoReader(path) as reader:
        assert reader.size == (HEIGHT, WIDTH)
        assert reader[3].shape == (WIDTH, HEIGHT, 3)
        assert reader[3][2, -2, 0] > 200  # the corner went to the top right
        assert index_of(reader[3][:, :16]) == 3


def test_real_videos(shared_clips):
    for name, num_frames, size in (('street/demo.mp4', 5, (960, 540)), (
            'posetrack18/videos/000001_mpiinew_test/000001_mpiinew_test.mp4',
            5, (1280, 720))):
        with VideoReader(shared_clips / name) as reader:
            assert len(reader) == len(list(reader)) == num_frames
            assert reader.size == size


def test_time_stamps_of_an_avi_do_not_matter(shared_clips):
    # its frames carry time stamps that are out of order
    with VideoReader(shared_clips / 'real_motion/videos/drink.avi') as reader:
        third = reader[3]
        reader[14]
        np.testing.assert_array_equal(reader[3], third)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.mp4'):
        VideoReader(tmp_path / 'none.mp4')


@pytest.mark.parametrize('content', [b'', b'no video at all' * 100])
def test_a_file_that_is_no_video(tmp_path, content):
    path = tmp_path / 'bad.mp4'
    path.write_bytes(content)
    with pytest.raises(VideoReadError, match='bad.mp4'):
        VideoReader(path)


def test_a_video_without_pictures(tmp_path):
    path = tmp_path / 'sound.wav'
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('pcm_s16le', rate=8000, layout='mono')
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), format='s16', layout='mono')
        frame.rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with pytest.raises(VideoReadError, match='no video stream'):
        VideoReader(path)


def test_a_truncated_video_names_the_frame(video, tmp_path):
    path = tmp_path / 'short.mp4'
    content = video.read_bytes()
    start = content.find(b'mdat')  # the pictures, after the header
    path.write_bytes(content[:start + (len(content) - start) * 2 // 3])
    with VideoReader(path) as reader:
        good = []
        with pytest.raises(VideoReadError, match='short.mp4.*frame') as error:
            for index, frame in reader:
                good.append(index_of(frame))
        assert good == list(range(len(good))) and 5 < len(good) < NUM_FRAMES
        assert f'frame {len(good)} ' in str(error.value)
    with VideoReader(path) as reader:
        with pytest.raises(VideoReadError, match='truncated.* 40 frames'):
            len(reader)
    with VideoReader(path) as reader, pytest.raises(VideoReadError):
        reader[NUM_FRAMES - 1]


def test_a_corrupt_video_names_the_frame(shared_clips, tmp_path):
    path = tmp_path / 'corrupt.mp4'
    content = bytearray((shared_clips / 'street/demo.mp4').read_bytes())
    # the middle of the largest box, which holds the pictures
    start = content.find(b'mdat') + (len(content) - content.find(b'mdat')) // 2
    content[start:start + 2000] = np.random.bytes(2000)
    path.write_bytes(content)
    with VideoReader(path) as reader:
        with pytest.raises(VideoReadError, match=r'corrupt.mp4: frame \d'):
            list(reader)


def test_writing_and_reading_back(tmp_path):
    path = tmp_path / 'out' / 'a.mp4'
    with VideoWriter(path, Fraction(2160, 77), crf=8) as writer:
        for index in range(7):
            writer.write(picture(index)[:-1, :-1])  # odd sizes
    assert os.listdir(path.parent) == ['a.mp4']
    with VideoReader(path) as reader:
        assert reader.size == (WIDTH, HEIGHT)
        assert reader.fps == Fraction(2160, 77)
        assert [index_of(frame) for _, frame in reader] == list(range(7))
        assert reader._stream.codec_context.pix_fmt == 'yuv420p'
        assert reader._stream.codec_context.name == 'h264'


def test_a_rate_given_as_a_number(tmp_path):
    assert VideoWriter(tmp_path / 'a.mp4',
                       30 / 1.001).fps == Fraction(30000, 1001)
    with pytest.raises(ValueError, match='fps must be positive'):
        VideoWriter(tmp_path / 'a.mp4', 0)


def test_no_half_written_file(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_bytes(b'old')
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
