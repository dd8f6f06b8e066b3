"""Packing, shared random changes and corruption of clips."""
import random

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import PackPoseInputs, PhotometricDistortion
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.datasets import PackPoseSequenceInputs, ShareRandomParams
from mmpose_tdmi.datasets.transforms import CorruptFrames
from mmpose_tdmi.structures import CLIP_META_KEYS

# Packing


@pytest.fixture
def sample():
    frames = [np.full((4, 6, 3), i, np.uint8) for i in range(3)]
    frames[0][..., 2] = 99  # red of BGR
    return dict(
        img=frames,
        img_path='k.jpg',
        id=3,
        frame_paths=['a.jpg', 'k.jpg', 'b.jpg'],
        frame_indices=[1, 2, 3],
        frame_offsets=(-1, 0, 1),
        frame_padded=[False] * 3,
        key_frame=1)


def test_a_clip_is_packed_with_its_keys(sample):
    packed = PackPoseSequenceInputs()(sample)
    assert packed['inputs'].shape == (3, 3, 4, 6)
    assert packed['inputs'].dtype == torch.uint8
    assert packed['inputs'][:, :2].float().mean(
        (1, 2, 3)).tolist() == [0, 1, 2]
    assert (packed['inputs'][0, 2] == 99).all()
    meta = packed['data_samples'].metainfo
    assert {
        key: meta[key]
        for key in CLIP_META_KEYS
    } == {
        key: sample[key]
        for key in CLIP_META_KEYS
    }
    assert meta['img_path'] == 'k.jpg' and meta['id'] == 3


def test_meta_keys():
    host = PackPoseInputs().meta_keys
    assert PackPoseSequenceInputs().meta_keys == (*host, *CLIP_META_KEYS,
                                                  'track_id')
    assert PackPoseSequenceInputs(meta_keys=['id']).meta_keys == ('id', )
    assert PackPoseSequenceInputs(pack_transformed=True).pack_transformed


@pytest.mark.parametrize('img, found', [
    ([np.zeros((4, 6, 3), np.uint8)] * 2, '2 frames'),
    (np.zeros((4, 6, 3), np.uint8), 'ndarray'),
])
def test_what_is_no_clip(sample, img, found):
    sample['img'] = img
    with pytest.raises(ValueError, match=rf"T = 3 .*got {found} for 'k.jpg'"):
        PackPoseSequenceInputs()(sample)


def test_an_empty_clip(sample):
    del sample['frame_offsets']
    sample['img'] = []
    with pytest.raises(ValueError, match='frame_offsets'):
        PackPoseSequenceInputs()(sample)


# One draw for all frames


def static_clip(num_frames=5):
    frame = np.random.randint(0, 256, (12, 10, 3), np.uint8)
    return [frame.copy() for _ in range(num_frames)]


def all_equal(frames):
    return all((frame == frames[0]).all() for frame in frames)


class Jitter(BaseTransform):
    """Draws from every kind of generator, outside ``cache_randomness``."""

    def __init__(self):
        self.own = np.random.default_rng(0)

    def transform(self, results):
        noise = (
            np.random.rand() + random.random() + torch.rand(()).item() +
            self.own.random() + self.own.random(results['img'].shape))
        results['img'] = results['img'] + noise
        return results


@pytest.mark.parametrize('name',
                         ['PhotometricDistortion', 'YOLOXHSVRandomAug'])
def test_the_host_s_photometric_transforms(name):
    transform = ShareRandomParams([dict(type=name)])
    outputs = []
    for seed in range(15):
        np.random.seed(5)
        clip = static_clip()
        np.random.seed(seed)
        frames = transform(dict(img=clip))['img']
        assert len(frames) == 5 and all_equal(frames)
        outputs.append(frames[0])
    assert len({frame.tobytes() for frame in outputs}) > 5  # it does jitter


@pytest.mark.parametrize('name',
                         ['PhotometricDistortion', 'YOLOXHSVRandomAug'])
def test_mmcv_s_broadcaster_does_it_too(mmpose_scope, name):
    transform = TRANSFORMS.build(
        dict(
            type='TransformBroadcaster',
            mapping=dict(img='img'),
            auto_remap=True,
            share_random_params=True,
            transforms=[dict(type=name)]))
    for _ in range(10):
        assert all_equal(transform(dict(img=static_clip()))['img'])


def test_each_frame_gets_what_it_would_get_alone():
    clip = [np.random.randint(0, 256, (12, 10, 3), np.uint8) for _ in range(3)]
    np.random.seed(3)
    alone = PhotometricDistortion()(dict(img=clip[2].copy()))['img']
    next_draw = np.random.rand()
    np.random.seed(3)
    frames = ShareRandomParams([PhotometricDistortion()
                                ])(dict(img=[frame.copy()
                                             for frame in clip]))['img']
    np.testing.assert_array_equal(frames[2], alone)
    assert np.random.rand() == next_draw  # as much was drawn as for one frame


def test_frames_that_are_views():
    # as after a flip, or after PhotometricDistortion has swapped channels
    flipped = [frame[:, ::-1] for frame in static_clip()]
    transform = ShareRandomParams([dict(type='YOLOXHSVRandomAug')])
    assert all_equal(transform(dict(img=flipped))['img'])


def test_draws_of_every_kind_are_shared_and_go_on():
    transform = ShareRandomParams([Jitter()])
    outputs = [transform(dict(img=static_clip()))['img'] for _ in range(4)]
    assert all(all_equal(frames) for frames in outputs)
    transform = ShareRandomParams([Jitter()])
    zero = [np.zeros((2, 2, 3))] * 3
    offsets = []
    for _ in range(3):
        np.random.seed(0), random.seed(0), torch.manual_seed(0)
        offsets.append(transform(dict(img=zero))['img'][0])
    # with the global ones reset, the private generator still moves on
    assert not np.array_equal(offsets[0], offsets[1])
    assert not np.array_equal(offsets[1], offsets[2])


def test_albumentations():
    pytest.importorskip('albumentations')
    transform = ShareRandomParams([
        dict(
            type='Albumentation',
            transforms=[
                dict(type='RandomBrightnessContrast', p=1.0),
                dict(type='GaussNoise', p=1.0)
            ])
    ])
    for _ in range(5):
        assert all_equal(transform(dict(img=static_clip()))['img'])


def test_other_keys_stay():
    sample = dict(img=static_clip(), bbox=np.ones((1, 4)), key_frame=2)
    results = ShareRandomParams([PhotometricDistortion()])(sample)
    assert set(results) == set(sample) and results['key_frame'] == 2


def test_what_is_no_list_of_frames():
    transform = ShareRandomParams([PhotometricDistortion()])
    for img in (np.zeros((4, 4, 3), np.uint8), [], None):
        with pytest.raises(ValueError, match='needs the list'):
            transform(dict(img=img))


def test_a_transform_that_drops_a_frame():
    with pytest.raises(ValueError, match="None for frame 0 of 'k.jpg'"):
        ShareRandomParams([lambda results: None])(
            dict(img=static_clip(), img_path='k.jpg'))


# Corruption

OFFSETS = (-2, -1, 0, 1, 2)


def clip(offsets=OFFSETS, dtype=np.uint8):
    """Frames with a vertical edge, whose brightness tells their number."""
    frames = []
    for number in range(len(offsets)):
        frame = np.full((40, 30, 3), 40 + 20 * number, dtype)
        frame[:, 15:] += 40
        frames.append(frame)
    return dict(img=frames, frame_offsets=offsets, id=7, img_path='a.jpg')


def shown(results):
    """Which frames are shown at each place."""
    return [(int(frame[0, 0, 0]) - 40) // 20 for frame in results['img']]


@pytest.mark.parametrize('kind, expected', [
    ('freeze', [2, 2, 2, 2, 2]),
    ('duplicate', [0, 0, 2, 4, 4]),
    ('reverse', [4, 3, 2, 1, 0]),
])
def test_frames_are_shown_elsewhere(kind, expected):
    assert shown(CorruptFrames(kind)(clip())) == expected


def test_shuffled_frames_are_all_there_and_the_key_frame_in_its_place():
    seen = set()
    for id_ in range(20):
        results = CorruptFrames('shuffle')(dict(clip(), id=id_))
        order = shown(results)
        assert sorted(order) == [0, 1, 2, 3, 4] and order[2] == 2
        seen.add(tuple(order))
    assert len(seen) > 5


@pytest.mark.parametrize('frames, untouched', [('supporting', {2}),
                                               ('key', {0, 1, 3, 4})])
@pytest.mark.parametrize('kind', CorruptFrames.EITHER)
def test_only_the_chosen_frames_change(kind, frames, untouched):
    before = clip()
    after = CorruptFrames(kind, frames)(clip())
    same = {
        t
        for t in range(5) if np.array_equal(before['img'][t], after['img'][t])
    }
    assert same == untouched
    assert all(frame.dtype == np.uint8 for frame in after['img'])


def test_what_the_kinds_do():
    dropped = CorruptFrames('drop')(clip())['img'][0]
    assert not dropped.any()
    noisy = CorruptFrames('noise', severity=10.)(clip())['img'][1]
    noise = noisy.astype(float) - clip()['img'][1]
    assert abs(noise.mean()) < 1 and 8 < noise.std() < 12
    blurred = CorruptFrames('blur', severity=5.)(clip())['img'][1]
    edge = np.abs(np.diff(blurred[20, :, 0].astype(int)))
    assert edge.max() < 15 and edge.sum() > 30


def test_float_frames_stay_floats():
    frame = CorruptFrames('noise')(clip(dtype=np.float32))['img'][0]
    assert frame.dtype == np.float32


def test_the_same_sample_gets_the_same_corruption():
    for kind in ('noise', 'shuffle'):
        first, again = (CorruptFrames(kind)(clip()) for _ in range(2))
        other = CorruptFrames(kind, seed=3)(clip())
        for a, b in zip(first['img'], again['img']):
            assert np.array_equal(a, b)
        assert any(not np.array_equal(a, b)
                   for a, b in zip(first['img'], other['img']))


def test_causal_windows():
    results = CorruptFrames('duplicate')(clip((-2, -1, 0)))
    assert shown(results) == [0, 0, 2]
    results = CorruptFrames('freeze')(clip((-2, -1, 0)))
    assert shown(results) == [2, 2, 2]


def test_frames_are_arrays_of_their_own():
    results = CorruptFrames('freeze')(clip())
    results['img'][0][:] = 0
    assert results['img'][2].any()


@pytest.mark.parametrize('options, message', [
    (dict(kind='melt'), 'kind must be'),
    (dict(kind='freeze', frames='key'), 'kind must be'),
    (dict(kind='drop', frames='all'), 'frames must be'),
    (dict(kind='drop', severity=1.), 'no severity'),
    (dict(kind='noise', severity=-1.), 'positive'),
])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        CorruptFrames(**options)
