import pytest
import torch
import torch.nn.functional as F

from mmpose_tdmi.models.temporal_difference import SpatialModulation

RELEASED = dict(
    offset_input='key_and_difference',
    chains='shared',
    offset_dilation=3,
    mask='none',
    offset_init='normal',
    skip_projection='always')


def num_params(module):
    return sum(x.numel() for x in module.parameters())


def test_parameters_of_the_authors_form():
    block = 67104
    offsets, masks = 9 * 48 * 216 + 216, 9 * 48 * 108 + 108
    assert num_params(SpatialModulation(
        48, **RELEASED)) == block + offsets + masks + 9 * 48 * 48 + 48


def test_parameters_of_the_papers_form():
    blocks = 2 * 41664  # one on D for the offsets, one for the modulation
    offsets, masks = 9 * 48 * 216 + 216, 9 * 48 * 108 + 108
    assert num_params(
        SpatialModulation(48)) == blocks + offsets + masks + 9 * 48 * 48 + 48


def test_starts_as_half_a_plain_convolution():
    modulation = SpatialModulation(4, groups=2)
    motion = torch.randn(2, 4, 6, 5)
    found = modulation(motion, torch.randn(2, 4, 6, 5))
    expected = F.conv2d(
        motion / 2, modulation.conv.weight, modulation.conv.bias, padding=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('offset_input, depends',
                         [('difference', False), ('key_and_difference', True)])
def test_whether_the_key_frame_steers(offset_input, depends):
    modulation = SpatialModulation(
        4, groups=2, offset_input=offset_input, offset_init='normal').eval()
    torch.nn.init.normal_(modulation.estimator.offset_conv.weight)
    motion = torch.randn(1, 4, 6, 5)
    a, b = (modulation(motion, torch.randn(1, 4, 6, 5)) for _ in range(2))
    assert torch.equal(a, b) != depends


def test_independent_chains_get_gradients_of_their_own():
    modulation = SpatialModulation(4, groups=2, offset_init='normal')
    x = torch.randn(2, 4, 6, 5)
    modulation(x, x).sum().backward()
    assert all(p.grad is not None for p in modulation.parameters())


@pytest.mark.parametrize('kwargs, key', [
    (dict(offset_input='both'), 'offset_input'),
    (dict(chains='none'), 'chains'),
    (dict(mask='tanh'), 'mask'),
    (dict(backend='cuda'), 'backend'),
    (dict(groups=5), 'groups'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        SpatialModulation(4, **{'groups': 2, **kwargs})
