"""The cross-entropy over space."""
import math

import pytest
import torch
from mmpose.registry import MODELS

LOSS = dict(type='SpatialCrossEntropyLoss')


def gaussians(batch=2, keypoints=3, size=8):
    y, x = torch.meshgrid(*[torch.arange(size)] * 2, indexing='ij')
    centres = torch.rand(batch, keypoints, 2, 1, 1) * size
    square = (x - centres[:, :, 0])**2 + (y - centres[:, :, 1])**2
    return torch.exp(-square / 8)


def test_perfect_prediction_reaches_the_entropy_of_the_target():
    target = gaussians()
    p = target / target.sum((2, 3), keepdim=True)
    entropy = -(p * p.log()).sum((2, 3)).mean()
    loss = MODELS.build(LOSS)
    torch.testing.assert_close(loss(target.log() + 7, target), entropy)
    assert loss(torch.randn_like(target), target) > entropy


def test_uniform_prediction_costs_the_log_of_the_cells():
    target = gaussians()
    loss = MODELS.build(dict(LOSS, loss_weight=2.))
    assert loss(torch.zeros_like(target), target).item() == pytest.approx(
        2 * math.log(64), rel=1e-5)


def test_left_out_joints_have_no_gradient_and_do_not_dilute_the_rest():
    target = gaussians()
    target[0, 0] = 0  # off the map
    weights = torch.ones(2, 3)
    weights[1, 2] = 0
    output = torch.randn_like(target, requires_grad=True)
    loss = MODELS.build(LOSS)(output, target, weights)
    loss.backward()
    used = output.grad.abs().sum((2, 3)) > 0
    assert used.tolist() == [[False, True, True], [True, True, False]]
    parts = [
        MODELS.build(LOSS)(output[b:b + 1, k:k + 1], target[b:b + 1, k:k + 1])
        for b, k in used.nonzero().tolist()
    ]
    torch.testing.assert_close(loss, torch.stack(parts).mean())


def test_without_any_joint_the_loss_is_zero_and_connected():
    output = torch.randn(2, 3, 8, 8, requires_grad=True)
    loss = MODELS.build(LOSS)(output, gaussians(), torch.zeros(2, 3))
    loss.backward()
    assert loss.item() == 0 and not output.grad.any()


def test_weights_may_be_ignored():
    target = gaussians()
    output = torch.randn_like(target)
    weights = torch.tensor([[0., 1, 1], [1, 1, 0]])
    ignoring = MODELS.build(dict(LOSS, use_target_weight=False))
    torch.testing.assert_close(
        ignoring(output, target, weights), ignoring(output, target))


def test_half_precision_and_huge_logits_are_finite():
    target = gaussians()
    for output in ((torch.rand_like(target) * 6e4).half(),
                   torch.randn_like(target).bfloat16() * 1e30):
        assert MODELS.build(LOSS)(output, target).isfinite()


def test_gradients_in_float64():
    target = gaussians(1, 2, 3).double()
    output = torch.randn_like(target, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: MODELS.build(LOSS)(x, target),
                                    output)


def test_invalid_option_is_named():
    with pytest.raises(ValueError, match='loss_weight'):
        MODELS.build(dict(LOSS, loss_weight=0.))
