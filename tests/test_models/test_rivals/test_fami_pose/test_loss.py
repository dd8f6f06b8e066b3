import math

import pytest
import torch
from mmpose.registry import MODELS

from mmpose_tdmi.models import FAMIFeatures
from mmpose_tdmi.models.mutual_information import released_term


def build(**kwargs):
    config = dict(
        type='FAMIMutualInformationLoss', in_channels=4, num_keypoints=3)
    config.update(kwargs)
    return MODELS.build(config)


def features(batch=2, support=4, scale=1., dtype=torch.float32):
    return FAMIFeatures(
        *((scale *
           torch.randn(batch, *shape, 8, 6)).to(dtype).requires_grad_()
          for shape in ((support, 4), (4, ), (4, ), (4, ))))


def labels(batch=2):
    targets = torch.zeros(batch, 3, 8, 6)
    targets[:, :, 3, 2] = 1
    return targets, torch.ones(batch, 3)


def run(loss, feats, heatmaps, weights=None):
    targets, all_weights = labels(len(heatmaps))
    return loss(feats, heatmaps, targets,
                all_weights if weights is None else weights,
                lambda output, target, _: (output - target).square().mean())


@pytest.mark.parametrize('support', [1, 4])
def test_released_terms_and_their_weights(support):
    loss = build(alpha=0.5, beta=0.1)
    feats = features(support=support)
    heatmaps = torch.randn(2, 3, 8, 6)
    losses = run(loss, feats, heatmaps)
    layer = loss.estimator.label_layer

    def over_support(term):
        return sum(term(feats.support[:, s]) for s in range(support)) / support

    expected = dict(
        fused_label=released_term(layer(feats.fused), heatmaps),
        key_fused=released_term(feats.key, feats.fused),
        support_label=over_support(
            lambda x: released_term(layer(x), heatmaps)),
        support_fused=over_support(lambda x: released_term(x, feats.fused)),
        key_label=released_term(layer(feats.key), heatmaps))
    weights = dict(
        fused_label=-0.1,
        # once maximised with beta, once minimised
        key_fused=0.1 - 1,
        support_label=1,
        support_fused=-1,
        key_label=1)
    for name, value in expected.items():
        torch.testing.assert_close(losses[f'mi_{name}'], value)
        torch.testing.assert_close(losses[f'loss_mi_{name}'],
                                   0.5 * weights[name] * value)
    assert len([k for k in losses if k.startswith('loss_')]) == 5


@pytest.mark.parametrize('estimator', ['released', 'vsd'])
def test_gradients_reach_the_enhanced_feature_and_the_prediction_only(
        estimator):
    loss = build(estimator=estimator)
    feats = features()
    heatmaps = torch.randn(2, 3, 8, 6, requires_grad=True)
    losses = run(loss, feats, heatmaps)
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    assert heatmaps.grad.any()
    assert feats.support.grad is None and feats.key.grad is None
    assert feats.calibrated.grad is None
    assert (feats.fused.grad is not None) == (estimator == 'released')
    trained = [x for x in loss.parameters() if x.requires_grad]
    assert len(trained) == (4 if estimator == 'vsd' else 0)
    assert all(x.grad is not None for x in trained)


@pytest.mark.parametrize('estimator', ['released', 'vsd'])
@pytest.mark.parametrize('scale', [0., 1., 1e4])
def test_finite_whatever_the_features(estimator, scale):
    losses = run(
        build(estimator=estimator), features(scale=scale),
        scale * torch.randn(2, 3, 8, 6))
    assert all(x.isfinite() for x in losses.values())


def test_conditional_terms_are_divergences():
    loss = build(estimator='vsd', label_temperature=1.)
    feats = features()
    with torch.no_grad():
        prediction = loss.estimator.key_probe(feats.key)
    losses = run(loss, feats, prediction)
    # the prediction is what the key frame alone tells
    assert losses['mi_key_conditional'].abs() < 1e-5
    assert losses['mi_fused_gain'].abs() < 1e-5
    assert losses['mi_support_conditional'] > 0.01
    # a perfect prediction gains the label's uncertainty
    targets, _ = labels()
    perfect = run(loss, feats, 100 * targets)
    torch.nn.init.zeros_(loss.estimator.key_probe.weight)
    torch.nn.init.zeros_(loss.estimator.key_probe.bias)
    perfect = run(loss, feats, 100 * targets)
    assert perfect['mi_fused_gain'] == pytest.approx(math.log(48), rel=1e-3)
    # gated, what knows less than the prediction pulls nowhere
    gated = build(estimator='vsd', label_temperature=1., gate='label')
    gated.load_state_dict(loss.state_dict())
    assert run(gated, feats, 100 * targets)['mi_key_conditional'] == 0


def test_joints_without_weight_do_not_count():
    loss = build(estimator='vsd', reduction='sum')
    feats = features()
    heatmaps = torch.randn(2, 3, 8, 6, requires_grad=True)
    losses = run(loss, feats, heatmaps, torch.tensor([[1., 0, 1]] * 2))
    sum(v for k, v in losses.items() if k.startswith('loss_mi')).backward()
    assert not heatmaps.grad[:, 1].any() and heatmaps.grad[:, 0].any()
    losses = run(loss, feats, heatmaps, torch.zeros(2, 3))
    assert all(losses[k] == 0 for k in losses if k.startswith('loss_mi'))


def test_reduction_mean_divides_by_the_cells():
    feats, heatmaps = features(), torch.randn(2, 3, 8, 6)
    mean = build(estimator='vsd')
    total = build(estimator='vsd', reduction='sum')
    total.load_state_dict(mean.state_dict())
    a, b = run(mean, feats, heatmaps), run(total, feats, heatmaps)
    torch.testing.assert_close(a['loss_mi_key_conditional'] * 48,
                               b['loss_mi_key_conditional'])
    torch.testing.assert_close(a['mi_key_conditional'],
                               b['mi_key_conditional'])


def test_the_label_layer_is_loaded_and_frozen(tmp_path):
    weights = {
        'head.final_layer.weight': torch.randn(3, 4, 1, 1),
        'head.final_layer.bias': torch.randn(3)
    }
    path = str(tmp_path / 'single.pth')
    torch.save(weights, path)
    loss = build(label_init_cfg=dict(type='Pretrained', checkpoint=path))
    loss.init_weights()
    layer = loss.estimator.label_layer
    assert torch.equal(layer.weight, weights['head.final_layer.weight'])
    assert not layer.weight.requires_grad


@pytest.mark.parametrize('kwargs, key', [
    (dict(estimator='mine'), 'mi_loss.estimator'),
    (dict(beta=-1), 'mi_loss.beta'),
    (dict(tau=1), 'no option tau'),
    (dict(estimator='vsd', gate='x'), 'gate'),
    (dict(estimator='vsd', reduction='x'), 'reduction'),
    (dict(alpha=-1), 'alpha'),
    (dict(temperature=0), 'temperature'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build(**kwargs)
