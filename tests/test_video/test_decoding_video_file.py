"""Video files: each frame once, by its index, whatever is damaged."""
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from mmpose_tdmi.utils.video import VideoReadError, upright_image
from mmpose_tdmi.video.decoding import VideoFile, open_frames, open_video

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


# how frames are to be shown, from FFmpeg's own ``autorotate``
@pytest.mark.parametrize('matrix, show', [
    ((1, 0, 0, 1), lambda image: image),
    ((-1, 0, 0, 1), np.fliplr),
    ((1, 0, 0, -1), np.flipud),
    ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    ((0, -1, 1, 0), np.rot90),
    ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    ((0, -1, -1, 0), lambda image: np.rot90(image, 2).transpose(1, 0, 2)),
])
def test_orientations(videos, video, tmp_path, matrix, show):
    path = tmp_path / 'a.mp4'
    path.write_bytes(video.read_bytes())
    source = VideoFile(videos.turn(path, *matrix))
    for turned, stored in zip(source, VideoFile(video)):
        np.testing.assert_array_equal(turned.image, show(stored.image))
    assert source.size == show(stored.image).shape[1::-1]


@pytest.mark.parametrize('is_turned', [False, True])
def test_pixels_that_are_not_square(videos, tmp_path, is_turned):
    """Frames stay as stored."""
    aspect = Fraction(16, 15)
    path = videos.make(tmp_path / 'a.mp4', pixel_aspect=aspect)
    if is_turned:
        videos.turn(path)
    source = VideoFile(path)
    assert source.pixel_aspect == (1 / aspect if is_turned else aspect)
    assert sorted(source.size) == sorted((WIDTH, HEIGHT))


def mux_cover(file, stream):
    picture = av.VideoFrame.from_ndarray(
        np.zeros((32, 32, 3), np.uint8), format='bgr24')
    for frame in (picture.reformat(format='yuvj420p'), None):
        file.mux(stream.encode(frame))


@pytest.mark.parametrize('is_song', [False, True])
def test_cover_pictures(videos, tmp_path, is_song):
    path = tmp_path / 'a.mp4'
    with av.open(str(path), 'w') as file:
        if is_song:
            track = file.add_stream('aac', rate=8000, layout='mono')
        else:
            track = file.add_stream('mpeg4', rate=FPS)
            track.width, track.height, track.pix_fmt = 64, 48, 'yuv420p'
        cover = file.add_stream('mjpeg', rate=FPS)
        cover.width, cover.height, cover.pix_fmt = 32, 32, 'yuvj420p'
        cover.disposition = Disposition.attached_pic.value
        mux_cover(file, cover)
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(
                videos.picture(index), format='bgr24')
            if is_song:
                frame = av.AudioFrame.from_ndarray(
                    np.zeros((1, 1024), np.float32), 'fltp', 'mono')
                frame.rate = 8000
            file.mux(track.encode(frame))
        file.mux(track.encode(None))
    if not is_song:
        source = VideoFile(path)
        assert (source.size, len(list(source))) == ((64, 48), 5)
        return
    with pytest.raises(VideoReadError, match='only a cover picture'):
        VideoFile(path)


def test_the_best_of_several_streams(videos, tmp_path):
    """Not the first one, a preview."""
    path = tmp_path / 'a.mp4'
    with av.open(str(path), 'w') as file:
        streams = [file.add_stream('mpeg4', rate=FPS) for _ in range(2)]
        for stream, (width, height) in zip(streams, [(48, 32), (64, 48)]):
            stream.width, stream.height = width, height
            stream.pix_fmt = 'yuv420p'
        streams[1].disposition = Disposition.default.value
        for index in range(10):
            for stream in streams if index == 0 else streams[1:]:
                frame = videos.picture(index, stream.height, stream.width)
                file.mux(
                    stream.encode(
                        av.VideoFrame.from_ndarray(frame, format='bgr24')))
        for stream in streams:
            file.mux(stream.encode(None))
    source = VideoFile(path)
    assert (source.size, len(list(source))) == ((64, 48), 10)


# the first frame is a key frame or not
@pytest.mark.parametrize('num_cut', [4, 6, 9, 20])
def test_edit_lists(videos, check, tmp_path, num_cut):
    source = VideoFile(
        videos.trim(videos.make(tmp_path / 'a.mp4'), num_cut),
        on_corrupt='raise')
    frames = list(source)
    assert [f.index for f in frames] == list(range(NUM_FRAMES - num_cut))
    assert [videos.index_of(f.image)
            for f in frames] == list(range(num_cut, NUM_FRAMES))
    assert source.num_frames == len(frames)
    assert frames[0].timestamp == 0


@pytest.mark.parametrize('codec', ['libx264', 'mpeg2video', 'mpeg4'])
@pytest.mark.parametrize('share', [.3, .5])
def test_streams_that_start_in_mid_group(videos, tmp_path, codec, share):
    whole = videos.make(
        tmp_path / 'a.ts', codec,
        **({} if codec == 'libx264' else dict(g='6', bf='2', qscale='2')))
    content = whole.read_bytes()
    path = tmp_path / 'b.ts'
    path.write_bytes(content[int(share * len(content)) // 188 * 188:])
    expected = [videos.index_of(image) for _, image in in_one_thread(path)]
    assert 10 < len(expected) < NUM_FRAMES
    source = VideoFile(path, on_corrupt='raise')
    frames = list(source)
    assert [f.index for f in frames] == list(range(len(expected)))
    assert [videos.index_of(f.image) for f in frames] == expected
    assert frames[0].timestamp == 0


# repeated, going back, beginning again
@pytest.mark.parametrize('milliseconds', [
    [0, 40, 80, 80, 120, 120, 160, 200, 240, 240],
    [0, 40, 80, 120, 60, 100, 160, 200, 240, 280],
    [0, 40, 80, 120, 160, 0, 40, 80, 120, 160],
    [0] * 10,
])
def test_pictures_count_and_not_time_stamps(videos, check, tmp_path,
                                            milliseconds):
    path = videos.make(tmp_path / 'a.avi', 'mjpeg', num_frames=10)
    source = VideoFile(
        videos.time_anew(path, tmp_path / 'b.mkv', milliseconds))
    frames = check(source, range(10))
    assert source.num_skipped == 0
    assert (np.diff([frame.timestamp for frame in frames]) > 0).all()


@pytest.mark.parametrize('suffix', ['mp4', 'mkv'])
@pytest.mark.parametrize(
    'fps',
    [Fraction(1, 3600), Fraction(2000), FPS,
     Fraction(1, 2)])
def test_frame_rates(videos, check, tmp_path, suffix, fps):
    source = VideoFile(videos.make(tmp_path / f'a.{suffix}', fps=fps))
    assert source.fps == fps
    for frame in check(source, range(NUM_FRAMES)):
        assert frame.timestamp == pytest.approx(
            float(frame.index / fps), abs=1e-3)


def test_a_rate_that_is_the_clocks(videos, tmp_path):
    """Browsers' recordings name none: FFmpeg takes the unit's, 1000."""
    times = [33 * i + (7 * i) % 11 for i in range(NUM_FRAMES)]
    path = videos.make(
        tmp_path / 'a.webm', 'libvpx', milliseconds=times, fps=Fraction(1000))
    with av.open(str(path)) as file:
        assert file.streams.video[0].average_rate == 1000
    assert 30 < VideoFile(path).fps < 31


@pytest.mark.parametrize('suffix, codec', [('h264', 'libx264'),
                                           ('h265', 'libx265'),
                                           ('m2v', 'mpeg2video'),
                                           ('mjpeg', 'mjpeg')])
def test_bare_streams(videos, tmp_path, suffix, codec):
    options = {'x265-params': 'log-level=none'} if codec == 'libx265' else {}
    path = videos.make(tmp_path / f'a.{suffix}', codec, **options)
    frames = list(VideoFile(path))
    assert [frame.index for frame in frames] == list(range(NUM_FRAMES))
    for frame, (_, image) in zip(frames, in_one_thread(path)):
        np.testing.assert_array_equal(frame.image, image)
    source = open_video(path, fps=12.5)
    assert source.fps == 12.5
    for frame in source:
        assert frame.timestamp == pytest.approx(frame.index / 12.5)
    with pytest.raises(ValueError, match='fps must be positive, got 0'):
        open_video(path, fps=0)


@pytest.fixture(scope='module')
def faulty(shared_clips):
    folder = shared_clips.parent / 'bugs'
    if not folder.is_dir():
        pytest.skip(f'needs the inputs that go wrong in {folder}')
    return folder


@pytest.mark.parametrize('name, num_frames, fps', [
    ('hflip.mp4', 8, 25),
    ('stutter.mkv', 24, 25),
    ('cover_first.mp4', 10, 25),
    ('trimmed.mp4', 25, 25),
    ('cut_midgop_libx264.ts', 34, 25),
    ('frame_an_hour.mp4', 6, Fraction(1, 3600)),
    ('browser_recording.webm', 10, Fraction(9000, 301)),
    ('elementary.h264', 10, 25),
])
def test_inputs_that_went_wrong(faulty, name, num_frames, fps):
    source = VideoFile(faulty / name, on_corrupt='raise')
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(num_frames))
    assert (source.fps, source.size) == (fps, (240, 180))
    assert source.num_skipped == 0
    by_index = open_frames(faulty / name)
    assert len(by_index) == num_frames
    for index in (num_frames - 1, 0, num_frames // 2):
        np.testing.assert_array_equal(by_index[index], frames[index].image)


def test_a_mirrored_video(faulty):
    for mirrored, plain in zip(
            VideoFile(faulty / 'hflip.mp4'), VideoFile(faulty / 'plain.mp4')):
        np.testing.assert_array_equal(mirrored.image, plain.image[:, ::-1])


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
    monkeypatch.setattr('mmpose_tdmi.video.structures.print_log',
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
