"""Image files as videos."""
import os

import cv2
import numpy as np
import pytest

from mmpose_tdmi.video import images
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


def named_by_time(folder, unit, jitter=0):
    """Thirty frames at 25 a second from a tenth on, the 12th lost."""
    rng = np.random.default_rng(0)
    times = [
        1700000000.1 + (i + rng.uniform(-jitter, jitter)) / 25
        for i in range(30) if i != 12
    ]
    names = [round(time * 1000) * unit // 1000 for time in times]
    write_images(folder, [f'cam0_{name}.png' for name in names])
    return [(name - names[0]) / unit for name in names]


@pytest.mark.parametrize('unit', [10**3, 10**6, 10**9])
@pytest.mark.parametrize('jitter', [0, .1])
def test_names_that_are_times(tmp_path, unit, jitter, monkeypatch):
    texts = []
    monkeypatch.setattr(images, 'print_log',
                        lambda text, *_: texts.append(text))
    times = named_by_time(tmp_path, unit, jitter)
    source = open_video(tmp_path)
    assert float(source.fps) == pytest.approx(25, rel=.02)
    frames = list(source)
    assert [f.timestamp for f in frames] == pytest.approx(times, abs=1e-6)
    steps = [(f.number - frames[0].number) / source.frame_step for f in frames]
    assert steps == [i for i in range(30) if i != 12]
    text, = texts
    assert 'names are times' in text and f': {unit} a second' in text

    # whoever gives a rate has it, frame by frame
    source = open_video(tmp_path, fps=10)
    assert source.fps == 10 and len(texts) == 1
    assert [f.timestamp for f in source
            ] == pytest.approx([i / 10 for i in range(30) if i != 12])


def test_names_that_are_seconds(tmp_path):
    numbers = [1700000000 + 60 * i + i % 3 for i in range(20)]
    write_images(tmp_path, [f'{number}.png' for number in numbers])
    source = open_video(tmp_path)
    assert float(source.fps) == pytest.approx(1 / 60, rel=.01)
    assert [f.timestamp for f in source] == [n - numbers[0] for n in numbers]


def test_a_shared_folder_named_by_time(shared_bugs):
    source = open_video(shared_bugs / 'frames_named_by_time')
    assert (source.fps, source.frame_step) == (30, 33)
    frames = list(source)
    assert [f.number - frames[0].number for f in frames] == \
        [33 * i for i in range(10)]
    assert [f.timestamp for f in frames
            ] == [0, .033, .067, .1, .133, .167, .2, .234, .267, .3]


def stack(path, num=20):
    """An image file of several pictures, brighter one by one."""
    pictures = [np.full((8, 12, 3), 10 * i, np.uint8) for i in range(num)]
    if path.suffix == '.tif':
        assert cv2.imwritemulti(str(path), pictures)
        return
    animation = cv2.Animation()
    animation.frames = pictures
    animation.durations = np.array([40, 80] * (num // 2))
    assert cv2.imwriteanimation(str(path), animation)


@pytest.mark.parametrize('suffix, times, fps', [
    ('.tif', [i / 25 for i in range(20)], 25),
    ('.webp', [.06 * i - (i % 2) * .02 for i in range(20)], 1000 / 60),
    ('.png', [.06 * i - (i % 2) * .02 for i in range(20)], 1000 / 60),
])
def test_all_pictures_of_a_file(tmp_path, suffix, times, fps):
    path = tmp_path / f'scan{suffix}'
    stack(path)
    source = open_video(path)
    assert (source.name, source.input) == ('scan', str(path))
    assert float(source.fps) == pytest.approx(fps, rel=1e-3)
    assert (source.num_frames, source.paths) == (20, None)
    for _ in range(2):
        frames = list(source)
        assert [f.index for f in frames] == list(range(20))
        assert [f.timestamp for f in frames] == pytest.approx(times)
        levels = [int(f.image.mean()) for f in frames]
        assert np.abs(np.subtract(levels, range(0, 200, 10))).max() <= 2
        assert {f.image.shape for f in frames} == {(8, 12, 3)}
    assert [f.timestamp for f in open_video(path, fps=10)
            ] == pytest.approx([i / 10 for i in range(20)])
    # as one frame of several they are refused, by its name
    write_images(tmp_path, ['1.png'])
    with pytest.raises(ValueError, match=f'scan{suffix} has several pictures'):
        list(open_video([path], on_corrupt='raise'))


def test_a_shared_animation(shared_bugs):
    frames = list(open_video(shared_bugs / 'anim.webp'))
    assert [f.timestamp
            for f in frames] == pytest.approx([.04 * i for i in range(8)])
    assert {f.image.shape for f in frames} == {(90, 120, 3)}
    assert len({f.image.tobytes() for f in frames}) == 8


def test_a_name_that_is_no_number(tmp_path):
    write_images(tmp_path, ['a\u00b22.png', 'a\u00b210.png'])
    assert [f.number for f in open_video(tmp_path)] == [2, 10]
    latin = os.fsdecode(b'sc\xe9ne.tif')
    stack(tmp_path / 'scan.tif')
    os.rename(tmp_path / 'scan.tif', tmp_path / latin)
    with pytest.raises(ValueError, match='not UTF-8: rename'):
        open_video(tmp_path / latin)
