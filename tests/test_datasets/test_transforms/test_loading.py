"""Loading of clips."""
import copy
import os
import pickle

import cv2
import mmcv
import numpy as np
import pytest

from mmpose_tdmi.datasets import LoadFrameSequence
from mmpose_tdmi.utils.video import VideoWriter


@pytest.fixture
def paths(tmp_path):
    """Five JPEG files, brighter one by one."""
    names = []
    for index in range(5):
        names.append(str(tmp_path / f'{index:06d}.jpg'))
        cv2.imwrite(names[-1], np.full((48, 64, 3), 50 * index, np.uint8))
    return names


def test_files(paths):
    results = LoadFrameSequence()(dict(frame_paths=paths, img_path=paths[2]))
    assert len(results['img']) == 5
    for frame, path in zip(results['img'], paths):
        np.testing.assert_array_equal(frame, mmcv.imread(path))
    assert results['img_shape'] == results['ori_shape'] == (48, 64)
    assert results['img_path'] == paths[2]
    assert results['key_frame'] == 2
    assert results['frame_offsets'] == (-2, -1, 0, 1, 2)
    assert results['frame_padded'] == [False] * 5
    assert results['frame_paths'] == paths


def test_the_key_frame_of_explicit_offsets(paths):
    results = LoadFrameSequence()(
        dict(frame_paths=paths[:4], frame_offsets=(-3, -2, -1, 0)))
    assert results['key_frame'] == 3
    assert results['img_path'] == paths[3]


def test_a_padded_frame_is_decoded_once_and_shared_with_none(
        paths, monkeypatch):
    decoded = []
    decode = mmcv.imfrombytes
    monkeypatch.setattr(
        mmcv, 'imfrombytes', lambda *a, **k:
        (decoded.append(1), decode(*a, **k))[1])
    clip = [paths[0]] * 3 + paths[1:3]
    frames = LoadFrameSequence()(dict(frame_paths=clip))['img']
    assert len(decoded) == 3
    np.testing.assert_array_equal(frames[0], frames[1])
    frames[0][:] = 255  # as transforms that write in place do
    assert frames[1].max() < 10 and frames[2].max() < 10


def test_arrays(paths):
    arrays = [mmcv.imread(path) for path in paths]
    for key in ('frames', 'img'):
        results = LoadFrameSequence()({key: list(arrays)})
        assert 'frames' not in results
        for frame, array in zip(results['img'], arrays):
            np.testing.assert_array_equal(frame, array)
        assert results['img_path'] is None
        assert results['img_shape'] == (48, 64)
        assert results['frame_indices'] == [0, 1, 2, 3, 4]


def test_a_video(tmp_path):
    path = tmp_path / 'a.mp4'
    with VideoWriter(path, 25, crf=4) as writer:
        for index in range(8):
            writer.write(np.full((48, 64, 3), 30 * index, np.uint8))
    transform = LoadFrameSequence()
    for indices in ([5, 6, 7, 7, 7], [0, 0, 0, 1, 2]):
        results = transform(
            dict(video_path=str(path), frame_indices=list(indices)))
        levels = [round(frame.mean() / 30) for frame in results['img']]
        assert levels == indices
        assert results['img_path'] == str(path)
        assert results['frame_indices'] == indices
        assert results['frame_paths'] == [str(path)] * 5
    # an open video does not keep the transform from going to a worker
    for other in (pickle.loads(pickle.dumps(transform)),
                  copy.deepcopy(transform)):
        assert len(
            other(dict(video_path=str(path), frame_indices=[1]))['img']) == 1
    with pytest.raises(IndexError, match='a.mp4 has no frame 8'):
        transform(dict(video_path=str(path), frame_indices=[8]))
    with pytest.raises(FileNotFoundError, match='b.mp4'):
        transform(dict(video_path=str(tmp_path / 'b.mp4'), frame_indices=[1]))
    with pytest.raises(ValueError, match='a.mp4.*without frame_indices'):
        transform(dict(video_path=str(path)))


def test_host_options(paths):
    results = LoadFrameSequence(
        to_float32=True, imdecode_backend='pillow')(
            dict(frame_paths=paths))
    assert results['img'][0].dtype == np.float32


def test_a_missing_frame_is_named(paths):
    os.remove(paths[3])
    with pytest.raises(FileNotFoundError, match='000003.jpg.*place 3'):
        LoadFrameSequence()(dict(frame_paths=paths))
    assert LoadFrameSequence(ignore_empty=True)(
        dict(frame_paths=paths)) is None


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_an_undecodable_frame_is_named(paths, backend):
    with open(paths[1], 'wb') as file:
        file.write(b'not an image')
    with pytest.raises(ValueError, match='000001.jpg cannot be decoded'):
        LoadFrameSequence(imdecode_backend=backend)(dict(frame_paths=paths))
    open(paths[1], 'wb').close()
    with pytest.raises(ValueError, match='000001.jpg is an empty file'):
        LoadFrameSequence(imdecode_backend=backend)(dict(frame_paths=paths))


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('part', [0.3, 0.6, 0.99])
def test_a_truncated_frame_is_named(tmp_path, suffix, part):
    path = tmp_path / f'cut{suffix}'
    image = np.random.randint(0, 256, (64, 64, 3), np.uint8)
    cv2.imwrite(str(path), image)
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * part)])
    with pytest.raises(ValueError, match=f'cut{suffix} is truncated'):
        LoadFrameSequence()(dict(frame_paths=[str(path)]))


def test_a_truncated_real_frame_is_named(shared_clips, tmp_path):
    source = shared_clips / 'posetrack18/videos/000001_mpiinew_test/000000.jpg'
    content = source.read_bytes()
    path = tmp_path / 'cut.jpg'
    for length in (len(content) // 2, len(content) - 2):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match='cut.jpg is truncated'):
            LoadFrameSequence()(dict(frame_paths=[str(path)]))


def test_whole_real_frames_are_not_called_truncated(shared_clips):
    frames = sorted(map(str, (shared_clips / 'posetrack18').rglob('*.jpg')))
    assert len(frames) == 8
    for path in frames:
        LoadFrameSequence()(dict(frame_paths=[path]))


def test_a_frame_of_another_size_is_named(paths):
    cv2.imwrite(paths[4], np.zeros((40, 64, 3), np.uint8))
    with pytest.raises(
            ValueError, match='000004.jpg has 64x40.*000002.jpg, has 64x48'):
        LoadFrameSequence()(dict(frame_paths=paths))


@pytest.mark.parametrize('num_frames', [2, 4])
def test_an_even_clip_without_offsets(paths, num_frames):
    with pytest.raises(ValueError, match=f'T = {num_frames}'):
        LoadFrameSequence()(dict(frame_paths=paths[:num_frames]))


def test_an_empty_clip():
    with pytest.raises(ValueError, match="the clip is empty.*'k.jpg'"):
        LoadFrameSequence()(dict(frame_paths=[], img_path='k.jpg'))


@pytest.mark.parametrize('key', ['frame_offsets', 'frame_padded'])
def test_keys_that_disagree_about_t(paths, key):
    sample = dict(frame_paths=paths, frame_padded=[False] * 5)
    sample[key] = [0, 1, 2]
    with pytest.raises(ValueError, match='5|3.*T = 3|5'):
        LoadFrameSequence()(sample)


def test_samples_without_a_clip():
    with pytest.raises(ValueError, match='one of frame_paths.*img_path'):
        LoadFrameSequence()(dict(img_path='k.jpg'))
    with pytest.raises(ValueError, match='must be a list.*got str'):
        LoadFrameSequence()(dict(frame_paths='k.jpg'))
    with pytest.raises(ValueError, match='must be a list.*got ndarray'):
        LoadFrameSequence()(dict(img=np.zeros((4, 4, 3), np.uint8)))
    with pytest.raises(ValueError, match=r'frame 0 of the clip \(img\[0\]\)'):
        LoadFrameSequence()(dict(img=['a.jpg']))
