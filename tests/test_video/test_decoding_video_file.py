"""Video files: each frame once, by its index, whatever is damaged."""
from fractions import Fraction

import av
import numpy as np
import pytest

from mmpose_tdmi.utils.video import VideoReadError, upright_image
from mmpose_tdmi.video.decoding import VideoFile, open_video

FPS = Fraction(30000, 1001)
WIDTH, HEIGHT, NUM_FRAMES = 64, 48, 40


@pytest.fixture(scope='module')
def video(tmp_path_factory, videos):
    assert (videos.fps, videos.size) == (FPS, (WIDTH, HEIGHT))
    return videos.make(tmp_path_factory.mktemp('video') / 'a.mp4')


@pytest.fixture
def check(videos):
    """``check(source, expected)``: its frames are these, each is itself."""

    def run(source, expected):
        frames = list(source)
        assert [frame.index for frame in frames] == list(expected)
        assert [videos.index_of(f.image) for f in frames] == list(expected)
        return frames

    return run


def test_frames_in_order(check, video):
    source = VideoFile(video)
    frames = check(source, range(NUM_FRAMES))
    assert (source.name, source.input) == ('a', str(video))
    assert (source.fps, source.size) == (FPS, (WIDTH, HEIGHT))
    assert (source.num_frames, source.num_skipped) == (NUM_FRAMES, 0)
    for frame in frames:
        assert frame.number == frame.index
        assert frame.file_name is None
        assert frame.timestamp == pytest.approx(float(frame.index / FPS))
    check(source, range(NUM_FRAMES))  # once more


def in_one_thread(path):
    """What comes out of the decoder, and what is marked as corrupt."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_type = 'NONE'
        for packet in file.demux(stream):
            try:
                pictures = packet.decode()
            except av.FFmpegError:
                continue
            for picture in pictures:
                yield picture.is_corrupt, upright_image(picture)


@pytest.mark.parametrize('packets', [(), (10, ), (0, ), (38, 39), (10, 25)])
def test_threads_change_no_pixel_and_no_mark(videos, video, tmp_path, packets):
    """Of a whole file and of damaged ones, each time anew."""
    path = videos.damage(video, tmp_path / 'b.mp4', packets)
    expected = list(in_one_thread(path))
    for _ in range(3):
        source = VideoFile(path)
        found = [frame.image for frame in source]
        good = [image for is_corrupt, image in expected if not is_corrupt]
        np.testing.assert_array_equal(found, good)
        assert source.num_skipped == NUM_FRAMES - len(good)


def test_asking_for_the_size_decodes_nothing_twice(check, video, monkeypatch):
    source = VideoFile(video)
    passes = []
    original = source._frames
    monkeypatch.setattr(source, '_frames',
                        lambda: passes.append(1) or original())
    assert source.size == (WIDTH, HEIGHT)
    check(source, range(NUM_FRAMES))
    assert len(passes) == 1


@pytest.mark.parametrize('suffix, codec',
                         [('mkv', 'libx264'), ('ts', 'libx264'),
                          ('avi', 'mjpeg')])
def test_containers(videos, check, tmp_path, suffix, codec):
    source = VideoFile(videos.make(tmp_path / f'a.{suffix}', codec))
    check(source, range(NUM_FRAMES))
    assert (source.num_frames, source.num_skipped) == (NUM_FRAMES, 0)


def test_variable_frame_rate(videos, check, tmp_path):
    times = [33 * i + 60 * max(0, i - 20) for i in range(NUM_FRAMES)]
    source = VideoFile(videos.make(tmp_path / 'a.mkv', milliseconds=times))
    frames = check(source, range(NUM_FRAMES))
    assert [round(1000 * frame.timestamp) for frame in frames] == times


def test_rotation(videos, tmp_path):
    path = videos.turn(videos.make(tmp_path / 'a.mp4'))
    source = VideoFile(path)
    assert source.size == (HEIGHT, WIDTH)
    frame = next(iter(source))
    assert frame.image.shape == (WIDTH, HEIGHT, 3)
    # the corner went to the top right
    assert frame.image[2, -2, 0] > 200 and videos.index_of(
        frame.image[:, :16]) == 0


@pytest.mark.parametrize('suffix', ['h264', 'ts'])
@pytest.mark.parametrize('size', [(WIDTH, HEIGHT), (128, 96)])
def test_recordings_put_together(videos, check, tmp_path, suffix, size):
    """The clock begins again, and the size may be another one."""
    parts = [
        videos.make(
            tmp_path / f'{i}.{suffix}', num_frames=15, first=15 * i, size=s)
        for i, s in enumerate([(WIDTH, HEIGHT), size])
    ]
    path = tmp_path / f'whole.{suffix}'
    path.write_bytes(b''.join(part.read_bytes() for part in parts))
    source = VideoFile(path)
    frames = check(source, range(30))
    assert source.num_skipped == 0
    assert [frame.image.shape[:2] for frame in frames] == \
        [(HEIGHT, WIDTH)] * 15 + [size[::-1]] * 15
    if suffix == 'ts':  # a bare stream has no times
        for frame in frames:
            assert frame.timestamp == pytest.approx(
                float(frame.index / FPS), abs=1e-3)


# packets by their place in the file, and what frames cannot be had
@pytest.mark.parametrize(
    'packets, lost',
    [
        ((10, ), [11]),  # others do not depend on it
        ((0, ), range(6)),  # the first seek point: all up to the second
        ((39, 38), [37, 38]),  # the end
    ])
def test_damage_leaves_holes(videos, check, video, tmp_path, packets, lost):
    source = VideoFile(videos.damage(video, tmp_path / 'b.mp4', packets))
    frames = check(source, [i for i in range(NUM_FRAMES) if i not in lost])
    assert source.num_skipped == len(lost)
    for frame in frames:  # time goes on where frames are missing
        assert frame.timestamp == pytest.approx(
            float(frame.index / FPS), abs=1e-3)


def test_frames_that_come_out_of_order_after_damage(videos, video, tmp_path):
    """A lost seek point makes the decoder give old frames late."""
    source = VideoFile(videos.damage(video, tmp_path / 'b.mp4', (12, 13, 14)))
    indices = [frame.index for frame in source]
    assert indices == sorted(set(indices))
    assert set(range(11)) <= set(indices) and indices[-1] == NUM_FRAMES - 1
    assert len(indices) + source.num_skipped == NUM_FRAMES
    assert 0 < source.num_skipped <= 8


def test_damage_without_time_stamps(videos, check, tmp_path):
    path = videos.make(tmp_path / 'a.avi', 'mjpeg')
    source = VideoFile(videos.damage(path, tmp_path / 'b.avi', (5, 6)))
    check(source, [i for i in range(NUM_FRAMES) if i not in (5, 6)])
    assert source.num_skipped == 2


def test_truncated_file(video, tmp_path):
    content = video.read_bytes()
    path = tmp_path / 'b.mp4'
    path.write_bytes(content[:len(content) * 2 // 3])
    source = VideoFile(path)
    frames = list(source)
    assert 15 < len(frames) < 30
    assert source.num_skipped == NUM_FRAMES - len(frames)
    with pytest.raises(VideoReadError, match='b.mp4'):
        list(VideoFile(path, on_corrupt='raise'))


def test_damage_can_be_an_error(videos, video, tmp_path):
    path = videos.damage(video, tmp_path / 'b.mp4', (10, ))
    with pytest.raises(VideoReadError, match='b.mp4: frame 11 cannot'):
        list(VideoFile(path, on_corrupt='raise'))


def test_no_frame_at_all(videos, video, tmp_path):
    path = videos.damage(video, tmp_path / 'b.mp4', range(NUM_FRAMES))
    with pytest.raises(VideoReadError, match='b.mp4 has no frame'):
        VideoFile(path).size


def test_warnings_do_not_flood(videos, video, tmp_path, monkeypatch):
    logged = []
    monkeypatch.setattr('mmpose_tdmi.video.decoding.print_log',
                        lambda *arguments: logged.append(arguments[0]))
    source = VideoFile(
        videos.damage(video, tmp_path / 'b.mp4', range(12, NUM_FRAMES)))
    list(source)
    assert source.num_skipped > 20 and len(logged) == 5


def test_real_videos(shared_clips):
    for name, num_frames in (('street/demo.mp4', 5),
                             ('real_motion/videos/drink.avi', 103)):
        with open_video(shared_clips / name) as source:
            indices = [frame.index for frame in source]
        assert indices == list(range(num_frames))
        assert source.num_skipped == 0
