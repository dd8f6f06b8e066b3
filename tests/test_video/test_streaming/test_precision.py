import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmpose_tdmi.video import StreamingPoseEstimator
from mmpose_tdmi.video.streaming import PRECISIONS, Precision, WindowModel
from .conftest import make_video

HALF = [name for name in PRECISIONS if name != 'float32']


@pytest.mark.parametrize('name', HALF)
def test_clips_are_the_hosts_test_step_under_autocast(models, packed, name,
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
            pose.keypoints
            for poses, _ in estimator.iterate_poses(make_video(6))
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
        assert not torch.is_autocast_cpu_enabled()


def test_other_precisions_are_refused(models):
    for call in (lambda: Precision('fp16'),
                 lambda: StreamingPoseEstimator(models(), precision='half')):
        with pytest.raises(ValueError, match='precision must be one of'):
            call()
