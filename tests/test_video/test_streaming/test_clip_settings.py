import copy

import numpy as np
import pytest

from mmpose_tdmi.video import TrackedBox
from mmpose_tdmi.video.streaming import ClipSettings
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
