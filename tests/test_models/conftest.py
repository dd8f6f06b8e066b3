"""Small models and made-up clips for the model tests."""
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.testing import get_packed_inputs

import mmpose_tdmi.models  # noqa: F401

KEYPOINTS = 17


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpose')


@pytest.fixture(autouse=True)
def _one_thread():
    """Maps this small are slower on two threads, much so on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def hrnet_extra():
    """Builds an ``extra`` of HRNet of a given width; light by default."""

    def build(width=8, full=False):
        stem = 64 if full else 8
        return dict(
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(4 if full else 1, ),
                num_channels=(stem, )),
            **{
                f'stage{stage}':
                dict(
                    num_modules=modules if full else 1,
                    num_branches=stage,
                    block='BASIC',
                    num_blocks=(4 if full else 1, ) * stage,
                    num_channels=tuple(width * 2**i for i in range(stage)))
                for stage, modules in ((2, 1), (3, 4), (4, 3))
            })

    return build


@pytest.fixture
def packed_clips():
    """Builds a batch of clips as the data loader gives it, 64 x 64 pixels."""

    def build(batch_size=2, num_frames=5, static=False, seed=0):
        # the host's helper shuffles flip_indices with the global generator
        np.random.seed(seed)
        data = get_packed_inputs(
            batch_size,
            num_keypoints=KEYPOINTS,
            img_shape=(64, 64),
            input_size=(64, 64),
            heatmap_size=(16, 16))
        generator = torch.Generator().manual_seed(seed)
        data['inputs'] = [
            torch.randint(
                256, (1 if static else num_frames, 3, 64, 64),
                generator=generator,
                dtype=torch.uint8).expand(num_frames, -1, -1, -1)
            for _ in range(batch_size)
        ]
        return data

    return build


@pytest.fixture
def estimator_config(hrnet_extra):
    """Builds the config of a small TDMI; arguments override its parts."""

    def build(neck=None, head=None, backbone=None, **kwargs):
        config = dict(
            type='TopdownPoseEstimator',
            data_preprocessor=dict(
                type='SequencePoseDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                bgr_to_rgb=True),
            backbone=backbone
            or dict(type='MultiStageHRNet', extra=hrnet_extra()),
            neck=dict(
                type='TemporalDifferenceNeck',
                in_channels=(8, ) * 4,
                out_channels=8,
                num_blocks=1,
                modulation=dict(groups=2)),
            head=dict(
                type='DisentanglementHead',
                in_channels=8,
                out_channels=KEYPOINTS,
                attention_channels=8,
                num_blocks=1,
                mi_loss=dict(type='MutualInformationLoss'),
                decoder=dict(
                    type='MSRAHeatmap',
                    input_size=(64, 64),
                    heatmap_size=(16, 16),
                    sigma=2.)),
            test_cfg=dict(flip_test=True, output_heatmaps=True))
        config['neck'].update(neck or {})
        config['head'].update(head or {})
        config.update(kwargs)
        return config

    return build
