import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule

from mmpose_tdmi.models.layers import (DeformableEstimator,
                                       SteeredDeformableConv2d)


@pytest.mark.parametrize('mask, scale', [('sigmoid', 0.5), ('none', 1.)])
def test_zero_start_is_a_plain_convolution(mask, scale):
    layer = SteeredDeformableConv2d(8, groups=4, mask=mask)
    x = torch.randn(2, 8, 6, 5)
    found = layer(x, torch.randn_like(x))
    expected = F.conv2d(
        x * scale, layer.conv.weight, layer.conv.bias, padding=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_parents_initialisation_does_not_undo_the_zero_start():

    class Parent(BaseModule):

        def __init__(self):
            super().__init__(dict(type='Normal', layer='Conv2d', std=1.))
            self.zeros = DeformableEstimator(4, 2, 9)
            self.normal = DeformableEstimator(4, 2, 9, offset_init='normal')

    parent = Parent()
    parent.init_weights()
    assert not parent.zeros.offset_conv.weight.any()
    assert not parent.zeros.mask_conv.weight.any()
    std = parent.normal.offset_conv.weight.std()
    assert 0.0008 < std < 0.0012


def test_sigmoid_bounds_the_modulation_and_none_does_not():
    x = torch.randn(1, 4, 6, 6) * 100
    for mask, bounded in (('sigmoid', True), ('none', False)):
        estimator = DeformableEstimator(4, 2, 9, mask=mask)
        torch.nn.init.normal_(estimator.mask_conv.weight)
        values = estimator(x, x)[1]
        assert ((values >= 0) & (values <= 1)).all() == bounded


@pytest.mark.parametrize('kwargs, key', [
    (dict(mask='tanh'), 'mask'),
    (dict(offset_init='ones'), 'offset_init'),
    (dict(dilation=0), 'offset_dilation'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        DeformableEstimator(4, 2, 9, **kwargs)
