"""Released weights become a model's, all of them or none."""
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

from mmpose_tdmi.tooling import convert_released, take
from mmpose_tdmi.utils.checkpoints import load

CONFIG = 'configs/tdmi/synthetic/td-hm_hrnet-light_1xb16-5e_synthetic-96x64.py'


@pytest.fixture(scope='module')
def weights(repository):
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(Config.fromfile(repository / CONFIG).model)
    return dict(model.state_dict())


@pytest.fixture
def convert(repository, tmp_path, monkeypatch):
    """Run a tool that drops ``unused.`` and puts back ``net.``."""

    def run(content, out='ours.pth'):
        torch.save(content, tmp_path / 'official.pth')
        monkeypatch.setattr(sys, 'argv', [
            'tool',
            str(tmp_path / 'official.pth'),
            str(tmp_path / out), '--config',
            str(repository / CONFIG)
        ])
        convert_released('A tool.', CONFIG, names)
        return load(tmp_path / out)['state_dict']

    def names(left):
        return take(left, {r'unused\..+': None, r'net\.(.+)': r'\1'})

    return run


@pytest.mark.parametrize('holder', ['model_state_dict', 'state_dict', None])
def test_wherever_a_file_has_them(convert, weights, holder):
    theirs = {f'module.net.{name}': x for name, x in weights.items()}
    theirs['module.unused.weight'] = torch.ones(1)
    found = convert(theirs if holder is None else {holder: theirs, 'epoch': 3})
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], x) for name, x in weights.items())


@pytest.mark.parametrize('change, message', [
    (dict(other=torch.ones(1)), r"1 weights have no place.*\['other'\]"),
    ({
        'net.more': torch.ones(1)
    }, r"1 weights have no place.*\['more'\]"),
    ({
        'net.head.final_layer.bias': torch.ones(3)
    }, 'another shape'),
    ({
        'net.head.final_layer.bias': None
    }, 'expected the weights of a model'),
])
def test_of_another_model(convert, weights, tmp_path, change, message):
    theirs = {f'net.{name}': x for name, x in weights.items()}
    with pytest.raises(SystemExit, match=f'official.pth.*{message}'):
        convert(dict(theirs, **change))
    assert not (tmp_path / 'ours.pth').exists()


def test_some_are_missing(convert, weights):
    theirs = {f'net.{name}': x for name, x in weights.items()}
    del theirs['net.head.final_layer.bias']
    with pytest.raises(SystemExit, match='official.pth.*1 are missing'):
        convert(theirs)


def test_what_was_downloaded_stays(convert, weights, tmp_path):
    theirs = {f'net.{name}': x for name, x in weights.items()}
    with pytest.raises(SystemExit, match='written over the input'):
        convert(theirs, 'official.pth')
    assert load(tmp_path / 'official.pth').keys() == theirs.keys()
