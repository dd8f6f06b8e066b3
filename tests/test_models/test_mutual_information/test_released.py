import math

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from mmpose_tdmi.models.mutual_information import (FrozenHeatmapLayer,
                                                   ReleasedEstimator,
                                                   released_term)


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


PATHS = dict(
    useful_noise={'useful', 'noisy'},
    motion_useful={'useful'},
    useful_visual={'visual'},
    useful_fused={'fused'},
    visual_fused={'fused'},
    useful_label={'heatmaps'},
    visual_label={'heatmaps'})


def test_gradient_paths(make_features, gradient_paths):
    features, heatmaps = make_features(scale=0.1)
    terms = ReleasedEstimator(4, 3)(features, heatmaps, None, None)
    assert set(terms) == set(ReleasedEstimator.COEFFICIENTS)
    for name, value in terms.items():
        assert gradient_paths(value, features, heatmaps) == PATHS[name], name


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
def test_finite(make_features, scale):
    features, heatmaps = make_features(scale=scale)
    terms = ReleasedEstimator(4, 3)(features, heatmaps, None, None)
    sum(terms.values()).backward()
    assert all(x.isfinite() for x in terms.values())
    assert all(x.grad is None or x.grad.isfinite().all() for x in features)


def test_gradients_in_float64():
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
