"""Packing of clips."""
import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import PackPoseInputs

from mmpose_tdmi.datasets import PackPoseSequenceInputs
from mmpose_tdmi.structures import CLIP_META_KEYS


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
