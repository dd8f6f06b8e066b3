"""One draw of random parameters for a clip."""
import random

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import PhotometricDistortion
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.datasets import ShareRandomParams


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


def test_what_is_no_clip():
    transform = ShareRandomParams([PhotometricDistortion()])
    for img in (np.zeros((4, 4, 3), np.uint8), [], None):
        with pytest.raises(ValueError, match='needs the list'):
            transform(dict(img=img))


def test_a_transform_that_drops_a_frame():
    with pytest.raises(ValueError, match="None for frame 0 of 'k.jpg'"):
        ShareRandomParams([lambda results: None])(
            dict(img=static_clip(), img_path='k.jpg'))
