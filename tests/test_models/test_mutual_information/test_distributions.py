import math

import pytest
import torch

from mmpose_tdmi.models.mutual_information import (LOG_2, js_divergence,
                                                   kl_divergence,
                                                   spatial_log_softmax)

HUGE = {
    'zero': torch.zeros(1, 2, 4, 4),
    'constant': torch.full((1, 2, 4, 4), 7.),
    'float16': (torch.rand(1, 2, 4, 4) * 6e4).half(),
    'float32': torch.randn(1, 2, 4, 4) * 1e38,
    'peak': torch.eye(16).view(1, 16, 4, 4)[:, :2] * 3e38,
}


@pytest.mark.parametrize('maps', HUGE.values(), ids=HUGE)
@pytest.mark.parametrize('temperature', [0.05, 1.])
def test_probabilities_of_any_finite_map(maps, temperature):
    log_p = spatial_log_softmax(maps.requires_grad_(), temperature)
    assert log_p.isfinite().all() and log_p.dtype == torch.float32
    torch.testing.assert_close(log_p.exp().sum(-1),
                               torch.ones(log_p.shape[:2]))
    (log_p * torch.rand_like(log_p)).sum().backward()
    assert maps.grad.isfinite().all()


def test_temperature_and_shift():
    maps = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(
        spatial_log_softmax(maps + 9, 0.5),
        torch.log_softmax(maps.flatten(2) / 0.5, -1),
        atol=1e-4,
        rtol=1e-4)


def test_kl_divergence_of_known_distributions():
    p, q = torch.tensor([.5, .5]).log(), torch.tensor([.25, .75]).log()
    expected = .5 * math.log(2) + .5 * math.log(2 / 3)
    assert kl_divergence(p, q).item() == pytest.approx(expected, rel=1e-5)
    assert kl_divergence(p, p).item() == 0


def mutual_information(joint):
    """I in nats of a joint distribution of two discrete variables."""
    product = joint.sum(0, keepdim=True) * joint.sum(1, keepdim=True)
    return torch.special.xlogy(joint, joint / product).sum()


def test_js_divergence_is_the_mutual_information_with_a_fair_coin():
    for _ in range(5):
        conditionals = torch.distributions.Dirichlet(torch.full(
            (6, ), 0.5)).sample((2, )) + 1e-6
        conditionals = conditionals / conditionals.sum(1, keepdim=True)
        torch.testing.assert_close(
            js_divergence(*conditionals.log()),
            mutual_information(conditionals / 2),
            atol=1e-5,
            rtol=1e-4)


def test_js_divergence_is_zero_for_equal_and_ln_2_for_disjoint():
    p = torch.tensor([[[[50., 0], [0, 0]]]])
    q = torch.tensor([[[[0, 0], [0, 50.]]]])
    p, q = (spatial_log_softmax(x, 1.) for x in (p, q))
    assert js_divergence(p, p).item() == 0
    assert js_divergence(p, q).item() == pytest.approx(LOG_2, abs=1e-6)
