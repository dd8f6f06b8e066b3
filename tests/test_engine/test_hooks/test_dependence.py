"""Estimates of dependence on samples whose dependence is known."""
import math

import pytest
import torch

from mmpose_tdmi.engine.hooks.dependence import (linear_cka, normalised_hsic,
                                                 unbiased_hsic)


def samples(n=200, p=4):
    return torch.randn(n, p)


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_independent_samples_give_about_zero(measure):
    values = [measure(samples(), samples()) for _ in range(10)]
    assert abs(sum(values) / 10) < 0.02
    assert max(map(abs, values)) < 0.1
    # unbiased: below zero as often as above
    assert min(values) < 0 < max(values)


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_equal_samples_give_one_whatever_their_scale(measure):
    x = samples()
    assert measure(x, x) == pytest.approx(1)
    assert measure(x, 1e6 * x + 5) == pytest.approx(1, abs=1e-4)
    assert measure(1e-6 * x, x) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_more_dependence_gives_more(measure):
    x, noise = samples(), samples()
    values = [
        measure(x,
                math.sqrt(1 - rho**2) * noise + rho * x)
        for rho in (0., 0.4, 0.8, 1.)
    ]
    assert values == sorted(values)


def test_only_hsic_sees_what_is_not_linear():
    x = samples(400, 1)
    y = x.abs() + 0.05 * samples(400, 1)
    assert normalised_hsic(x, y) > 0.3
    assert abs(linear_cka(x, y)) < 0.1


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_symmetric_and_blind_to_order_and_rotation(measure):
    x = samples()
    y = x + samples()
    value = measure(x, y)
    assert measure(y, x) == pytest.approx(value)
    order = torch.randperm(len(x))
    assert measure(x[order], y[order]) == pytest.approx(value)
    rotation = torch.linalg.qr(torch.randn(4, 4))[0]
    assert measure(x @ rotation, y) == pytest.approx(value, abs=1e-4)
    assert abs(measure(x[order], y)) < 0.1


@pytest.mark.parametrize('measure', [normalised_hsic, linear_cka])
def test_constant_samples_give_zero(measure):
    assert measure(torch.ones(50, 3), samples(50)) == pytest.approx(
        0, abs=1e-6)
    assert measure(torch.zeros(50, 3), torch.zeros(50, 3)) == pytest.approx(
        0, abs=1e-6)


def test_unbiased_hsic_is_song_s_formula():
    x, y = samples(6, 2), samples(6, 2)
    k, m = x @ x.t(), y @ y.t()
    k.fill_diagonal_(0)
    m.fill_diagonal_(0)
    n, one = 6, torch.ones(6)
    expected = (torch.trace(k @ m) + (one @ k @ one) * (one @ m @ one) /
                ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ m @ one)) / (
                    n * (n - 3))
    assert torch.isclose(unbiased_hsic(x @ x.t(), y @ y.t()), expected)
    with pytest.raises(ValueError, match='at least 4'):
        unbiased_hsic(torch.eye(3), torch.eye(3))
