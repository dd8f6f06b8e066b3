"""Configs by path and name."""
import pytest
from mmengine.config import Config

from mmpose_tdmi.apis import find_config

NAME = 'tdmi_hrnet-light_1xb16-1e_synthetic-96x64'


def test_path_name_and_config(repository):
    path = repository / f'configs/tdmi/synthetic/{NAME}.py'
    config = find_config(path, 'the config')
    assert config.model.type == find_config(NAME, 'the config').model.type
    assert find_config(config, 'the config') is config
    assert isinstance(config, Config)


def test_of_another_package():
    config = find_config('mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py',
                         "the detector's config")
    assert config.model.type == 'RTMDet'


def test_nothing_found():
    for name in ('no.py', 'no-such-model', 'a/b'):
        with pytest.raises(
                FileNotFoundError, match=f'the config {name} does not exist'):
            find_config(name, 'the config')
