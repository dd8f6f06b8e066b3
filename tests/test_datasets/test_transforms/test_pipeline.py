"""Packing and shared random changes of clips."""
import random

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import PackPoseInputs, PhotometricDistortion
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.datasets import PackPoseSequenceInputs, ShareRandomParams
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
