import math

import pytest
import torch

from mmpose_tdmi.models import DisentangledFeatures
from mmpose_tdmi.models.mutual_information import VSDEstimator

PATHS = dict(
    useful_noise={'useful', 'noisy'},
    motion_useful={'useful'},
    useful_conditional={'heatmaps'},
    visual_conditional={'heatmaps'})


def weights(batch=2, keypoints=3):
    return torch.ones(batch, keypoints)


def test_gradient_paths(make_features, gradient_paths):
    features, heatmaps = make_features()
    estimator = VSDEstimator(4, 3)
    terms = estimator(features, heatmaps, None, weights())
    assert set(terms) == set(VSDEstimator.COEFFICIENTS)
    for name, value in terms.items():
        assert gradient_paths(value, features, heatmaps) == PATHS[name], name
        reached = torch.autograd.grad(
            value,
            list(estimator.parameters()),
            allow_unused=True,
            retain_graph=True)
        assert all(x is None for x in reached), name


def test_probe_losses_train_the_probes_and_nothing_else(
        make_features, gradient_paths):
    features, heatmaps = make_features()
    estimator = VSDEstimator(4, 3)
    losses = estimator.probe_losses(
        features, torch.rand(2, 3, 6, 6), weights(),
        lambda output, target, weight: (output - target).square().mean())
    for name in ('useful', 'visual'):
        assert not gradient_paths(losses[name], features, heatmaps)
    sum(losses.values()).backward()
    assert all(x.grad.any() for x in estimator.parameters())


@pytest.mark.parametrize('scale', [0., 1., 100.])
def test_bounds(make_features, scale):
    features, heatmaps = make_features(scale=scale)
    terms = VSDEstimator(4, 3)(features, heatmaps, None, weights())
    assert -1e-6 <= terms['useful_noise'].item() <= math.log(2) + 1e-6
    assert -20 <= terms['motion_useful'].item() <= math.log(2 * 36)
    assert terms['useful_conditional'].item() >= 0
    assert terms['visual_conditional'].item() >= 0


@pytest.mark.parametrize('scale', [0., 1e30])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_finite(make_features, scale, dtype, cpu_float16):
    if dtype == torch.float16:
        cpu_float16()
    scale = min(scale, 1e4) if dtype == torch.float16 else scale
    features, heatmaps = make_features(scale=scale)
    features = DisentangledFeatures(*(x.detach().to(dtype).requires_grad_()
                                      for x in features))
    estimator = VSDEstimator(4, 3).to(dtype)
    terms = estimator(features, heatmaps, None, weights())
    sum(terms.values()).backward()
    assert all(x.isfinite() for x in terms.values())
    assert all(x.grad is None or x.grad.isfinite().all() for x in features)


def test_equal_parts_share_everything_and_disjoint_ones_nothing():
    estimator = VSDEstimator(1, 1)
    left, right = torch.zeros(2, 1, 1, 4, 4)
    left[..., 0], right[..., 3] = 40, 40
    for noisy, expected in ((left, math.log(2)), (right, 0.)):
        features = DisentangledFeatures(left, left, noisy, left, left)
        terms = estimator(features, torch.rand(1, 1, 4, 4), None,
                          weights(1, 1))
        assert terms['useful_noise'].item() == pytest.approx(
            expected, abs=1e-5)


def test_useful_noise_grows_with_the_correlation_of_gaussian_maps():
    # more correlation is more mutual information, -ln(1 - rho^2) / 2 a cell
    estimator = VSDEstimator(8, 1)
    x, noise = torch.randn(2, 2, 8, 16, 16) * 2
    found = []
    for rho in (0., 0.5, 0.9, 1.):
        y = rho * x + math.sqrt(1 - rho**2) * noise
        features = DisentangledFeatures(x, x, y, x, x)
        terms = estimator(features, torch.rand(2, 1, 16, 16), None,
                          weights(2, 1))
        found.append(terms['useful_noise'].item())
    assert found == sorted(found) and found[-1] > 2 * found[0]


def test_minimising_useful_noise_separates_channels():
    # two attentions over one motion feature, as in Eq. 6
    motion = torch.randn(4, 6, 8, 8) * 3
    logits = (torch.randn(2, 6) * 0.1).requires_grad_()
    estimator = VSDEstimator(6, 1)

    def sharing():
        useful, noisy = (
            motion * torch.sigmoid(x)[None, :, None, None] for x in logits)
        features = DisentangledFeatures(motion, useful, noisy, motion, motion)
        return estimator(features, torch.rand(4, 1, 8, 8), None,
                         weights(4, 1))['useful_noise']

    optimiser = torch.optim.Adam([logits], 0.2)
    before = sharing().item()
    for _ in range(40):
        optimiser.zero_grad()
        sharing().backward()
        optimiser.step()
    assert sharing().item() < 0.5 * before
    attention = torch.sigmoid(logits)
    assert (attention[0] - attention[1]).abs().min() > 0.5


def test_conditional_term_is_the_divergence_of_known_distributions():
    estimator = VSDEstimator(2, 1, label_temperature=1.)
    # the probe passes the first channel on
    estimator.useful_probe.weight.data = torch.tensor([1.,
                                                       0.]).view(1, 2, 1, 1)
    torch.nn.init.zeros_(estimator.useful_probe.bias)
    p, q = torch.tensor([.7, .1, .1, .1]), torch.tensor([.25] * 4)
    useful = torch.stack((p.log(), torch.randn(4))).view(1, 2, 2, 2)
    other = torch.randn(1, 2, 2, 2)
    features = DisentangledFeatures(other, useful, other, other, other)
    expected = (p * (p / q).log()).sum().item()
    for heatmaps, value in ((q.log(), expected), (p.log(), 0.)):
        terms = estimator(features, heatmaps.view(1, 1, 2, 2), None,
                          weights(1, 1))
        assert terms['useful_conditional'].item() == pytest.approx(
            value, abs=1e-5)


def test_joints_without_a_target_are_left_out(make_features):
    features, heatmaps = make_features()
    estimator = VSDEstimator(4, 3)
    some = torch.tensor([[1., 0, 2], [0, 0, 0]])
    terms = estimator(features, heatmaps, None, some)
    terms['useful_conditional'].backward()
    reached = heatmaps.grad.abs().sum((2, 3)) > 0
    assert reached.tolist() == [[True, False, True], [False] * 3]
    nothing = estimator(features, heatmaps, None, torch.zeros(2, 3))
    assert nothing['useful_conditional'].item() == 0


def test_label_gate_leaves_out_what_the_model_knows_better(make_features):
    features, _ = make_features()
    estimator = VSDEstimator(4, 3, label_temperature=1., gate='label')
    targets = torch.zeros(2, 3, 6, 6)
    targets[..., 2, 3] = 1
    # joint 0 is known to the model, joint 1 it has wrong
    heatmaps = torch.zeros(2, 3, 6, 6)
    heatmaps[:, 0, 2, 3] = 20
    heatmaps[:, 1, 5, 5] = 20
    heatmaps.requires_grad_()
    terms = estimator(features, heatmaps, targets, weights())
    terms['visual_conditional'].backward()
    reached = heatmaps.grad.abs().sum((0, 2, 3)) > 0
    assert not reached[0] and reached[1]


def test_gradients_in_float64(make_features):
    features, heatmaps = make_features(1, 2, 3, 2, dtype=torch.float64)
    estimator = VSDEstimator(2, 2).double()

    def both(useful, noisy):
        return estimator(
            features._replace(useful=useful, noisy=noisy), heatmaps, None,
            weights(1, 2))['useful_noise']

    assert torch.autograd.gradcheck(both, (features.useful, features.noisy))
    assert torch.autograd.gradcheck(
        lambda h: estimator(features, h, None, weights(1, 2))[
            'visual_conditional'], heatmaps)


@pytest.mark.parametrize('kwargs, key', [
    (dict(temperature=0), 'temperature'),
    (dict(label_temperature=-1.), 'label_temperature'),
    (dict(nce_temperature=0), 'nce_temperature'),
    (dict(nce_grid=(8, )), 'nce_grid'),
    (dict(probe_weight=None), 'probe_weight'),
    (dict(reduction='max'), 'reduction'),
    (dict(gate='soft'), 'gate'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        VSDEstimator(4, 3, **kwargs)
