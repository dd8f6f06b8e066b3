"""Frames of videos, folders and globs by index."""
import av
import numpy as np
import pytest

from mmpose_tdmi.utils.video import VideoReadError
from mmpose_tdmi.video.decoding import VideoFile, open_frames


@pytest.fixture(scope='module')
def video(tmp_path_factory, videos):
    return videos.make(tmp_path_factory.mktemp('video') / 'a.mp4')


def test_folder_glob_and_video_give_the_same_frames(clip):
    folder = open_frames(clip.folder)
    pattern = open_frames(str(clip.folder / '*.png'))
    video = open_frames(clip.video)
    assert len(folder) == len(pattern) == len(video) == 7
    assert folder.size == video.size == (128, 96)
    assert (folder.fps, video.fps) == (25, 12.5)
    for i in (3, 0, 6):
        np.testing.assert_array_equal(folder[i], clip.frames[i])
        np.testing.assert_array_equal(folder[i], pattern[i])
        # chroma is stored at half the resolution
        assert np.abs(folder[i].astype(int) - video[i]).mean() < 12


@pytest.mark.parametrize('keep', [1, 8])
def test_jumps_give_the_frames_of_reading_on(videos, video, keep):
    expected = [frame.image for frame in VideoFile(video)]
    frames = open_frames(video, keep=keep)
    random = np.random.default_rng(keep)
    for index in random.integers(0, videos.num_frames, 12):
        np.testing.assert_array_equal(frames[int(index)], expected[index])
    assert [i for i, _ in frames] == list(range(videos.num_frames))


@pytest.mark.parametrize('packets', [(10, ), (0, ), (39, 38), (12, 13, 14)])
def test_holes_are_those_of_reading_on(videos, video, tmp_path, packets):
    path = videos.damage(video, tmp_path / 'b.mp4', packets)
    expected = {frame.index: frame.image for frame in VideoFile(path)}
    frames = open_frames(path)
    assert len(frames) == videos.num_frames
    for index in [*range(videos.num_frames), 20, 0, 39]:
        if index in expected:
            np.testing.assert_array_equal(frames[index], expected[index])
        else:
            with pytest.raises(VideoReadError, match=f'frame {index} cannot'):
                frames[index]


def test_a_moving_window_decodes_each_frame_once(videos, video, monkeypatch):
    passes = []
    original = VideoFile._frames
    monkeypatch.setattr(VideoFile, '_frames',
                        lambda self: passes.append(1) or original(self))
    frames = open_frames(video)
    for key in range(2, videos.num_frames - 2):
        window = [frames[key + offset] for offset in range(-2, 3)]
        assert [videos.index_of(f)
                for f in window] == list(range(key - 2, key + 3))
    assert len(passes) == 1


def test_frames_outside_the_video(video):
    frames = open_frames(video)
    for index in (40, -1, 10**6):
        with pytest.raises(IndexError, match=f'no frame {index}.*0 to 39'):
            frames[index]


def test_time_stamps_of_an_avi_do_not_matter(shared_clips):
    # its frames carry time stamps that are out of order
    frames = open_frames(shared_clips / 'real_motion/videos/drink.avi')
    third = frames[3]
    frames[14]
    np.testing.assert_array_equal(frames[3], third)


def test_nothing_to_open(tmp_path, clip):
    with pytest.raises(FileNotFoundError, match='none.mp4 does not exist'):
        open_frames(tmp_path / 'none.mp4')
    with pytest.raises(FileNotFoundError, match='no image files'):
        open_frames(tmp_path)


@pytest.mark.parametrize('content', [b'', b'no video at all' * 100])
def test_a_file_that_is_no_video(tmp_path, content):
    path = tmp_path / 'bad.mp4'
    path.write_bytes(content)
    with pytest.raises(VideoReadError, match='bad.mp4'):
        open_frames(path)


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
        open_frames(path)


def test_a_truncated_video_names_the_frame(videos, video, tmp_path):
    path = tmp_path / 'short.mp4'
    content = video.read_bytes()
    start = content.find(b'mdat')  # the pictures, after the header
    path.write_bytes(content[:start + (len(content) - start) * 2 // 3])
    good = []
    with pytest.raises(VideoReadError, match='short.mp4.*frame') as error:
        for index, frame in open_frames(path):
            good.append(videos.index_of(frame))
    assert good == list(range(len(good))) and 5 < len(good) < 40
    assert f'frame {len(good)} ' in str(error.value)
    with pytest.raises(VideoReadError):
        open_frames(path)[39]


def test_a_corrupt_video_names_the_frame(shared_clips, tmp_path):
    path = tmp_path / 'corrupt.mp4'
    content = bytearray((shared_clips / 'street/demo.mp4').read_bytes())
    # the middle of the largest box, which holds the pictures
    start = content.find(b'mdat') + (len(content) - content.find(b'mdat')) // 2
    content[start:start + 2000] = np.random.bytes(2000)
    path.write_bytes(content)
    with pytest.raises(VideoReadError, match=r'corrupt.mp4: frame \d'):
        list(open_frames(path))
