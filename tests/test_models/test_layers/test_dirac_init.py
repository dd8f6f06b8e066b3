"""Convolutions that start as the identity."""
import torch
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from torch import nn

from mmpose_tdmi.models.layers import (DeformableConv2d, DiracInit,
                                       SteeredDeformableConv2d)


class Layers(BaseModule):
    """One layer that is named and one that is not."""

    def __init__(self):
        super().__init__([
            dict(type='Constant', layer='Conv2d', val=3., bias=1.),
            dict(type='Dirac', layer='DeformableConv2d', gain=2.)
        ])
        self.plain = nn.Conv2d(4, 4, 3)
        self.steered = SteeredDeformableConv2d(4, groups=2)


def test_a_layer_passes_its_input_on():
    layer = DeformableConv2d(4, 4, groups=2)
    nn.init.constant_(layer.bias, 5.)
    DiracInit(layer='DeformableConv2d')(layer)
    x = torch.randn(2, 4, 6, 5)
    offset, mask = torch.zeros(2, 36, 6, 5), torch.ones(2, 18, 6, 5)
    assert torch.allclose(layer(x, offset, mask), x, atol=1e-6)


def test_by_config_with_the_gain_that_a_sigmoid_needs():
    with DefaultScope.overwrite_default_scope('mmpose'):
        layers = Layers()
        layers.init_weights()
    assert (layers.plain.weight == 3).all()
    x = torch.randn(1, 4, 6, 5)
    assert torch.allclose(layers.steered(x, x), x, atol=1e-6)
