"""The two phases against the host's test step, in any precision."""
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpose.registry import MODELS

from mmpose_tdmi.video import phases
from mmpose_tdmi.video.streaming import (PRECISIONS, Precision,
                                         StreamingPoseEstimator, WindowModel)
from .conftest import make_video

HALF = [name for name in PRECISIONS if 'float16' in name]


@pytest.mark.parametrize('flip_test', [False, True])
def test_clips_are_the_hosts_test_step(models, packed, flip_test):
    model = models(flip_test=flip_test)
    frames = make_video(5)
    found, = WindowModel(model, 2).predict_clips([packed(model, frames)])
    with torch.no_grad():
        expected, = model.test_step(pseudo_collate([packed(model, frames)]))
    expected = expected.pred_instances
    np.testing.assert_array_equal(found.keypoints, expected.keypoints[0])
    np.testing.assert_array_equal(found.scores, expected.keypoint_scores[0])


@pytest.mark.parametrize('name', ['hrnet', 'res18'])
def test_phases_and_memory_format(models, packed, name):
    """Any frames in a batch; maps keep the backbone's format and no batch."""
    model = models(name, flip_test=True)
    phases = WindowModel(model, 2, output_heatmaps=True)
    frames = make_video(6)
    features = phases.encode_frames(
        [packed(model, [frame]) for frame in frames])
    assert len(features) == 6
    for item in features:
        for x in (*item.maps, *item.flipped):
            assert x.shape[0] == 1
            assert x.untyped_storage().nbytes() == x.numel() * 4
            assert x.is_contiguous(memory_format=torch.channels_last)
    # only what the neck compares is kept: the FPN is not run again
    shapes = {x.shape for x in features[0].maps}
    assert len(shapes) == 1
    found = phases.predict_windows([features[:5], features[1:]])
    for window, pose in zip((frames[:5], frames[1:]), found):
        expected, = phases.predict_clips([packed(model, window)])
        np.testing.assert_allclose(
            pose.heatmaps, expected.heatmaps, atol=1e-5, rtol=1e-5)


def test_other_necks_get_the_backbones_maps(models, packed):
    """A neck without phases of its own works as it is."""
    model = models(flip_test=True)

    class Whole(torch.nn.Module):
        """The neck, without its two phases."""

        def __init__(self, neck):
            super().__init__()
            self.inner = neck

        def forward(self, maps):
            return self.inner(maps)

    neck = model.neck
    frames = make_video(5)
    try:
        model.neck = Whole(neck)
        phases = WindowModel(model, 2, output_heatmaps=True)
        features = phases.encode_frames(
            [packed(model, [frame]) for frame in frames])
        found, = phases.predict_windows([features])
        expected, = phases.predict_clips([packed(model, frames)])
    finally:
        model.neck = neck
    np.testing.assert_allclose(found.heatmaps, expected.heatmaps, atol=1e-5)


def test_the_model_is_left_as_it_was(models, packed):
    model = models(flip_test=True)
    test_cfg = dict(model.test_cfg)
    phases = WindowModel(model, 2, flip_test=False, output_heatmaps=True)
    phases.encode_frames([packed(model, make_video(1))])
    assert model.data_preprocessor.num_frames == 5
    assert model.test_cfg == test_cfg
    assert phases.flip_test is False


def test_a_preprocessor_of_single_frames_is_refused(models):
    model = models()
    preprocessor = model.data_preprocessor
    try:
        model.data_preprocessor = MODELS.build(
            dict(type='PoseDataPreprocessor'))
        with pytest.raises(ValueError, match='SequencePoseDataPreprocessor'):
            StreamingPoseEstimator(model)
    finally:
        model.data_preprocessor = preprocessor


@pytest.mark.parametrize('name', HALF)
def test_clips_are_the_hosts_under_autocast(models, packed, name,
                                            cpu_autocast):
    context = cpu_autocast(getattr(torch, name))
    model = models(flip_test=True)
    frames = make_video(5)
    found, = WindowModel(
        model, 2, precision=name).predict_clips([packed(model, frames)])
    with torch.no_grad(), context:
        expected, = model.test_step(pseudo_collate([packed(model, frames)]))
    expected = expected.pred_instances
    np.testing.assert_array_equal(found.keypoints, expected.keypoints[0])
    np.testing.assert_array_equal(found.scores, expected.keypoint_scores[0])


@pytest.mark.parametrize('name', HALF)
@pytest.mark.parametrize('config', ['hrnet', 'res18'])
def test_phases_give_the_whole_models_heatmaps(models, packed, config, name,
                                               cpu_autocast):
    cpu_autocast(getattr(torch, name))
    model = models(config, flip_test=True)
    frames = make_video(5)

    def heatmaps(precision, whole):
        phases = WindowModel(
            model, 2, output_heatmaps=True, precision=precision)
        if whole:
            return phases.predict_clips([packed(model, frames)])[0].heatmaps
        features = phases.encode_frames(
            [packed(model, [frame]) for frame in frames])
        kept = {x.dtype for item in features for x in item.maps}
        assert kept == {getattr(torch, precision)}
        return phases.predict_windows([features])[0].heatmaps

    full = heatmaps('float32', True)
    scale = np.abs(full).max()
    half = heatmaps(name, True)
    assert half.dtype == np.float32
    # 8 bits of mantissa, and a network of some twenty layers
    assert 0 < np.abs(half - full).max() < 0.1 * scale
    assert np.abs(heatmaps(name, False) - half).max() < 0.05 * scale


def test_streaming_in_half_precision(models):
    """Poses as in single precision, up to rounding; weights as they were."""
    model = models(flip_test=True)

    def keypoints(**kwargs):
        estimator = StreamingPoseEstimator(model, **kwargs)
        return np.array([
            pose.keypoints for poses in estimator.iterate_poses(make_video(6))
            for pose in poses.persons
        ])

    full = keypoints()
    found = keypoints(precision='bfloat16')
    assert found.shape == full.shape
    # heatmaps of random weights have close maxima far apart: most agree
    assert np.median(np.abs(found - full)) < 1.
    assert {x.dtype for x in model.parameters()} == {torch.float32}


def test_single_precision():
    frames = torch.rand(2, 3, 8, 8)
    arranged = Precision().arrange(frames)
    torch.testing.assert_close(arranged, frames, rtol=0, atol=0)
    assert arranged.is_contiguous(memory_format=torch.channels_last)
    with Precision().autocast(torch.device('cpu')):
        assert torch.mm(frames[0, 0], frames[0, 0]).dtype == torch.float32


@pytest.mark.parametrize('flags, expected', [
    ('avx512f amx_tile amx_bf16', 'bfloat16'),
    ('avx512f avx512_bf16', 'bfloat16'),
    ('avx2 avx512f', 'float32'),
    (None, 'float32'),
])
def test_what_the_processor_does_well(models, tmp_path, monkeypatch, flags,
                                      expected):
    info = tmp_path / 'cpuinfo'
    if flags:
        info.write_text(f'processor : 0\nflags\t\t: fpu {flags}\n')
    monkeypatch.setattr(phases, '_CPU_INFO', info)
    estimator = StreamingPoseEstimator(models(), precision='auto')
    assert estimator.window_model.precision.name == expected


@pytest.mark.parametrize('capability, expected', [
    ((6, 1), 'float32'),
    ((7, 5), 'float16'),
    ((8, 0), 'bfloat16'),
    ((9, 0), 'bfloat16'),
])
def test_what_a_gpu_does_well(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, 'get_device_capability',
                        lambda device: capability)
    assert Precision('auto', torch.device('cuda:0')).name == expected


def test_other_precisions_are_refused(models):
    for call in (lambda: Precision('fp16'),
                 lambda: StreamingPoseEstimator(models(), precision='half')):
        with pytest.raises(ValueError, match='precision must be one of'):
            call()
