import pytest
import torch

from mmpose_tdmi.models.temporal_difference import (ConcatFusion,
                                                    ProgressiveAccumulation)


def num_params(module):
    return sum(x.numel() for x in module.parameters())


def test_parameters_of_the_authors_form():
    module = ProgressiveAccumulation(
        48,
        4,
        unit='residual',
        num_units=1,
        on_first=False,
        skip_projection='always')
    assert num_params(module) == 3 * 44064


def test_parameters_of_the_papers_form():
    conv = 9 * 48 * 48 + 2 * 48
    assert num_params(ProgressiveAccumulation(48, 4)) == 4 * 2 * conv


class _Double(torch.nn.Module):

    def forward(self, x):
        return 2 * x


@pytest.mark.parametrize('on_first, expected', [
    (True, 2 * (2 * (2 * 1 + 10) + 100)),
    (False, 2 * (2 * (1 + 10) + 100)),
])
def test_nesting_of_equation_5(on_first, expected):
    module = ProgressiveAccumulation(1, 3, on_first=on_first)
    for i in range(len(module.steps)):
        module.steps[i] = _Double()
    stages = [torch.full((1, 1, 1, 1), value) for value in (1., 10., 100.)]
    assert module(stages).item() == expected


def test_one_stage_without_its_own_units_is_passed_on():
    x = torch.randn(1, 4, 3, 3)
    assert module_output(on_first=False, x=x) is x


def module_output(on_first, x):
    return ProgressiveAccumulation(4, 1, on_first=on_first)([x])


def test_concat_fusion_sees_every_stage():
    module = ConcatFusion(4, 3, num_units=1)
    stages = [torch.randn(2, 4, 5, 5, requires_grad=True) for _ in range(3)]
    out = module(stages)
    assert out.shape == (2, 4, 5, 5)
    out.square().sum().backward()
    assert all(x.grad.abs().sum() > 0 for x in stages)


@pytest.mark.parametrize('kwargs, key', [
    (dict(unit='linear'), 'accumulation.unit'),
    (dict(num_units=0), 'accumulation.num_units'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        ProgressiveAccumulation(4, 2, **kwargs)
