"""Frames kept for samples to come."""
import pickle

import cv2
import mmcv
import numpy as np
import pytest

from mmpose_tdmi.datasets import LoadFrameSequence, ShareRandomParams
from mmpose_tdmi.datasets.transforms.loading import FrameFiles


@pytest.fixture
def paths(tmp_path):
    """Eight JPEG files of noise, of odd sides."""
    rng = np.random.default_rng(0)
    names = []
    for index in range(8):
        names.append(str(tmp_path / f'{index:06d}.jpg'))
        cv2.imwrite(names[-1], rng.integers(0, 256, (49, 67, 3), np.uint8))
    return names


def windows(paths):
    """Clips in the order of a test, two persons in each frame."""
    for key in range(2, len(paths) - 2):
        for _ in range(2):
            yield dict(frame_paths=paths[key - 2:key + 3], img_path=paths[key])


def test_pixels_are_the_same_with_fewer_decodes(paths):
    plain, kept = LoadFrameSequence(), LoadFrameSequence(cache_frames=5)
    for sample in windows(paths):
        for a, b in zip(plain(dict(sample))['img'], kept(dict(sample))['img']):
            np.testing.assert_array_equal(a, b)
    assert plain.files.num_decodes == 8 * 5
    assert kept.files.num_decodes == 8


def test_transforms_that_write_in_place_do_no_harm(paths):
    transform = LoadFrameSequence(cache_frames=5)
    frames = transform(dict(frame_paths=paths[:5]))['img']
    with pytest.raises(ValueError, match='read-only'):
        frames[0][:] = 0

    class Blacken:

        def __call__(self, results):
            results['img'][:] = 0
            return results

    black = ShareRandomParams([Blacken()])(dict(img=frames))['img']
    assert not np.any(black)
    for frame, path in zip(
            transform(dict(frame_paths=paths[:5]))['img'], paths):
        np.testing.assert_array_equal(frame, mmcv.imread(path))


def test_no_more_frames_are_kept_than_allowed(paths):
    files = FrameFiles(keep=3)
    for path in paths:
        files.read([path], 'x')
        assert len(files._kept) <= 3
    files.read(paths[-3:], 'x')
    assert files.num_decodes == 8
    # the one that was not used for the longest time has left
    files.read(paths[-4:-3], 'x')
    assert files.num_decodes == 9


def test_a_window_larger_than_the_cache(paths):
    files = FrameFiles(keep=2)
    for _ in range(2):
        for frame, path in zip(files.read(paths[:5], 'x'), paths):
            np.testing.assert_array_equal(frame, mmcv.imread(path))


def test_frames_do_not_go_to_other_processes(paths):
    transform = LoadFrameSequence(cache_frames=8)
    transform(dict(frame_paths=paths[:5]))
    assert len(pickle.dumps(transform)) < 5000
    other = pickle.loads(pickle.dumps(transform))
    other(dict(frame_paths=paths[:5]))
    assert other.files.num_decodes == 10


def test_nothing_is_kept_by_default(paths):
    transform = LoadFrameSequence()
    transform(dict(frame_paths=paths[:5]))
    assert not transform.files._kept


@pytest.mark.parametrize('keep', [-1, 1.5, True])
def test_invalid_numbers_of_frames(keep):
    with pytest.raises(ValueError, match='cache_frames.*got'):
        LoadFrameSequence(cache_frames=keep)


@pytest.mark.parametrize('reduction', [2, 4, 8])
def test_reduced_files(paths, tmp_path, reduction):
    frame, = FrameFiles(keep=2).read(paths[:1], 'x', reduction)
    assert frame.shape == (-(-49 // reduction), -(-67 // reduction), 3)
    # other files, and other decoders, come whole
    png = str(tmp_path / 'a.png')
    cv2.imwrite(png, mmcv.imread(paths[0]))
    frame, = FrameFiles().read([png], 'x', reduction)
    np.testing.assert_array_equal(frame, mmcv.imread(paths[0]))
    frame, = FrameFiles(imdecode_backend='pillow').read(paths[:1], 'x', 2)
    assert frame.shape == (49, 67, 3)


def test_a_kept_frame_serves_where_a_smaller_one_would_do(paths):
    files = FrameFiles(keep=4)
    # 25 rows are there when 1 / 8 and 1 / 4 are asked for, 49 in the end
    for reduction, rows in ((4, 13), (2, 25), (8, 25), (4, 25), (1, 49), (8,
                                                                          49)):
        frame, = files.read(paths[:1], 'x', reduction)
        assert frame.shape[0] == rows
    assert files.num_decodes == 3
