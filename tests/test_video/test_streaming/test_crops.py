"""What crops are, how long they are kept, and features moved between them.
"""
import copy
import inspect

import cv2
import numpy as np
import pytest
import torch
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

from mmpose_tdmi.datasets import BaseSequenceDataset
from mmpose_tdmi.video import Crop, CropPolicy, TrackedBox
from mmpose_tdmi.video.crops import DEFAULT_PADDING, CropWarp
from mmpose_tdmi.video.streaming import ClipSettings, FrameFeatures
from .conftest import make_video


@pytest.fixture
def settings(models):
    model = models(padding='released')
    return ClipSettings(model.cfg, model.dataset_meta)


@pytest.mark.parametrize('bbox', [(10, 20, 50, 100), (10, 20, 200, 50),
                                  (-5.5, 3.25, 31.125, 90.75)])
def test_crops_are_the_pipelines(settings, bbox):
    images = [frame.image for frame in make_video(5)]
    box = TrackedBox(1, tuple(map(float, bbox)), 1.)
    sample = settings.pack(images, range(5), box)['data_samples']
    crop = settings.crop(bbox)
    np.testing.assert_allclose(crop.center, sample.input_center, rtol=1e-6)
    np.testing.assert_allclose(crop.scale, sample.input_scale, rtol=1e-6)
    # and the crop can be put in as a box
    again = settings.pack(images, range(5), box, crop)
    np.testing.assert_allclose(
        again['data_samples'].input_scale, sample.input_scale, rtol=1e-6)
    np.testing.assert_allclose(
        settings.crop(settings.bbox(crop)), crop, rtol=1e-6)


def test_single_frames_are_the_clips_frames(settings):
    images = [frame.image for frame in make_video(5)]
    box = TrackedBox(1, (10., 20., 50., 90.), 1.)
    clip = settings.pack(images, range(5), box)
    for i, image in enumerate(images):
        single = settings.pack([image], [i], box)['inputs']
        assert single.shape == (1, 3, 96, 64)
        assert (single[0] == clip['inputs'][i]).all()


def test_window_and_padding_are_the_test_datasets(settings):
    assert settings.window.offsets == (-2, -1, 0, 1, 2)
    assert settings.padding == 'released'


def test_configs_that_do_not_fit(models):
    model = models()
    config = copy.deepcopy(model.cfg)
    dataset = config.test_dataloader.dataset
    transforms = list(dataset.pipeline)
    dataset.pipeline = [
        t for t in transforms if t['type'] != 'GetBBoxCenterScale'
    ]
    with pytest.raises(ValueError, match='one GetBBoxCenterScale'):
        ClipSettings(config, model.dataset_meta)
    dataset.pipeline = transforms
    del dataset['offsets']
    with pytest.raises(ValueError, match='neither delta nor offsets'):
        ClipSettings(config, model.dataset_meta)


def test_the_default_padding_is_the_datasets(models):
    model = models()
    config = copy.deepcopy(model.cfg)
    del config.test_dataloader.dataset['padding']
    default = inspect.signature(BaseSequenceDataset).parameters['padding']
    assert ClipSettings(
        config, model.dataset_meta).padding == DEFAULT_PADDING == \
        default.default


def wanted_crop(x=100., y=100., height=200.):
    return Crop((x, y), (0.75 * height, height))


@pytest.mark.parametrize('wanted, kept', [
    (wanted_crop(), True),
    (wanted_crop(x=114.9), True),
    (wanted_crop(x=115.1), False),
    (wanted_crop(x=84.9), False),
    (wanted_crop(y=119.9), True),
    (wanted_crop(y=120.1), False),
    (wanted_crop(height=249), True),
    (wanted_crop(height=251), False),
    (wanted_crop(height=161), True),
    (wanted_crop(height=159), False),
])
def test_tolerances_are_shares_of_the_crop(wanted, kept):
    policy = CropPolicy(max_shift=0.1, max_scale=1.25)
    assert policy.keeps(wanted_crop(), wanted) is kept


def test_without_tolerance_only_the_same_crop_is_kept():
    policy = CropPolicy(max_shift=0, max_scale=1)
    assert policy.keeps(wanted_crop(), wanted_crop())
    assert not policy.keeps(wanted_crop(), wanted_crop(x=100.1))
    assert not policy.keeps(wanted_crop(), wanted_crop(height=200.1))


@pytest.mark.parametrize('key, value', [('max_shift', -0.1),
                                        ('max_shift', float('nan')),
                                        ('max_scale', 0.9)])
def test_bad_values_are_named(key, value):
    with pytest.raises(ValueError, match=key):
        CropPolicy(**{key: value})


SIZE = (64, 96)
SOURCE = Crop((100., 80.), (80., 120.))
TARGETS = [
    Crop((100., 80.), (80., 120.)),
    Crop((107., 71.), (80., 120.)),
    Crop((97., 84.), (72., 108.)),
    Crop((104., 80.), (88., 132.)),
]


def places(crop, use_udp, stride, flipped=False):
    """Where in the frame each cell of a crop is, as the host cuts crops out.

    The maps are x and y in the frame, (1, 2, h, w): linear, so that bilinear
    reading is exact.
    """
    matrix = (get_udp_warp_matrix if use_udp else get_warp_matrix)(
        np.array(crop.center), np.array(crop.scale), 0, output_size=SIZE)
    columns, rows = np.meshgrid(
        np.arange(0, SIZE[0], stride), np.arange(0, SIZE[1], stride))
    if flipped:
        columns = SIZE[0] - 1 - columns
    pixels = np.stack([columns, rows], -1).astype(np.float64)
    frame = cv2.transform(pixels, cv2.invertAffineTransform(matrix))
    return torch.from_numpy(frame).permute(2, 0, 1)[None].float()


def features(crop, use_udp, strides=(4, ), flip=True):
    return FrameFeatures(
        tuple(places(crop, use_udp, s) for s in strides),
        tuple(places(crop, use_udp, s, True)
              for s in strides) if flip else None, None)


def inside(expected, seen):
    """Cells that the source has."""
    low, high = (f(seen, (0, 2, 3)) for f in (torch.amin, torch.amax))
    low, high = low[None, :, None, None], high[None, :, None, None]
    return ((expected >= low) & (expected <= high)).all(1, keepdim=True)


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('use_udp', [False, True])
def test_a_cell_reads_its_own_place_in_the_frame(target, use_udp):
    source = features(SOURCE, use_udp, (4, 8))
    found = CropWarp(SIZE, use_udp)(source, SOURCE, target)
    expected = features(target, use_udp, (4, 8))
    for got, want, seen in zip((*found.maps, *found.flipped),
                               (*expected.maps, *expected.flipped),
                               (*source.maps, *source.flipped)):
        known = inside(want, seen).expand_as(want)
        assert known.float().mean() > 0.6
        torch.testing.assert_close(got[known], want[known], rtol=0, atol=0.02)


def test_beyond_the_border_its_values_go_on():
    x = torch.arange(24.).repeat(1, 3, 1).reshape(1, 3, 1, 24)
    x = x.expand(1, 3, 24, 24).contiguous()
    far = Crop((500., 80.), SOURCE.scale)
    warp = CropWarp((96, 96), False)
    moved, = warp(FrameFeatures((x, ), None, None), SOURCE, far).maps
    assert (moved == 23).all()


def test_the_same_crop_changes_nothing_and_copies_nothing():
    same = features(SOURCE, True)
    assert CropWarp(SIZE, True)(same, SOURCE, Crop(*SOURCE)) is same


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_type_and_memory_format_are_kept(dtype):
    maps = [
        torch.randn(1, channels, *size, dtype=dtype)
        for channels, size in ((3, (24, 16)), (5, (12, 8)), (2, (24, 16)))
    ]
    maps[0] = maps[0].contiguous(memory_format=torch.channels_last)
    found = CropWarp(SIZE, True)(FrameFeatures(tuple(maps), None, None),
                                 SOURCE, TARGETS[1])
    assert found.flipped is None
    for a, b in zip(maps, found.maps):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert torch.isfinite(b).all()
    assert found.maps[0].is_contiguous(memory_format=torch.channels_last)
    assert found.maps[1].is_contiguous()
