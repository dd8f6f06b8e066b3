import math

import pytest
import torch

from mmpose_tdmi.models.mutual_information import info_nce


def gaussian_pair(rho, batch=8, channels=4, size=8):
    """Maps whose vectors are Gaussian with correlation rho, and their MI."""
    x, noise = torch.randn(2, batch, channels, size, size)
    information = -channels / 2 * math.log(1 - rho**2)
    return x, rho * x + math.sqrt(1 - rho**2) * noise, information


def test_is_a_lower_bound_of_gaussians_mutual_information_and_grows_with_it():
    estimates = []
    for rho in (0., 0.5, 0.8, 0.95, 0.99):
        x, y, information = gaussian_pair(rho)
        estimate = info_nce(x, y, grid=(8, 8), temperature=0.3).item()
        assert estimate <= information + 0.05
        estimates.append(estimate)
    assert estimates == sorted(estimates)
    assert estimates[0] <= 0.05 and estimates[-1] > 2


def test_is_at_most_the_log_of_the_number_of_pairs():
    x = torch.randn(2, 16, 4, 4)
    estimate = info_nce(x, x, temperature=0.01, grid=(4, 4)).item()
    assert estimate == pytest.approx(math.log(32), abs=1e-3)


def test_maximising_it_makes_one_map_follow_the_other():
    x, _, _ = gaussian_pair(0.)
    y = torch.randn_like(x, requires_grad=True)
    optimiser = torch.optim.Adam([y], 0.05)
    before = info_nce(x, y).item()
    for _ in range(60):
        optimiser.zero_grad()
        (-info_nce(x, y)).backward()
        optimiser.step()
    assert info_nce(x, y).item() > before + 1


@pytest.mark.parametrize('maps', [
    torch.zeros(2, 3, 4, 4),
    torch.full((2, 3, 4, 4), 5.),
    torch.randn(2, 3, 4, 4) * 1e37, (torch.rand(2, 3, 4, 4) * 6e4).half()
])
def test_is_finite(maps):
    y = maps.clone().requires_grad_()
    estimate = info_nce(maps, y)
    estimate.backward()
    assert estimate.isfinite() and y.grad.isfinite().all()
    assert -2 / 0.1 <= estimate.item() <= math.log(32) + 1e-4


def test_gradients_in_float64():
    x, y = torch.randn(2, 1, 2, 3, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: info_nce(a, b, 0.5),
                                    (x.requires_grad_(), y.requires_grad_()))
