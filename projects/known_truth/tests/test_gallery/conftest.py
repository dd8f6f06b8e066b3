"""Small models with random weights, and a person in a made-up clip."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

from mmpose_tdmi.apis.models import init_pose_model
from projects.known_truth.gallery.subjects import Subject

_CONFIGS = dict(
    tdmi='tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py',
    single='tdmi/synthetic/td-hm_hrnet-light_1xb16-5e_synthetic-96x64.py')


@pytest.fixture(scope='session')
def models(repository, tmp_path_factory):
    """``tdmi`` and ``single``, loaded as trained models are."""
    built = {}
    for name, stem in _CONFIGS.items():
        config = Config.fromfile(str(repository / 'configs' / stem))
        config.model.pop('init_cfg', None)
        with DefaultScope.overwrite_default_scope('mmpose'):
            model = MODELS.build(config.model)
        model.init_weights()
        weights = tmp_path_factory.mktemp('weights') / f'{name}.pth'
        torch.save(dict(state_dict=model.state_dict()), weights)
        built[name] = init_pose_model(config, weights)
    return built


@pytest.fixture
def subject():
    """A person of 40 x 80 pixels in seven frames of noise."""
    rng = np.random.default_rng(0)
    frames = [
        rng.integers(0, 255, (120, 160, 3), dtype=np.uint8) for _ in range(7)
    ]
    keypoints = np.stack([np.full(17, 80.), np.linspace(30, 90, 17)], axis=1)
    keypoints[3] = np.nan
    return Subject('person', 'a person', frames, 3,
                   np.array([60., 20., 100., 100.]), keypoints,
                   np.arange(17) == 5, 10.)
