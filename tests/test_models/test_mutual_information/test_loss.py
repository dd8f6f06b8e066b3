import pytest
import torch
from mmengine.model import BaseModel
from mmpose.registry import MODELS


def build(estimator='vsd', **kwargs):
    return MODELS.build(
        dict(
            type='MutualInformationLoss',
            in_channels=4,
            num_keypoints=3,
            estimator=estimator,
            **kwargs))


def run(loss, features, heatmaps):
    targets, weights = torch.rand(2, 3, 6, 6), torch.ones(2, 3)
    return loss(
        features, heatmaps, targets, weights, lambda output, target, weight:
        (output - target).square().mean())


@pytest.mark.parametrize('estimator, options, scale', [
    ('vsd', dict(), 1 / 36),
    ('vsd', dict(reduction='sum'), 1),
    ('released', dict(), 1),
])
def test_objective_is_summed_once_by_the_host(make_features, estimator,
                                              options, scale):
    features, heatmaps = make_features()
    loss = build(estimator, alpha=0.5, **options)
    losses = run(loss, features, heatmaps)
    coefficients = loss.estimator.COEFFICIENTS
    objective = 0.5 * scale * sum(coefficients[name] * losses[f'mi_{name}']
                                  for name in coefficients)
    total, logged = BaseModel.parse_losses(None, losses)
    probes = sum(v for k, v in losses.items() if k.startswith('loss_probe'))
    torch.testing.assert_close(total - probes, objective)
    # every term is logged, bare and as its share
    assert {f'mi_{x}' for x in coefficients} < set(logged)
    assert {f'loss_mi_{x}' for x in coefficients} < set(logged)
    assert logged['mi_alpha'] == 0.5


@pytest.mark.parametrize('estimator', ['vsd', 'released'])
def test_each_term_has_a_weight(make_features, estimator):
    features, heatmaps = make_features()
    names = build(estimator).estimator.COEFFICIENTS
    for chosen in names:
        torch.manual_seed(0)
        weights = {name: 3. * (name == chosen) for name in names}
        loss = build(estimator, weights=weights)
        scale = loss.estimator.scale(heatmaps)
        losses = run(loss, features, heatmaps)
        for name, coefficient in names.items():
            torch.testing.assert_close(
                losses[f'loss_mi_{name}'].detach(),
                scale * weights[name] * coefficient * losses[f'mi_{name}'])


def test_alpha_zero_stops_the_objective_and_not_the_probes(
        make_features, gradient_paths):
    features, heatmaps = make_features()
    losses = run(build(alpha=0.), features, heatmaps)
    total = sum(v for k, v in losses.items() if k.startswith('loss_mi'))
    assert not gradient_paths(total, features, heatmaps)
    assert losses['loss_probe_useful'].item() > 0


@pytest.mark.parametrize('estimator', ['vsd', 'released'])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_runs_in_float32_inside_autocast(make_features, estimator, dtype,
                                         cpu_autocast):
    features, heatmaps = make_features()
    half = type(features)(*(x.detach().to(dtype) for x in features))
    loss = build(estimator)
    with cpu_autocast(dtype):
        found = run(loss, half, heatmaps)
    assert all(x.isfinite() and x.dtype == torch.float32
               for x in found.values())


@pytest.mark.parametrize('kwargs, key', [
    (dict(estimator='mine'), 'mi_loss.estimator'),
    (dict(weights=dict(useful_label=1.)), 'mi_loss.weights.*useful_label'),
    (dict(weights=dict(useful_noise=-1.)), 'mi_loss.weights.useful_noise'),
    (dict(label_init_cfg=None), "estimator='vsd' has no option label"),
    (dict(estimator='released', probe_weight=1.), 'probe_weight'),
    (dict(reduction='max'), 'reduction'),
    (dict(alpha=-1.), 'alpha'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build(**kwargs)
