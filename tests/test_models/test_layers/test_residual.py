import pytest
import torch

from mmpose_tdmi.models.layers import ResidualChain


def num_params(module):
    return sum(x.numel() for x in module.parameters())


@pytest.mark.parametrize('in_channels, skip, expected', [
    (48, 'needed', 2 * 41664),
    (48, 'always', 44064 + 41664),
    (96, 'needed', 67104 + 41664),
    (96, 'always', 67104 + 41664),
])
def test_parameters_of_two_blocks(in_channels, skip, expected):
    chain = ResidualChain(in_channels, 48, 2, skip_projection=skip)
    assert num_params(chain) == expected


def test_zero_scale_makes_it_the_identity_on_what_is_positive():
    chain = ResidualChain(4, 4, 2)
    for block in chain.blocks:
        torch.nn.init.zeros_(block.norm2.weight)
    x = torch.rand(2, 4, 5, 6)
    torch.testing.assert_close(chain(x), x)


@pytest.mark.parametrize('kwargs, key', [
    (dict(num_blocks=0), 'num_blocks'),
    (dict(num_blocks=1, skip_projection='sometimes'), 'skip_projection'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        ResidualChain(4, 4, **kwargs)
