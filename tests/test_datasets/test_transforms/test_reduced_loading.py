"""Frames decoded no larger than their crop needs."""
import copy

import cv2
import numpy as np
import pytest
from mmengine.dataset import Compose

from mmpose_tdmi.datasets import (LoadTopdownCrops, LocateFrameSequence,
                                  PackPoseSequenceInputs)

SIZE = (483, 645)


def smooth_picture(shift):
    """Waves that no reduction blurs much, (H, W, 3)."""
    y, x = np.mgrid[:SIZE[0], :SIZE[1]]
    waves = [
        np.sin((x + shift) / 40 + k) + np.cos(y / 55 - k) for k in range(3)
    ]
    return (127 + 60 * np.stack(waves, -1)).astype(np.uint8)


@pytest.fixture
def paths(tmp_path):
    names = []
    for index in range(3):
        names.append(str(tmp_path / f'{index:06d}.jpg'))
        cv2.imwrite(names[-1], smooth_picture(9 * index),
                    [cv2.IMWRITE_JPEG_QUALITY, 98])
    return names


@pytest.fixture(params=['horizontal', 'vertical', 'diagonal'])
def direction(request):
    return request.param


def sample(paths, box):
    return dict(
        frame_paths=list(paths),
        img_path=paths[1],
        bbox=np.array([box], np.float32),
        bbox_score=np.ones(1, np.float32),
        keypoints=np.random.default_rng(0).uniform(50, 400, (1, 17, 2)).astype(
            np.float32),
        keypoints_visible=np.ones((1, 17), np.float32),
        flip_indices=list(range(17)),
        upper_body_ids=list(range(8)),
        lower_body_ids=list(range(8, 17)))


def pipelines(direction, use_udp=False, max_reduction=8, input_size=(48, 64)):
    """The stock training pipeline, and the one that loads last."""
    common = [
        dict(type='GetBBoxCenterScale', padding=1.25),
        dict(type='RandomFlip', direction=direction, prob=0.7),
        dict(type='RandomHalfBody'),
        dict(type='RandomBBoxTransform', rotate_factor=45.),
    ]
    stock = Compose([
        dict(type='LoadFrameSequence'), *common,
        dict(type='TopdownAffine', input_size=input_size, use_udp=use_udp)
    ])
    reduced = Compose([
        dict(type='LocateFrameSequence'), *common,
        dict(
            type='LoadTopdownCrops',
            input_size=input_size,
            use_udp=use_udp,
            max_reduction=max_reduction)
    ])
    return stock, reduced


def both(paths, box, seed, stock, reduced):
    results = []
    for pipeline in (stock, reduced):
        np.random.seed(seed)
        results.append(pipeline(copy.deepcopy(sample(paths, box))))
    return results


@pytest.mark.usefixtures('mmpose_scope')
@pytest.mark.parametrize('use_udp', [False, True])
def test_crops_and_labels_are_those_of_the_stock_pipeline(
        paths, direction, use_udp):
    stock, reduced = pipelines(direction, use_udp)
    used = set()
    for seed in range(12):
        expected, found = both(paths, [100, 60, 400, 420], seed, stock,
                               reduced)
        used.add(reduced.transforms[-1].reduction(found['input_scale']))
        assert set(found) == set(expected)
        for key in ('transformed_keypoints', 'keypoints_visible',
                    'bbox_center', 'bbox_scale', 'bbox_rotation',
                    'input_center', 'input_scale'):
            np.testing.assert_array_equal(found[key], expected[key])
        assert found['flip'] == expected['flip']
        for a, b in zip(found['img'], expected['img']):
            assert a.shape == b.shape and a.dtype == b.dtype
            # away from the image's border, half a pixel off in the file
            # would be 0.75 grey levels on average here
            inside = (
                cv2.erode((b > 0).all(-1).astype(np.uint8), np.ones((9, 9)))
                > 0)
            apart = a.astype(int)[inside] - b.astype(int)[inside]
            assert np.abs(apart).mean() < 0.6
            assert abs(apart.mean()) < 0.4
    assert used & {2, 4, 8}


@pytest.mark.usefixtures('mmpose_scope')
@pytest.mark.parametrize('reduction', [2, 4, 8])
def test_where_a_reduced_pixel_is(tmp_path, reduction, direction):
    """A ramp's values tell the place, to a fraction of a pixel."""
    y, x = np.mgrid[:SIZE[0], :SIZE[1]]
    ramp = np.stack([x * 255 / SIZE[1], y * 255 / SIZE[0], 0 * x], -1)
    path = str(tmp_path / '0.jpg')
    cv2.imwrite(path,
                ramp.round().astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 100])
    side = 30
    stock, reduced = pipelines(direction, input_size=(side, side))
    width = 1.01 * reduction * side / 1.25
    if width > 300:
        width = 300
        reduced.transforms[-1].input_size = (side // 2, side // 2)
        stock.transforms[-1].input_size = (side // 2, side // 2)
    for seed in range(6):
        expected, found = both([path] * 3,
                               [200, 150, 200 + width, 150 + width], seed,
                               stock, reduced)
        inside = cv2.erode((expected['img'][0][..., 1] > 3).astype(np.uint8),
                           np.ones((5, 5))) > 0
        apart = found['img'][0].astype(float) - expected['img'][0]
        # in pixels of the file
        moved = apart[inside][:, :2].mean(0) * SIZE[::-1] / 255
        assert np.abs(moved).max() < 0.45


@pytest.mark.usefixtures('mmpose_scope')
def test_unreduced_pixels_are_the_stock_ones(paths, direction):
    for box, limit in (([100, 60, 400, 420], 1), ([100, 60, 130, 90], 8)):
        stock, reduced = pipelines(direction, max_reduction=limit)
        for seed in range(4):
            expected, found = both(paths, box, seed, stock, reduced)
            if reduced.transforms[-1].reduction(found['input_scale']) == 1:
                np.testing.assert_array_equal(found['img'], expected['img'])


@pytest.mark.parametrize('side, expected', [(40, 1), (47.9, 1), (96, 2),
                                            (150, 2), (192, 4), (400, 8),
                                            (4000, 8)])
def test_the_reduction_leaves_a_pixel_for_each_of_the_input(side, expected):
    transform = LoadTopdownCrops((48, 64))
    assert transform.reduction(np.array([side, side * 4 / 3])) == expected
    assert LoadTopdownCrops(
        (48, 64),
        max_reduction=2).reduction(np.array([side, 0])) == min(expected, 2)


@pytest.mark.usefixtures('mmpose_scope')
def test_png_files_come_whole(paths, tmp_path):
    names = []
    for path in paths:
        names.append(str(tmp_path / 'p' / path[-8:]).replace('.jpg', '.png'))
    (tmp_path / 'p').mkdir()
    for source, name in zip(paths, names):
        cv2.imwrite(name, cv2.imread(source))
    stock, reduced = pipelines('horizontal')
    expected, found = both(names, [100, 60, 400, 420], 0, stock, reduced)
    np.testing.assert_array_equal(found['img'], expected['img'])


@pytest.mark.usefixtures('mmpose_scope')
def test_a_frame_of_another_size_is_named(paths):
    cv2.imwrite(paths[2], np.zeros((64, 64, 3), np.uint8))
    _, reduced = pipelines('horizontal')
    with pytest.raises(ValueError, match='000002.jpg has .*645x483'):
        reduced(sample(paths, [100, 60, 400, 420]))


def test_a_repeated_frame_is_decoded_once_and_shared_with_none(paths):
    results = LocateFrameSequence()(
        dict(
            frame_paths=[paths[0]] * 3,
            bbox_center=np.array([[300., 200.]]),
            bbox_scale=np.array([[300., 400.]])))
    transform = LoadTopdownCrops((48, 64))
    first, second, _ = transform(results)['img']
    assert transform.files.num_decodes == 1
    first[:] = 0
    assert second.any()


def test_misplaced_transforms(paths):
    located = LocateFrameSequence()(dict(frame_paths=paths))
    assert located['img_shape'] == SIZE and located['img'] == []
    with pytest.raises(ValueError, match='T = 3 frames'):
        PackPoseSequenceInputs()(dict(located))
    with pytest.raises(ValueError, match='LocateFrameSequence first'):
        LoadTopdownCrops((48, 64))(dict(located, img=[1, 2, 3]))
    with pytest.raises(ValueError, match='frames in img.*LoadFrameSequence'):
        LocateFrameSequence()(dict(img=[np.zeros((4, 4, 3), np.uint8)]))
    with pytest.raises(ValueError, match='max_reduction.*got 3'):
        LoadTopdownCrops((48, 64), max_reduction=3)


def test_damaged_files_are_named(paths):
    with open(paths[1], 'wb') as file:
        file.write(b'no image')
    with pytest.raises(ValueError, match='000001.jpg cannot be decoded'):
        LocateFrameSequence()(dict(frame_paths=paths))
    with pytest.raises(FileNotFoundError, match='gone.jpg'):
        LocateFrameSequence()(dict(frame_paths=['gone.jpg']))
