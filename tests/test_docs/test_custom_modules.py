"""The changes of a config that docs/custom_modules.md shows fit together."""
import re
import sys

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from mmpose_tdmi.tooling.config_checks import ERROR, check_config
from .conftest import REPOSITORY

EXAMPLE = REPOSITORY / 'projects' / 'custom_neck'
NAME = 'frame_attention_hrnet-light_synthetic-96x64.py'
SNIPPETS = re.findall(r'^```python\n(.*?)^```',
                      (REPOSITORY / 'docs/custom_modules.md').read_text(),
                      re.M | re.S)


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """``changed(begin)``: the example's config with a snippet of the page."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    init_default_scope('mmpose')

    def make(begin):
        snippet, = (s for s in SNIPPETS if s.startswith(begin))
        path = tmp_path / NAME
        path.write_text(f'_base_ = [{str(EXAMPLE / NAME)!r}]\n{snippet}')
        return Config.fromfile(str(path))

    yield make
    sys.modules.pop('frame_attention', None)
    MODELS.module_dict.pop('FrameAttentionNeck', None)


def errors(config):
    return [str(f) for f in check_config(config) if f.level == ERROR]


def test_another_window(changed):
    config = changed('offsets = (-2, -1, 0)')
    assert not errors(config)
    neck = MODELS.build(config.model).neck
    assert neck.window.offsets == (-2, -1, 0)
    # a place forgotten is found
    config.test_dataloader.dataset.offsets = (-1, 0, 1)
    assert len(errors(config)) == 1


def test_other_clips(changed):
    config = changed("data_root = 'data/synthetic/'")
    assert not errors(config)
    for phase in ('train', 'val', 'test'):
        root = config[f'{phase}_dataloader'].dataset.data_root
        assert root == 'data/synthetic/'
    assert config.test_evaluator.ann_file.startswith('data/synthetic/')
