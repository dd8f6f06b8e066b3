"""Mixed precision on the CPU."""
import pytest
import torch
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


def _wrapper(model, **kwargs):
    return OPTIM_WRAPPERS.build(
        dict(
            type='CpuAmpOptimWrapper',
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            **kwargs))


def test_the_forward_pass_is_in_bfloat16_and_the_weights_stay_float32():
    model = nn.Linear(4, 3)
    before = model.weight.detach().clone()
    wrapper = _wrapper(model)
    with wrapper.optim_context(model):
        out = model(torch.ones(2, 4))
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().sum())
    assert model.weight.dtype == torch.float32
    assert torch.isfinite(model.weight).all()
    assert not torch.equal(model.weight, before)


def test_a_loss_scale_is_refused():
    with pytest.raises(ValueError, match='512'):
        _wrapper(nn.Linear(1, 1), loss_scale=512.)
