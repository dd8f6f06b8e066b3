"""Loading of clips, and frames kept for samples to come."""
import os
import pickle
import struct
import zlib

import cv2
import mmcv
import numpy as np
import pytest

from mmpose_tdmi.datasets import LoadFrameSequence, ShareRandomParams
from mmpose_tdmi.datasets.transforms.loading import (FrameFiles,
                                                     has_several_pictures)


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


def texture(size=64, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (size, size, 3), np.uint8)


def encoded(suffix, image, *options):
    return cv2.imencode(suffix, image, options)[1].tobytes()


def read(tmp_path, content, name='frame.jpg', **kwargs):
    path = tmp_path / name
    path.write_bytes(content)
    return LoadFrameSequence(**kwargs)(dict(frame_paths=[str(path)]))['img'][0]


def with_thumbnail(content):
    """A JPEG with another, its end marker included, in an APP1 segment."""
    inner = b'Exif\0\0' + encoded('.jpg', texture(32, 1))
    length = (len(inner) + 2).to_bytes(2, 'big')
    return content[:2] + b'\xff\xe1' + length + inner + content[2:]


JPEGS = dict(
    baseline=encoded('.jpg', texture()),
    progressive=encoded('.jpg', texture(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    restarts=encoded('.jpg', texture(), cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    thumbnail=with_thumbnail(encoded('.jpg', texture())),
    several_scans=with_thumbnail(
        encoded('.jpg', texture(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)))


@pytest.mark.parametrize('kind', JPEGS)
def test_bytes_after_a_jpeg_s_end(tmp_path, kind):
    content = JPEGS[kind]
    expected = read(tmp_path, content)
    film = b'\0\0\0\x18ftypmp42' + b'\xff\xda\xff\xd8' * 50
    for rest in (film, JPEGS['baseline'], JPEGS['baseline'][:-50], b'\xff'):
        assert np.array_equal(read(tmp_path, content + rest), expected)


@pytest.mark.parametrize('kind', JPEGS)
@pytest.mark.parametrize('rest', [b'', JPEGS['thumbnail']])
def test_truncated_jpegs(tmp_path, kind, rest):
    """Whatever comes behind, and whatever is embedded."""
    content = JPEGS[kind]
    for length in (3, len(content) // 20, len(content) // 2,
                   int(.9 * len(content)), len(content) - 2):
        if rest and length < len(content) // 2:
            continue  # within a segment, all that follows is its content
        with pytest.raises(ValueError, match='frame.jpg is truncated'):
            read(tmp_path, content[:length] + rest)


def png_chunk(kind, data):
    crc = zlib.crc32(kind + data).to_bytes(4, 'big')
    return len(data).to_bytes(4, 'big') + kind + data + crc


def test_a_png_s_end(tmp_path):
    """Neither bytes behind it nor its name in a text make a difference."""
    content = encoded('.png', texture())
    text = png_chunk(b'tEXt', b'Comment\0the IEND of it')
    content = content[:33] + text + content[33:]
    assert np.array_equal(read(tmp_path, content, 'x.png'), texture())
    assert np.array_equal(read(tmp_path, content + b'abc', 'x.png'), texture())
    for length in (90, len(content) // 2, len(content) - 1):
        with pytest.raises(ValueError, match='x.png is truncated'):
            read(tmp_path, content[:length], 'x.png')


def test_a_motion_photo(shared_bugs):
    image, = LoadFrameSequence()(
        dict(frame_paths=[str(shared_bugs / 'motion_photo.jpg')]))['img']
    assert image.shape == (72, 96, 3)
    with pytest.raises(ValueError, match='anim.webp has several pictures'):
        LoadFrameSequence()(dict(frame_paths=[str(shared_bugs / 'anim.webp')]))


def animation(path, count=3):
    pictures = cv2.Animation()
    pictures.frames = [texture(seed=seed) for seed in range(count)]
    pictures.durations = np.full(count, 40)
    assert cv2.imwriteanimation(str(path), pictures)


def tiff(*pages, big=False, order='<'):
    """A TIFF file of single-pixel pages, each with its subfile type."""
    offset, count = ('Q', 'Q') if big else ('I', 'H')
    mark = b'II' if order == '<' else b'MM'
    start = struct.pack(order + 'HHH', 43, 8, 0) if big else struct.pack(
        order + 'H', 42)
    place = len(mark + start) + struct.calcsize(offset)
    content = mark + start + struct.pack(order + offset, place)
    for index, kind in enumerate(pages):
        tags = [(254, 4, kind)] * (kind is not None) + [(256, 3, 1),
                                                        (257, 3, 1)]
        page = struct.pack(order + count, len(tags))
        for tag, type_, value in tags:
            code = 'I' if type_ == 4 else 'H'
            page += struct.pack(order + 'HH' + offset, tag, type_, 1)
            page += struct.pack(order + code,
                                value).ljust(struct.calcsize(offset), b'\0')
        place += len(page) + struct.calcsize(offset)
        last = index + 1 == len(pages)
        content += page + struct.pack(order + offset, 0 if last else place)
    return content


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('pages, expected', [([None], False), ([0], False),
                                             ([0, 1], False),
                                             ([None, 1, 5, 4], False),
                                             ([0, 0], True),
                                             ([None, None], True),
                                             ([0, 1, 2], True)])
def test_pages_of_a_tiff_file(order, big, pages, expected):
    """Smaller copies and masks are none."""
    content = tiff(*pages, big=big, order=order)
    assert has_several_pictures(content) is expected
    assert not any(
        has_several_pictures(content[:length]) for length in range(40))


@pytest.mark.parametrize('suffix', ['.tif', '.webp', '.png'])
def test_several_pictures_are_no_frame(tmp_path, suffix):
    path = tmp_path / f'stack{suffix}'
    if suffix == '.tif':
        cv2.imwritemulti(str(path), [texture(), texture(seed=1)])
    else:
        animation(path)
    with pytest.raises(ValueError, match='has several pictures, expected one'):
        read(tmp_path, path.read_bytes(), path.name)
    for single in (encoded(suffix,
                           texture()), encoded(suffix,
                                               texture()[..., 0])):
        assert read(tmp_path, single, path.name).shape == (64, 64, 3)


@pytest.mark.parametrize('suffix', ['.tif', '.png'])
@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_samples_of_more_than_eight_bits(tmp_path, suffix, backend):
    deep = np.random.default_rng(0).integers(0, 2**16, (8, 8, 3), np.uint16)

    def load(image, **kwargs):
        return read(
            tmp_path,
            encoded(suffix, image),
            f'deep{suffix}',
            imdecode_backend=backend,
            **kwargs)

    assert np.array_equal(load(deep), deep >> 8)
    assert load(deep[..., 0]).shape == (8, 8, 3)
    assert load(deep, color_type='grayscale').dtype == np.uint8
    assert not load(0 * deep).any()
    with pytest.raises(
            ValueError, match='deep.* samples of uint16, at most 4095; exp'):
        load(np.full_like(deep, 4095))
    if suffix == '.tif':
        with pytest.raises(ValueError, match='samples of float32, at most 1'):
            load(np.ones((8, 8, 3), np.float32))
    assert np.array_equal(load(texture()), texture())
    if backend == 'cv2':
        assert load(deep, color_type='unchanged').dtype == np.uint16


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


# Frames that are kept


@pytest.fixture
def noise(tmp_path):
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


def test_pixels_are_the_same_with_fewer_decodes(noise):
    plain, kept = LoadFrameSequence(), LoadFrameSequence(cache_frames=5)
    for sample in windows(noise):
        for a, b in zip(plain(dict(sample))['img'], kept(dict(sample))['img']):
            np.testing.assert_array_equal(a, b)
    assert plain.files.num_decodes == 8 * 5
    assert kept.files.num_decodes == 8


def test_transforms_that_write_in_place_do_no_harm(noise):
    transform = LoadFrameSequence(cache_frames=5)
    frames = transform(dict(frame_paths=noise[:5]))['img']
    with pytest.raises(ValueError, match='read-only'):
        frames[0][:] = 0

    class Blacken:

        def __call__(self, results):
            results['img'][:] = 0
            return results

    black = ShareRandomParams([Blacken()])(dict(img=frames))['img']
    assert not np.any(black)
    for frame, path in zip(
            transform(dict(frame_paths=noise[:5]))['img'], noise):
        np.testing.assert_array_equal(frame, mmcv.imread(path))


def test_no_more_frames_are_kept_than_allowed(noise):
    files = FrameFiles(keep=3)
    for path in noise:
        files.read([path], 'x')
        assert len(files._kept) <= 3
    files.read(noise[-3:], 'x')
    assert files.num_decodes == 8
    # the one that was not used for the longest time has left
    files.read(noise[-4:-3], 'x')
    assert files.num_decodes == 9


def test_a_window_larger_than_the_cache(noise):
    files = FrameFiles(keep=2)
    for _ in range(2):
        for frame, path in zip(files.read(noise[:5], 'x'), noise):
            np.testing.assert_array_equal(frame, mmcv.imread(path))


def test_frames_do_not_go_to_other_processes(noise):
    transform = LoadFrameSequence(cache_frames=8)
    transform(dict(frame_paths=noise[:5]))
    assert len(pickle.dumps(transform)) < 5000
    other = pickle.loads(pickle.dumps(transform))
    other(dict(frame_paths=noise[:5]))
    assert other.files.num_decodes == 10


def test_nothing_is_kept_by_default(noise):
    transform = LoadFrameSequence()
    transform(dict(frame_paths=noise[:5]))
    assert not transform.files._kept


@pytest.mark.parametrize('keep', [-1, 1.5, True])
def test_invalid_numbers_of_frames(keep):
    with pytest.raises(ValueError, match='cache_frames.*got'):
        LoadFrameSequence(cache_frames=keep)


@pytest.mark.parametrize('reduction', [2, 4, 8])
def test_reduced_files(noise, tmp_path, reduction):
    frame, = FrameFiles(keep=2).read(noise[:1], 'x', reduction)
    assert frame.shape == (-(-49 // reduction), -(-67 // reduction), 3)
    # other files, and other decoders, come whole
    png = str(tmp_path / 'a.png')
    cv2.imwrite(png, mmcv.imread(noise[0]))
    frame, = FrameFiles().read([png], 'x', reduction)
    np.testing.assert_array_equal(frame, mmcv.imread(noise[0]))
    frame, = FrameFiles(imdecode_backend='pillow').read(noise[:1], 'x', 2)
    assert frame.shape == (49, 67, 3)


def test_a_kept_frame_serves_where_a_smaller_one_would_do(noise):
    files = FrameFiles(keep=4)
    # 25 rows are there when 1 / 8 and 1 / 4 are asked for, 49 in the end
    for reduction, rows in ((4, 13), (2, 25), (8, 25), (4, 25), (1, 49), (8,
                                                                          49)):
        frame, = files.read(noise[:1], 'x', reduction)
        assert frame.shape[0] == rows
    assert files.num_decodes == 3
