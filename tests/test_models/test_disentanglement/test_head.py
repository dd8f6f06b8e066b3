import numpy as np
import pytest
import torch
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS

from mmpose_tdmi.models import TemporalFeatures

CODEC = dict(
    type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=2.)
MI = dict(type='MutualInformationLoss')


def build(**kwargs):
    config = dict(
        type='DisentanglementHead',
        in_channels=8,
        out_channels=17,
        num_blocks=1,
        attention_channels=8,
        decoder=CODEC)
    config.update(kwargs)
    return MODELS.build(config)


def features(batch=2, channels=8, size=16):
    sequence = torch.randn(batch, 5, channels, size, size)
    return TemporalFeatures(
        torch.randn(batch, channels, size, size), sequence, sequence[:, 2])


def num_params(module):
    return sum(x.numel() for x in module.parameters())


def authors_form(**kwargs):
    return MODELS.build(
        dict(
            type='DisentanglementHead',
            in_channels=48,
            out_channels=17,
            skip_projection='always',
            **kwargs))


def test_parameters_of_the_authors_form():
    neck = 1_664_304  # see the neck's test
    assert neck + num_params(authors_form()) == 1_847_025
    assert neck + num_params(
        authors_form(visual='spatiotemporal')) == 2_863_713
    # what the frozen layer of the label terms adds is not trained
    head = authors_form(
        visual='spatiotemporal', mi_loss=dict(MI, estimator='released'))
    trained = sum(x.numel() for x in head.parameters() if x.requires_grad)
    assert neck + trained == 2_863_713


def test_is_the_hosts_head_on_the_enhanced_feature():
    head = build().eval()
    feats = features()
    assert isinstance(head, HeatmapHead)
    parts = head.disentangle(feats)
    torch.testing.assert_close(head(feats), head.final_layer(parts.fused))
    assert head.final_layer.kernel_size == (3, 3)
    assert parts.motion is feats.motion and parts.visual is feats.key


def test_spatiotemporal_feature_replaces_the_key_frames():
    head = build(visual='spatiotemporal', spatiotemporal=dict(groups=2))
    feats = features()
    torch.testing.assert_close(head.eval().disentangle(feats).visual,
                               head.spatiotemporal(feats.sequence))


def test_a_batch_may_be_permuted():
    head = build(visual='spatiotemporal', spatiotemporal=dict(groups=2))
    for x in head.parameters():
        torch.nn.init.normal_(x, std=0.1)
    head.eval()
    feats, order = features(3), torch.tensor([2, 0, 1])
    permuted = TemporalFeatures(*(x[order] for x in feats))
    torch.testing.assert_close(
        head(feats)[order], head(permuted), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    'factorisation, mi_loss, trained',
    [
        ('attention', MI, True),  # Table 7 (b)
        ('attention', None, False),  # (a)
        ('split', MI, True),  # (c)
    ])
def test_noisy_branch_is_frozen_where_nothing_trains_it(
        packed_clips, factorisation, mi_loss, trained):
    head = build(factorisation=factorisation, mi_loss=mi_loss)
    losses = head.loss(features(), packed_clips()['data_samples'])
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    for name, x in head.named_parameters():
        is_noisy = name.startswith('factorisation.noisy')
        assert x.requires_grad == (trained or not is_noisy), name
        # every trained parameter has a gradient: nothing is unused
        assert (x.grad is not None) == x.requires_grad, name


def test_without_factorisation_all_motion_is_used(packed_clips):
    head = build(factorisation='none')
    feats = features()
    assert head.disentangle(feats).useful is feats.motion
    losses = head.loss(feats, packed_clips()['data_samples'])
    assert set(losses) == {'loss_kpt', 'acc_pose'}


@pytest.mark.parametrize('test_activation', ['none', 'softmax'])
def test_flip_test_averages_both_views_as_the_host_does(
        packed_clips, test_activation):
    head = build(test_activation=test_activation).eval()
    torch.nn.init.normal_(head.final_layer.weight)
    samples = packed_clips()['data_samples']
    views = [features(), features()]
    flip = samples[0].metainfo['flip_indices']
    with torch.no_grad():
        preds, maps = head.predict(views, samples,
                                   dict(flip_test=True, output_heatmaps=True))
        first, second = (head.activate(head(x)) for x in views)
    expected = (first + second.flip(-1)[:, flip]) / 2
    for i in range(2):
        torch.testing.assert_close(maps[i].heatmaps, expected[i])
        peaks = expected[i].flatten(1).amax(1).numpy()
        if test_activation == 'softmax':
            peaks = np.minimum(peaks, 1)
        np.testing.assert_allclose(preds[i].keypoint_scores[0], peaks)
        assert preds[i].keypoints.shape == (1, 17, 2)


def test_losses_and_what_is_summed(packed_clips):
    head = build(mi_loss=dict(MI, alpha=0.5))
    losses = head.loss(features(), packed_clips()['data_samples'])
    assert {k
            for k in losses if 'loss' not in k} == {
                'acc_pose', 'mi_alpha', 'mi_useful_noise', 'mi_motion_useful',
                'mi_useful_conditional', 'mi_visual_conditional'
            }
    assert {k
            for k in losses if 'loss' in k} == {
                'loss_kpt', 'loss_mi_useful_noise', 'loss_mi_motion_useful',
                'loss_mi_useful_conditional', 'loss_mi_visual_conditional',
                'loss_probe_useful', 'loss_probe_visual'
            }
    for name, sign in (('useful_noise', 1), ('motion_useful', -1),
                       ('visual_conditional', 1)):
        torch.testing.assert_close(losses[f'loss_mi_{name}'].detach(),
                                   0.5 / 256 * sign * losses[f'mi_{name}'])


def test_stock_features_are_refused():
    with pytest.raises(TypeError, match='TemporalFeatures.*got tuple'):
        build()((torch.randn(1, 8, 4, 4), ))


@pytest.mark.parametrize('kwargs, key', [
    (dict(visual='both'), 'visual'),
    (dict(factorisation='pca'), 'factorisation'),
    (dict(factorisation='none', mi_loss=MI), "mi_loss.*factorisation='none'"),
    (dict(spatiotemporal=dict(groups=2)), 'spatiotemporal'),
    (dict(visual='spatiotemporal', offsets=(1, 2)), 'offsets'),
    (dict(num_blocks=0), 'num_blocks'),
    (dict(attention_channels=0), 'attention_channels'),
    (dict(test_activation='relu'), 'test_activation'),
    (dict(mi_loss=dict(MI, estimator='mine')), 'mi_loss.estimator'),
    (dict(mi_loss=dict(MI, weights=dict(noise=1.))), 'mi_loss.weights'),
    (dict(mi_loss=dict(MI, tau=1.)), 'no option tau'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build(**kwargs)
