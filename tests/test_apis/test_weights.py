"""A checkpoint must hold all of a model's weights."""
import pytest
import torch
from torch import nn

from mmpose_tdmi.apis import require_file, require_weights


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('nested', [True, False])
def test_complete_checkpoint_passes(model, tmp_path, prefix, nested):
    weights = {prefix + k: v for k, v in model.state_dict().items()}
    weights['something.else'] = torch.zeros(1)
    torch.save(
        dict(state_dict=weights) if nested else weights, tmp_path / 'a.pth')
    require_weights(model, tmp_path / 'a.pth')


def test_missing_and_misshapen_weights(model, tmp_path):
    weights = model.state_dict()
    del weights['0.bias']
    torch.save(weights, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r"1 are missing, \['0.bias'\]"):
        require_weights(model, tmp_path / 'a.pth')
    weights = dict(model.state_dict(), **{'0.weight': torch.zeros(3, 4)})
    torch.save(weights, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r'0.weight \(3, 4\) instead of'):
        require_weights(model, tmp_path / 'a.pth')


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='the config .*none.py'):
        require_file(tmp_path / 'none.py', 'the config')
    require_file('https://example.org/weights.pth', 'the checkpoint')
