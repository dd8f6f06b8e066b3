"""Heatmaps of single-frame models, averaged over time."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from mmpose_tdmi.video.streaming import StreamingPoseEstimator
from .conftest import make_video

POSEWARPER = ('configs/rivals/synthetic/'
              'posewarper_hrnet-light_1xb16-1e_synthetic-96x64.py')


@pytest.fixture
def frames_averaged(models, repository, tmp_path):
    """The benchmark's row: PoseWarper as it starts, from the weights of the
    single-frame model."""
    single = models('single')
    path = str(tmp_path / 'single.pth')
    torch.save(dict(state_dict=single.state_dict()), path)
    config = Config.fromfile(repository / POSEWARPER)
    config.merge_from_dict({
        'model.init_cfg.checkpoint': path,
        'model.neck.heatmap_layer.checkpoint': path
    })
    model = MODELS.build(config.model)
    model.init_weights()
    model.cfg, model.dataset_meta = config, single.dataset_meta
    return model.eval()


def poses(model, frames, **options):
    """Keypoints, scores and heatmaps by frame and person, and the counts."""
    estimator = StreamingPoseEstimator(model, output_heatmaps=True, **options)
    persons = [
        p for frame in estimator.iterate_poses(frames) for p in frame.persons
    ]
    return [
        np.array([getattr(p, name) for p in persons])
        for name in ('keypoints', 'scores', 'heatmaps')
    ], estimator.stats


@pytest.mark.parametrize('flip_test', [False, True])
def test_it_is_the_benchmarks_row(models, frames_averaged, flip_test):
    frames = make_video(9, {
        0: lambda i: (10, 10, 60, 90),
        1: lambda i: (60, -5, 120, 70)
    })
    found, stats = poses(
        models('single'), frames, flip_test=flip_test, temporal='mean')
    row, _ = poses(frames_averaged, frames, flip_test=flip_test, mode='naive')
    for got, expected in zip(found[1:], row[1:]):
        np.testing.assert_allclose(got, expected, atol=1e-5)
    # rounding moves the maxima of a few flat heatmaps a little
    difference = np.abs(found[0] - row[0])
    assert np.percentile(difference, 98) < 1e-3 and difference.max() < 0.5
    # each frame once, and not what each frame gives by itself
    assert stats.backbone_passes == stats.person_frames == 18
    plain, _ = poses(models('single'), frames, flip_test=flip_test)
    assert np.abs(plain[2] - found[2]).max() > 0.01


def test_crops_that_move(models):
    """Heatmaps are moved into the crop of the key frame: of a picture that
    stands still, the mean of differently cropped ones is nearly one's own."""
    image = make_video(1)[0].image
    frames = make_video(5, {0: lambda i: (10 + 4 * i, 10, 60 + 4 * i, 90)})
    for frame in frames:
        frame.image[:] = image
    found, _ = poses(models('single'), frames, temporal='mean')
    plain, _ = poses(models('single'), frames)
    assert np.isfinite(found[0]).all()
    assert np.median(np.abs(found[0] - plain[0])) < 4


def test_where_it_does_not_fit(models):
    for kwargs, message in ((dict(mode='naive'), 'models of single frames'),
                            (dict(mode='online'), 'cannot see frames')):
        with pytest.raises(ValueError, match=message):
            StreamingPoseEstimator(models('single'), temporal='mean', **kwargs)
    with pytest.raises(ValueError, match=r'window is \(-2, -1, 0, 1, 2\)'):
        StreamingPoseEstimator(models(), temporal='mean')
    with pytest.raises(ValueError, match="got 'median'"):
        StreamingPoseEstimator(models('single'), temporal='median')
