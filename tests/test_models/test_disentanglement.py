"""Factorisation, aggregation, head and neck, Eq. 6."""
import numpy as np
import pytest
import torch
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS

from mmpose_tdmi.models import DisentanglementNeck, TemporalFeatures
from mmpose_tdmi.models.disentanglement import (Aggregation,
                                                AttentionFactorisation,
                                                NoFactorisation,
                                                SplitFactorisation)
from mmpose_tdmi.structures import FrameWindow


def num_params(module):
    return sum(x.numel() for x in module.parameters())


def test_parameters_of_the_authors_form_of_factorisation():
    assert num_params(AttentionFactorisation(48)) == 24_928


def test_both_parts_are_the_motion_scaled_by_channel_as_equation_6_says():
    module = AttentionFactorisation(4, 8)
    motion = torch.randn(2, 4, 5, 6)
    for part, branch in zip(module(motion), (module.useful, module.noisy)):
        first, _, second = branch.mlp
        hidden = (motion.mean((2, 3)) @ first.weight.t() + first.bias).relu()
        weights = torch.sigmoid(hidden @ second.weight.t() + second.bias)
        torch.testing.assert_close(part, motion * weights[..., None, None])


def test_parts_are_independent():
    module = AttentionFactorisation(4, 8)
    motion = torch.randn(2, 4, 5, 6)
    useful, noisy = module(motion)
    assert not torch.allclose(useful, noisy)
    useful.sum().backward()
    assert all(x.grad is None for x in module.noisy.parameters())
    assert all(x.grad is not None for x in module.useful.parameters())


def test_flip_equivariance():
    module = AttentionFactorisation(4, 8)
    motion = torch.randn(2, 4, 5, 6)
    for a, b in zip(module(motion.flip(-1)), module(motion)):
        torch.testing.assert_close(a, b.flip(-1))


def test_gradients_in_float64():
    module = AttentionFactorisation(2, 3).double()
    motion = torch.randn(1, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, motion)


def test_split_takes_each_part_from_its_half():
    module = SplitFactorisation(6)
    motion = torch.randn(2, 6, 4, 4, requires_grad=True)
    useful, noisy = module(motion)
    assert useful.shape == noisy.shape == motion.shape
    useful.square().sum().backward()
    assert motion.grad[:, :3].any() and not motion.grad[:, 3:].any()


def test_no_factorisation_passes_the_motion_on():
    motion = torch.randn(2, 6, 4, 4)
    useful, noisy = NoFactorisation()(motion)
    assert useful is motion and noisy is None


def test_invalid_options_are_named():
    with pytest.raises(ValueError, match='attention_channels'):
        AttentionFactorisation(4, 0)
    with pytest.raises(ValueError, match='in_channels'):
        SplitFactorisation(1)


def maps_aggregation():
    return [torch.randn(2, 4, 6, 5) for _ in range(3)]


def test_parameters_of_the_authors_form_of_aggregation():
    assert sum(x.numel() for x in Aggregation(48).parameters()) == 150_432


def test_sees_motion_and_visual_feature_and_not_the_key_frame():
    inputs = [x.requires_grad_() for x in maps_aggregation()]
    Aggregation(4)(*inputs).square().sum().backward()
    useful, visual, key = inputs
    assert useful.grad.any() and visual.grad.any() and key.grad is None


def test_shortcut_starts_as_the_key_frames_feature_and_can_leave_it():
    module = Aggregation(4, visual_shortcut=True)
    module.init_weights()
    useful, visual, key = (x.requires_grad_() for x in maps_aggregation())
    found = module(useful, visual, key)
    assert torch.equal(found, key)
    (found * torch.randn_like(found)).sum().backward()
    assert module.shortcut_norm.weight.grad.any()
    with torch.no_grad():
        module.shortcut_norm.weight.fill_(0.1)
    assert not torch.equal(module(useful, visual, key), key)


CODEC = dict(
    type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=2.)
MI = dict(type='MutualInformationLoss')


def build_head(**kwargs):
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


def authors_form(**kwargs):
    return MODELS.build(
        dict(
            type='DisentanglementHead',
            in_channels=48,
            out_channels=17,
            skip_projection='always',
            **kwargs))


def test_parameters_of_the_authors_form_of_head():
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
    head = build_head().eval()
    feats = features()
    assert isinstance(head, HeatmapHead)
    parts = head.disentangle(feats)
    torch.testing.assert_close(head(feats), head.final_layer(parts.fused))
    assert head.final_layer.kernel_size == (3, 3)
    assert parts.motion is feats.motion and parts.visual is feats.key


def test_spatiotemporal_feature_replaces_the_key_frames():
    head = build_head(visual='spatiotemporal', spatiotemporal=dict(groups=2))
    feats = features()
    torch.testing.assert_close(head.eval().disentangle(feats).visual,
                               head.spatiotemporal(feats.sequence))


def test_a_batch_may_be_permuted():
    head = build_head(visual='spatiotemporal', spatiotemporal=dict(groups=2))
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
    head = build_head(factorisation=factorisation, mi_loss=mi_loss)
    losses = head.loss(features(), packed_clips()['data_samples'])
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    for name, x in head.named_parameters():
        is_noisy = name.startswith('factorisation.noisy')
        assert x.requires_grad == (trained or not is_noisy), name
        # every trained parameter has a gradient: nothing is unused
        assert (x.grad is not None) == x.requires_grad, name


def test_without_factorisation_all_motion_is_used(packed_clips):
    head = build_head(factorisation='none')
    feats = features()
    assert head.disentangle(feats).useful is feats.motion
    losses = head.loss(feats, packed_clips()['data_samples'])
    assert set(losses) == {'loss_kpt', 'acc_pose'}


@pytest.mark.parametrize('test_activation', ['none', 'softmax'])
def test_flip_test_averages_both_views_as_the_host_does(
        packed_clips, test_activation):
    head = build_head(test_activation=test_activation).eval()
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
    head = build_head(mi_loss=dict(MI, alpha=0.5))
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
        build_head()((torch.randn(1, 8, 4, 4), ))


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
        build_head(**kwargs)


TEMPORAL = dict(
    type='TemporalDifferenceNeck',
    in_channels=(8, 8),
    out_channels=8,
    offsets=(-1, 0, 1),
    num_blocks=1,
    modulation=dict(groups=2))


@pytest.fixture
def maps_neck():
    return torch.randn(6, 8, 16, 12), torch.randn(6, 8, 16, 12)


def build_neck(**kwargs):
    neck = DisentanglementNeck(TEMPORAL, channels=8, **kwargs)
    neck.init_weights()
    return neck


def test_it_is_the_heads_enhanced_feature(maps_neck):
    neck = build_neck(num_blocks=2, attention_channels=16).eval()
    head = MODELS.build(
        dict(
            type='DisentanglementHead',
            in_channels=8,
            out_channels=17,
            num_blocks=2,
            attention_channels=16)).eval()
    # the head names the same parts the same way
    result = head.load_state_dict(neck.state_dict(), strict=False)
    assert all(x.startswith('final_layer') for x in result.missing_keys)
    assert all(x.startswith('temporal') for x in result.unexpected_keys)
    fused, = neck(maps_neck)
    expected = head.disentangle(neck.temporal(maps_neck)).fused
    assert torch.equal(fused, expected) and fused.shape == (2, 8, 16, 12)


def test_without_factorisation_the_motion_is_used_as_it_is(maps_neck):
    neck = build_neck(factorisation='none').eval()
    feats = neck.temporal(maps_neck)
    fused, = neck(maps_neck)
    assert torch.equal(fused,
                       neck.aggregation(feats.motion, feats.key, feats.key))


def test_the_shortcut_starts_with_the_key_frame(maps_neck):
    fused, = build_neck(visual_shortcut=True).train()(maps_neck)
    assert torch.equal(fused, maps_neck[1][[1, 4]])


def test_all_that_is_trained_has_a_gradient(maps_neck):
    neck = build_neck().train()
    neck(maps_neck)[-1].square().mean().backward()
    for name, x in neck.named_parameters():
        assert (x.grad is not None) == x.requires_grad, name
        assert x.requires_grad != name.startswith('factorisation.noisy')


def test_post_neck_and_window(maps_neck):
    neck = build_neck(post_neck=dict(type='GlobalAveragePooling')).eval()
    pooled, = neck(maps_neck)
    assert pooled.shape == (2, 8)
    neck.post_neck = None
    torch.testing.assert_close(neck(maps_neck)[0].mean((2, 3)), pooled)
    assert neck.window == FrameWindow((-1, 0, 1))


def test_frames_can_be_encoded_one_by_one(maps_neck):
    neck = build_neck().eval()
    frames = zip(*(neck.encode_frames([x[i:i + 1] for x in maps_neck])
                   for i in range(6)))
    windows = neck.encode_windows([torch.cat(x) for x in frames])
    torch.testing.assert_close(windows, neck(maps_neck))


@pytest.mark.parametrize('wrong,message', [
    (dict(factorisation='split'), 'factorisation'),
    (dict(num_blocks=0), 'num_blocks'),
])
def test_wrong_options(wrong, message):
    with pytest.raises(ValueError, match=message):
        build_neck(**wrong)
