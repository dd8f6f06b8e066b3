import pytest
import torch

from mmpose_tdmi.models.disentanglement import (AttentionFactorisation,
                                                NoFactorisation,
                                                SplitFactorisation)


def num_params(module):
    return sum(x.numel() for x in module.parameters())


def test_parameters_of_the_authors_form():
    assert num_params(AttentionFactorisation(48)) == 24_928


def test_both_parts_are_the_motion_scaled_by_channel_as_equation_6_says():
    module = AttentionFactorisation(4, 8)
    motion = torch.randn(2, 4, 5, 6)
    for part, branch in zip(module(motion), (module.useful, module.noisy)):
        first, _, second = branch.mlp
        hidden = (motion.mean((2, 3)) @ first.weight.t() + first.bias).relu()
        weights = torch.sigmoid(hidden @ second.weight.t() + second.bias)
        torch.testing.assert_close(part, motion * weights[..., None, None])


def test_parts_are_independent():
    module = AttentionFactorisation(4, 8)
    motion = torch.randn(2, 4, 5, 6)
    useful, noisy = module(motion)
    assert not torch.allclose(useful, noisy)
    useful.sum().backward()
    assert all(x.grad is None for x in module.noisy.parameters())
    assert all(x.grad is not None for x in module.useful.parameters())


def test_flip_equivariance():
    module = AttentionFactorisation(4, 8)
    motion = torch.randn(2, 4, 5, 6)
    for a, b in zip(module(motion.flip(-1)), module(motion)):
        torch.testing.assert_close(a, b.flip(-1))


def test_gradients_in_float64():
    module = AttentionFactorisation(2, 3).double()
    motion = torch.randn(1, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, motion)


def test_split_takes_each_part_from_its_half():
    module = SplitFactorisation(6)
    motion = torch.randn(2, 6, 4, 4, requires_grad=True)
    useful, noisy = module(motion)
    assert useful.shape == noisy.shape == motion.shape
    useful.square().sum().backward()
    assert motion.grad[:, :3].any() and not motion.grad[:, 3:].any()


def test_no_factorisation_passes_the_motion_on():
    motion = torch.randn(2, 6, 4, 4)
    useful, noisy = NoFactorisation()(motion)
    assert useful is motion and noisy is None


def test_invalid_options_are_named():
    with pytest.raises(ValueError, match='attention_channels'):
        AttentionFactorisation(4, 0)
    with pytest.raises(ValueError, match='in_channels'):
        SplitFactorisation(1)
