"""What MMPose's own transforms do with a clip."""
import copy

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmpose.datasets.transforms import (GenerateTarget, RandomBBoxTransform,
                                        RandomFlip, RandomHalfBody,
                                        TopdownAffine)
from mmpose.registry import DATASETS, TRANSFORMS

CODEC = dict(
    type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2)
TRAIN = [
    dict(type='LoadFrameSequence'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody', prob=0.5),
    dict(
        type='RandomBBoxTransform',
        shift_prob=0.5,
        scale_factor=(0.65, 1.35),
        rotate_factor=45),
    dict(type='TopdownAffine', input_size=(48, 64)),
    dict(
        type='ShareRandomParams',
        transforms=[
            dict(type='YOLOXHSVRandomAug'),
            dict(type='PhotometricDistortion')
        ]),
    dict(type='GenerateTarget', encoder=CODEC),
    dict(type='PackPoseSequenceInputs')
]


@pytest.fixture
def sample(five_frames, mmpose_scope):
    """A sample with five different textured frames."""
    dataset = DATASETS.build(five_frames.config())
    sample = dataset[0]
    sample['img'] = [
        cv2.GaussianBlur(
            np.random.randint(0, 256, (48, 64, 3), np.uint8), (5, 5), 0)
        for _ in range(5)
    ]
    return Compose([TRANSFORMS.build(cfg) for cfg in TRAIN[:2]])(sample)


def alone(transform, sample, place):
    """Treat one frame as a single image."""
    single = copy.deepcopy(sample)
    single['img'] = single['img'][place]
    np.random.seed(1)
    return transform(single)


@pytest.mark.parametrize(
    'transform', [
        RandomFlip(prob=1.),
        RandomFlip(prob=0.),
        RandomHalfBody(prob=1.),
        RandomBBoxTransform(),
        TopdownAffine(input_size=(48, 64)),
        TopdownAffine(input_size=(48, 64), use_udp=True),
        GenerateTarget(encoder=CODEC)
    ],
    ids=lambda transform: type(transform).__name__)
def test_each_frame_is_treated_as_a_single_image_would_be(sample, transform):
    sample['bbox_rotation'] = np.array([20.])
    np.random.seed(1)
    clip = transform(copy.deepcopy(sample))
    assert len(clip['img']) == 5
    for place in range(5):
        single = alone(transform, sample, place)
        np.testing.assert_array_equal(clip['img'][place], single['img'])
        assert set(clip) == set(single)
        for key in ('bbox_center', 'bbox_scale', 'keypoints', 'heatmaps'):
            if key in clip:
                np.testing.assert_array_equal(clip[key], single[key])


def test_a_static_clip_stays_static_in_the_whole_training_pipeline(
        posetrack, mmpose_scope):
    posetrack.add_video(1, range(5))
    frame = cv2.GaussianBlur(
        np.random.randint(0, 256, (48, 64, 3), np.uint8), (7, 7), 0)
    for path in posetrack.root.rglob('*.jpg'):
        cv2.imwrite(str(path), frame)
    dataset = DATASETS.build(posetrack.config(pipeline=TRAIN))
    outputs, flips = set(), set()
    for _ in range(40):
        packed = dataset[2]
        clip = packed['inputs']
        assert clip.shape == (5, 3, 64, 48)
        assert all(torch.equal(clip[0], frame) for frame in clip[1:])
        outputs.add(clip.numpy().tobytes())
        flips.add(packed['data_samples'].flip)
    assert len(outputs) > 30 and flips == {True, False}  # it is random


def test_a_real_clip_of_padding_stays_static(shared_clips, mmpose_scope):
    # one frame of this video exists: all five are that one
    dataset = DATASETS.build(
        dict(
            type='PoseTrack18SequenceDataset',
            delta=2,
            data_root=str(shared_clips / 'posetrack18'),
            ann_file='annotations/test_posetrack18_val.json',
            data_prefix=dict(img=''),
            pipeline=TRAIN))
    for index in range(len(dataset)):
        clip = dataset[index]['inputs']
        assert all(torch.equal(clip[0], frame) for frame in clip[1:])
