"""Frames of videos, folders and globs behind one interface."""
import cv2
import numpy as np
import pytest

from mmpose_tdmi.apis import (ImageSequence, find_images, number_frames,
                              open_frames, relative_names)
from mmpose_tdmi.utils.video import VideoReader, VideoReadError


def write_images(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((8, 12, 3), i, np.uint8))


def test_folder_glob_and_video_give_the_same_frames(clip):
    folder = open_frames(clip.folder)
    pattern = open_frames(str(clip.folder / '*.png'))
    video = open_frames(clip.video)
    assert isinstance(video, VideoReader)
    assert len(folder) == len(pattern) == len(video) == 7
    assert folder.size == video.size == (128, 96)
    assert (folder.fps, video.fps) == (25, 12.5)
    for (i, a), (j, b), (k, c) in zip(folder, pattern, video):
        assert i == j == k
        np.testing.assert_array_equal(a, clip.frames[i])
        np.testing.assert_array_equal(a, b)
        # chroma is stored at half the resolution
        assert np.abs(a.astype(int) - c).mean() < 12


def test_order_is_by_number(tmp_path):
    write_images(tmp_path, ['f10.png', 'f9.png', 'f100.png'])
    (tmp_path / 'notes.txt').write_text('no frame')
    names = [p.name for p in find_images(tmp_path)]
    assert names == ['f9.png', 'f10.png', 'f100.png']


def test_few_frames_are_kept(clip, monkeypatch):
    frames = ImageSequence(find_images(clip.folder), keep=3)
    reads = []
    load = frames._load
    monkeypatch.setattr(
        frames, '_load', lambda results: reads.append(results['frame_paths'][0]
                                                      [-5]) or load(results))
    for index, _ in frames:
        for neighbour in range(max(index - 2, 0), index + 1):
            frames[neighbour]
    assert reads == list('0123456')
    assert len(frames._kept) == 3


def test_numbers_are_those_of_the_files(tmp_path, clip):
    write_images(tmp_path, ['000003.jpg', '000008.jpg', '000018.jpg'])
    numbered = number_frames(open_frames(tmp_path))
    assert numbered.numbers.tolist() == [3, 8, 18]
    assert numbered.step == 5
    assert number_frames(open_frames(clip.video)).numbers.tolist() == list(
        range(7))
    single = number_frames(open_frames(tmp_path / '000008.jpg'))
    assert single.numbers.tolist() == [0]


def test_frames_that_are_no_single_video(tmp_path):
    write_images(tmp_path / 'a', ['1.png', '2.png'])
    write_images(tmp_path / 'b', ['1.png'])
    with pytest.raises(ValueError, match='frames of 2 videos'):
        number_frames(open_frames(str(tmp_path / '*' / '*.png')))
    write_images(tmp_path / 'c', ['start.png', 'end.png'])
    with pytest.raises(ValueError, match='must have their numbers'):
        number_frames(open_frames(tmp_path / 'c'))


def test_relative_names(tmp_path):
    paths = [tmp_path / 'a' / '1.png', tmp_path / 'b' / '1.png']
    assert relative_names(paths) == ['a/1.png', 'b/1.png']
    assert relative_names(paths[:1]) == ['1.png']


def test_nothing_to_open(tmp_path, clip):
    with pytest.raises(FileNotFoundError, match='none.mp4 does not exist'):
        open_frames(tmp_path / 'none.mp4')
    with pytest.raises(FileNotFoundError, match='no image files'):
        open_frames(tmp_path)
    with pytest.raises(FileNotFoundError, match='no image files'):
        open_frames(str(tmp_path / '*.jpg'))
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(VideoReadError, match='text.mp4'):
        open_frames(tmp_path / 'text.mp4')
    with pytest.raises(ValueError, match='its own frame rate'):
        open_frames(clip.video, fps=10)
    with pytest.raises(IndexError, match='no frame 7'):
        open_frames(clip.folder)[7]


def test_truncated_image_names_the_file(tmp_path):
    noise = np.random.default_rng(0).integers(
        0, 256, (64, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / '0.jpg'), noise)
    content = (tmp_path / '0.jpg').read_bytes()
    (tmp_path / '0.jpg').write_bytes(content[:len(content) // 2])
    with pytest.raises(ValueError, match='0.jpg is truncated'):
        open_frames(tmp_path)[0]
