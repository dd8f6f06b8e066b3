"""Image files as videos."""
import cv2
import numpy as np
import pytest

from mmpose_tdmi.video.decoding import (ImageSequence, find_images,
                                        number_images, open_video,
                                        relative_names)


def write_images(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((8, 12, 3), i, np.uint8))


def test_folder(tmp_path):
    write_images(tmp_path, ['f9.png', 'f10.png', 'f100.png'])
    (tmp_path / 'notes.txt').write_text('no frame')
    source = open_video(tmp_path, fps=10)
    assert (source.name, source.num_frames) == (tmp_path.name, 3)
    assert (source.size, source.fps, source.frame_step) == ((12, 8), 10, 1)
    frames = list(source)
    assert [f.index for f in frames] == [0, 1, 2]
    assert [f.number for f in frames] == [9, 10, 100]
    assert [f.file_name for f in frames] == ['f9.png', 'f10.png', 'f100.png']
    assert [int(f.image[0, 0, 0]) for f in frames] == [0, 1, 2]
    # a gap in the numbers is a gap in time
    assert [f.timestamp for f in frames] == pytest.approx([0, .1, 9.1])


def test_steps(tmp_path):
    write_images(tmp_path, ['000003.jpg', '000008.jpg', '000018.jpg'])
    source = open_video(str(tmp_path / '*.jpg'))
    assert source.frame_step == 5
    assert [f.timestamp for f in source] == pytest.approx([0, .04, .12])
    single = open_video(tmp_path / '000008.jpg')
    assert [(f.index, f.number) for f in single] == [(0, 0)]


def test_list_of_files(tmp_path):
    write_images(tmp_path / 'a', ['1.png', '2.png', '3.png'])
    source = open_video([tmp_path / 'a/1.png', tmp_path / 'a/3.png'])
    assert source.name == 'a'
    assert [f.number for f in source] == [1, 3]
    with pytest.raises(FileNotFoundError, match='9.png does not exist'):
        open_video([tmp_path / 'a/9.png'])


def test_damaged_and_missing_files_leave_holes(tmp_path):
    noise = np.random.default_rng(0).integers(
        0, 256, (64, 64, 3), dtype=np.uint8)
    for i in range(5):
        cv2.imwrite(str(tmp_path / f'{i}.jpg'), noise)
    content = (tmp_path / '1.jpg').read_bytes()
    (tmp_path / '1.jpg').write_bytes(content[:len(content) // 2])
    (tmp_path / '2.jpg').write_bytes(b'')
    source = open_video(tmp_path)
    (tmp_path / '3.jpg').unlink()
    assert [f.index for f in source] == [0, 4]
    assert source.num_skipped == 3
    with pytest.raises(ValueError, match='1.jpg is truncated'):
        list(open_video(tmp_path, on_corrupt='raise'))


def test_frames_that_are_no_single_video(tmp_path):
    write_images(tmp_path / 'a', ['1.png', '2.png'])
    write_images(tmp_path / 'b', ['1.png'])
    with pytest.raises(ValueError, match='frames of 2 videos'):
        open_video(str(tmp_path / '*' / '*.png'))
    write_images(tmp_path / 'c', ['start.png', 'end.png'])
    with pytest.raises(ValueError, match='expected a frame number in'):
        open_video(tmp_path / 'c')
    with pytest.raises(ValueError, match='must ascend'):
        number_images(['2.png', '1.png'])


def test_names(tmp_path):
    paths = [tmp_path / 'a' / '1.png', tmp_path / 'b' / '1.png']
    assert relative_names(paths) == ['a/1.png', 'b/1.png']
    assert relative_names(paths[:1]) == ['1.png']


def test_few_images_are_kept(tmp_path, monkeypatch):
    write_images(tmp_path, [f'{i}.png' for i in range(7)])
    frames = ImageSequence(find_images(tmp_path), keep=3)
    reads, load = [], frames._load

    def record(results):
        reads.append(results['frame_paths'][0][-5])
        return load(results)

    monkeypatch.setattr(frames, '_load', record)
    for index, _ in frames:
        for neighbour in range(max(index - 2, 0), index + 1):
            frames[neighbour]
    assert reads == list('0123456')
    with pytest.raises(IndexError, match='no frame 7'):
        frames[7]
