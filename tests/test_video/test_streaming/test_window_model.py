import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpose.registry import MODELS

from mmpose_tdmi.video.streaming import WindowModel
from .conftest import make_video


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
            WindowModel(model, 2)
    finally:
        model.data_preprocessor = preprocessor
