"""The mutual information objective, Eq. 8 to 13 and 15."""
import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmpose.registry import MODELS

from mmpose_tdmi.models import DisentangledFeatures, FAMIFeatures
from mmpose_tdmi.models.rivals.fami_pose import FAMI_ESTIMATORS

from mmpose_tdmi.models.mutual_information import (  # isort: skip
    ESTIMATORS, LOG_2, AlphaSchedule, Estimator, FrozenHeatmapLayer,
    ReleasedEstimator, VSDEstimator, info_nce, js_divergence, kl_divergence,
    released_term, spatial_log_softmax)

NAMES = ('motion', 'useful', 'noisy', 'visual', 'fused')


@pytest.fixture
def make_features():
    """Builds independent random features, (batch, channels, size, size)."""

    def build(batch=2,
              channels=4,
              size=6,
              keypoints=3,
              scale=1.,
              dtype=torch.float32):
        maps = {
            name: (torch.randn(batch, channels, size, size, dtype=dtype) *
                   scale).requires_grad_()
            for name in NAMES
        }
        heatmaps = torch.rand(
            batch, keypoints, size, size, dtype=dtype, requires_grad=True)
        return DisentangledFeatures(**maps), heatmaps

    return build


@pytest.fixture
def gradient_paths():
    """Which of the features and heatmaps a scalar sends gradients into."""

    def find(scalar, features, heatmaps):
        if not scalar.requires_grad:
            return set()
        leaves = [*features, heatmaps]
        found = torch.autograd.grad(
            scalar, leaves, allow_unused=True, retain_graph=True)
        return {
            name
            for name, x in zip((*NAMES, 'heatmaps'), found)
            if x is not None and bool(x.any())
        }

    return find


@pytest.fixture
def hub():
    hub = MessageHub.get_current_instance()
    kept = {k: hub.get_info(k) for k in ('iter', 'epoch')}
    yield hub
    for key, value in kept.items():
        if value is None:
            hub.runtime_info.pop(key, None)
        else:
            hub.update_info(key, value)


def test_a_number_is_constant(hub):
    schedule = AlphaSchedule(0.25)
    for now in (0, 7, 10**6):
        hub.update_info('iter', now)
        assert schedule.value() == 0.25


@pytest.mark.parametrize('by_epoch', [False, True])
def test_linear_between_begin_and_stop(hub, by_epoch):
    schedule = AlphaSchedule(
        dict(
            type='linear',
            start=0.5,
            end=1.,
            begin=10,
            stop=30,
            by_epoch=by_epoch))
    hub.update_info('iter', 10**6)
    hub.update_info('epoch', 10**6)
    for now, expected in ((0, .5), (10, .5), (15, .625), (30, 1.), (99, 1.)):
        hub.update_info('epoch' if by_epoch else 'iter', now)
        assert schedule.value() == pytest.approx(expected)


@pytest.mark.parametrize('alpha', [
    -1.,
    float('nan'), '1', True,
    dict(type='cosine'),
    dict(start=-1.),
    dict(begin=5, stop=5),
    dict(steps=3)
])
def test_invalid_values_are_refused(alpha):
    with pytest.raises(ValueError, match='alpha'):
        AlphaSchedule(alpha)


HUGE = {
    'zero': torch.zeros(1, 2, 4, 4),
    'constant': torch.full((1, 2, 4, 4), 7.),
    'float16': (torch.rand(1, 2, 4, 4) * 6e4).half(),
    'float32': (torch.rand(1, 2, 4, 4) * 2 - 1) * 3e38,
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


def test_gradients_in_float64_of_info_nce():
    x, y = torch.randn(2, 1, 2, 3, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: info_nce(a, b, 0.5),
                                    (x.requires_grad_(), y.requires_grad_()))


VSD_PATHS = dict(
    useful_noise={'useful', 'noisy'},
    motion_useful={'useful'},
    useful_conditional={'heatmaps'},
    visual_conditional={'heatmaps'})


def weights(batch=2, keypoints=3):
    return torch.ones(batch, keypoints)


def test_gradient_paths_of_vsd(make_features, gradient_paths):
    features, heatmaps = make_features()
    estimator = VSDEstimator(4, 3)
    terms = estimator(features, heatmaps, None, weights())
    assert set(terms) == set(VSDEstimator.coefficients)
    for name, value in terms.items():
        assert gradient_paths(value, features,
                              heatmaps) == VSD_PATHS[name], name
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
def test_finite_of_vsd(make_features, scale, dtype, cpu_float16):
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


def test_gradients_in_float64_of_vsd(make_features):
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
def test_invalid_option_is_named_of_vsd(kwargs, key):
    with pytest.raises(ValueError, match=key):
        VSDEstimator(4, 3, **kwargs)


def softmax(x):
    return torch.softmax(x.flatten(2) / 0.05, dim=-1)


# it also says that this is not the KL divergence
@pytest.mark.filterwarnings('ignore:reduction:UserWarning')
def test_is_kl_div_given_a_probability_where_it_wants_its_logarithm():
    a, b = torch.randn(2, 2, 3, 8, 6) * 0.1
    torch.testing.assert_close(
        released_term(a, b),
        F.kl_div(softmax(a), softmax(b), reduction='mean'))


@pytest.mark.parametrize('scale', [0., 0.01, 0.1, 1., 100.])
def test_bounds_at_the_papers_size(scale):
    a, b = torch.randn(2, 1, 4, 96, 72) * scale
    value = released_term(a, b).item()
    cells = 96 * 72
    assert -math.log(cells - 1 + math.e) / cells <= value + 1e-9 <= 1e-8
    assert value >= -1.28e-3


def test_is_about_the_entropy_of_the_second_argument():
    a, b = torch.randn(2, 1, 4, 96, 72) * 0.05
    p = softmax(b)
    entropy = -(p * p.log()).sum(-1).mean()
    assert released_term(a, b).item() == pytest.approx(
        -entropy.item() / (96 * 72), rel=1e-3)


RELEASED_PATHS = dict(
    useful_noise={'useful', 'noisy'},
    motion_useful={'useful'},
    useful_visual={'visual'},
    useful_fused={'fused'},
    visual_fused={'fused'},
    useful_label={'heatmaps'},
    visual_label={'heatmaps'})


def test_gradient_paths_of_released(make_features, gradient_paths):
    features, heatmaps = make_features(scale=0.1)
    terms = ReleasedEstimator(4, 3)(features, heatmaps, None, None)
    assert set(terms) == set(ReleasedEstimator.coefficients)
    for name, value in terms.items():
        assert gradient_paths(value, features,
                              heatmaps) == RELEASED_PATHS[name], name


def test_sum_is_the_authors(make_features):
    features, heatmaps = make_features(scale=0.1)
    loss = MODELS.build(
        dict(
            type='MutualInformationLoss',
            in_channels=4,
            num_keypoints=3,
            estimator='released'))
    losses = loss(features, heatmaps, None, None, None)
    motion, useful, noisy, visual, fused = features
    layer = loss.estimator.label_layer
    expected = (2 * released_term(useful, noisy) -
                released_term(motion, useful) + released_term(useful, visual) -
                2 * released_term(useful, fused) -
                2 * released_term(visual, fused) +
                released_term(layer(useful), heatmaps) +
                released_term(layer(visual), heatmaps))
    found = sum(v for k, v in losses.items() if 'loss' in k)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('scale', [0., 1., 1e30])
def test_finite_of_released(make_features, scale):
    features, heatmaps = make_features(scale=scale)
    terms = ReleasedEstimator(4, 3)(features, heatmaps, None, None)
    sum(terms.values()).backward()
    assert all(x.isfinite() for x in terms.values())
    assert all(x.grad is None or x.grad.isfinite().all() for x in features)


def test_gradients_in_float64_of_released():
    a, b = torch.randn(2, 1, 2, 3, 2, dtype=torch.float64) * 0.1
    assert torch.autograd.gradcheck(released_term,
                                    (a.requires_grad_(), b.requires_grad_()))


def checkpoint(path, in_channels=4, keypoints=3):
    weights = {
        'head.final_layer.weight': torch.randn(keypoints, in_channels, 1, 1),
        'head.final_layer.bias': torch.randn(keypoints),
        'backbone.conv1.weight': torch.randn(2, 2)
    }
    torch.save(dict(state_dict=weights, meta={}), path)
    return weights


def test_label_layer_is_loaded_and_never_trained(tmp_path):
    weights = checkpoint(tmp_path / 'hrnet.pth')
    loss = MODELS.build(
        dict(
            type='MutualInformationLoss',
            in_channels=4,
            num_keypoints=3,
            estimator='released',
            label_init_cfg=dict(
                type='Pretrained',
                checkpoint=str(tmp_path / 'hrnet.pth'),
                prefix='head.final_layer')))
    loss.init_weights()
    layer = loss.estimator.label_layer
    assert torch.equal(layer.weight, weights['head.final_layer.weight'])
    assert torch.equal(layer.bias, weights['head.final_layer.bias'])
    assert not any(x.requires_grad for x in loss.parameters())


def test_label_layer_survives_the_heads_own_initialisation(tmp_path):
    weights = checkpoint(tmp_path / 'hrnet.pth', 8, 17)
    head = MODELS.build(
        dict(
            type='DisentanglementHead',
            in_channels=8,
            out_channels=17,
            mi_loss=dict(
                type='MutualInformationLoss',
                estimator='released',
                label_init_cfg=dict(
                    type='Pretrained',
                    checkpoint=str(tmp_path / 'hrnet.pth')))))
    head.init_weights()
    layer = head.mi_loss.estimator.label_layer
    assert torch.equal(layer.weight, weights['head.final_layer.weight'])


@pytest.mark.parametrize('prefix, keypoints, message', [
    ('head.final_layer', 15, r'shape \(3, 4, 1, 1\), found \(15, 4, 1, 1\)'),
    ('keypoint_head', 3, 'keypoint_head.weight .*found nothing'),
])
def test_a_checkpoint_without_the_layer_is_an_error(tmp_path, prefix,
                                                    keypoints, message):
    checkpoint(tmp_path / 'hrnet.pth', keypoints=keypoints)
    layer = FrozenHeatmapLayer(
        4, 3,
        dict(
            type='Pretrained',
            prefix=prefix,
            checkpoint=str(tmp_path / 'hrnet.pth')))
    with pytest.raises(ValueError, match=message):
        layer.init_weights()


def test_invalid_options_are_named():
    with pytest.raises(ValueError, match='label_init_cfg'):
        FrozenHeatmapLayer(4, 3, dict(type='Normal'))
    with pytest.raises(ValueError, match='temperature'):
        ReleasedEstimator(4, 3, temperature=0)


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
    coefficients = loss.estimator.coefficients
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
    names = build(estimator).estimator.coefficients
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
def test_invalid_option_is_named_of_loss(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build(**kwargs)


class DistanceEstimator(Estimator):
    """One that a user could write: a term, and a layer that it trains."""

    coefficients = dict(distance=-2.)

    def __init__(self, in_channels, num_keypoints, power=2.):
        super().__init__()
        self.layer = torch.nn.Conv2d(in_channels, num_keypoints, 1)
        self.power = power

    def forward(self, features, heatmaps, targets, target_weights):
        return dict(
            distance=(features[0] - features[1]).abs().pow(self.power).mean())

    def probe_losses(self, features, targets, target_weights, heatmap_loss):
        maps = self.layer(features[-1].detach())
        return dict(mine=heatmap_loss(maps, targets, target_weights))


@pytest.mark.parametrize('kind, features', [
    ('MutualInformationLoss', lambda x: DisentangledFeatures(x, -x, x, x, x)),
    ('FAMIMutualInformationLoss', lambda x: FAMIFeatures(x, -x, x, x)),
])
def test_an_estimator_of_a_users_own(monkeypatch, kind, features):
    """The loss asks the estimator what to train, and not of what class it is.
    """
    options = {}
    if kind.startswith('FAMI'):

        class WithBeta(DistanceEstimator):

            def __init__(self, in_channels, num_keypoints, beta=1., power=2.):
                super().__init__(in_channels, num_keypoints, power)

        monkeypatch.setitem(FAMI_ESTIMATORS, 'distance', WithBeta)
    else:
        monkeypatch.setitem(ESTIMATORS, 'distance', DistanceEstimator)
        options['weights'] = dict(distance=3.)
    loss = MODELS.build(
        dict(
            type=kind,
            in_channels=4,
            num_keypoints=3,
            estimator='distance',
            alpha=0.5,
            power=1.,
            **options))
    x = torch.rand(2, 4, 6, 5)
    losses = loss(
        features(x), torch.zeros(2, 3, 6, 5), torch.ones(2, 3, 6, 5),
        torch.ones(2, 3), lambda a, b, weights: (a - b).square().mean())
    assert set(losses) == {
        'loss_mi_distance', 'mi_distance', 'mi_alpha', 'loss_probe_mine'
    }
    torch.testing.assert_close(losses['mi_distance'], 2 * x.mean())
    weight = options.get('weights', dict(distance=1.))['distance']
    torch.testing.assert_close(losses['loss_mi_distance'],
                               -weight * losses['mi_distance'])
    losses['loss_probe_mine'].backward()
    assert loss.estimator.layer.weight.grad.any()
    with pytest.raises(ValueError, match="'distance' has no option typo"):
        MODELS.build(
            dict(
                type=kind,
                in_channels=4,
                num_keypoints=3,
                estimator='distance',
                typo=1))
