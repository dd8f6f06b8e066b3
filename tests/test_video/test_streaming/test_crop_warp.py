"""Features that are moved from one crop into another."""
import cv2
import numpy as np
import pytest
import torch
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

from mmpose_tdmi.video import Crop
from mmpose_tdmi.video.streaming import FrameFeatures
from mmpose_tdmi.video.streaming.crops import CropWarp

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
