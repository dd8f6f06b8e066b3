"""Heatmaps that are trained as logits, and layers to heatmaps."""
import math

import numpy as np
import pytest
import torch
from mmpose.models.heads import HeatmapHead
from mmpose.registry import KEYPOINT_CODECS, MODELS

from mmpose_tdmi.models import FAMIFeatures, TemporalFeatures
from mmpose_tdmi.models.heads import SingleFrameHeatmapLayer

CODEC = dict(
    type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=2.)


def build(**kwargs):
    config = dict(
        type='SpatialSoftmaxHead',
        in_channels=3,
        out_channels=3,
        deconv_out_channels=None,
        final_layer=dict(kernel_size=1),
        loss=dict(type='SpatialCrossEntropyLoss'),
        decoder=CODEC)
    config.update(kwargs)
    head = MODELS.build(config)
    # the layer passes its input on
    head.final_layer.weight.data = torch.eye(3).view(3, 3, 1, 1)
    torch.nn.init.zeros_(head.final_layer.bias)
    return head.eval()


def target(keypoints):
    encoded = KEYPOINT_CODECS.build(CODEC).encode(
        np.array([keypoints], dtype=np.float32), np.ones((1, 3), np.float32))
    return torch.from_numpy(encoded['heatmaps'])[None]


def test_logits_of_a_target_are_decoded_to_its_place_with_score_one():
    keypoints = [[40., 60.], [20., 100.], [70., 30.]]
    logits = (target(keypoints) + 1e-9).log() - 5
    head = build()
    preds, maps = head.predict((logits, ), [None], dict(output_heatmaps=True))
    np.testing.assert_allclose(preds[0].keypoints[0], keypoints, atol=2.01)
    np.testing.assert_allclose(preds[0].keypoint_scores, 1, atol=0.02)
    assert (preds[0].keypoint_scores <= 1).all()
    torch.testing.assert_close(
        maps[0].heatmaps, target(keypoints)[0], atol=0.02, rtol=0)


def test_uncertain_maps_score_low():
    preds = build().predict((torch.zeros(1, 3, 32, 24), ), [None])
    np.testing.assert_allclose(
        preds[0].keypoint_scores, 2 * np.pi * 4 / (32 * 24), rtol=1e-5)


def test_scores_are_at_most_one_for_maps_sharper_than_the_target():
    logits = torch.zeros(1, 3, 32, 24)
    logits[:, :, 10, 10] = 100
    preds = build().predict((logits, ), [None])
    assert (preds[0].keypoint_scores == 1).all()


def test_none_is_the_hosts_head():
    head = build(test_activation='none')
    host = HeatmapHead(
        3, 3, deconv_out_channels=None, decoder=dict(CODEC)).eval()
    host.load_state_dict(head.state_dict())
    logits = torch.randn(2, 3, 32, 24)
    for a, b in zip(
            head.predict((logits, ), [None] * 2),
            host.predict((logits, ), [None] * 2)):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
        np.testing.assert_array_equal(a.keypoint_scores, b.keypoint_scores)


def test_shares_the_final_layers_name_with_tdmi():
    tdmi = MODELS.build(
        dict(type='DisentanglementHead', in_channels=3, out_channels=3))
    assert {k for k in build().state_dict()} <= set(tdmi.state_dict())


def test_accuracy_is_of_decoded_maps(packed_clips):
    samples = packed_clips()['data_samples']
    targets = torch.stack([x.gt_fields.heatmaps for x in samples])
    head = build(in_channels=17, out_channels=17)
    head.final_layer = torch.nn.Identity()
    # all logits are negative, which the host takes for "no joint"
    losses = head.loss((targets.log() - 100, ), samples)
    assert losses['acc_pose'] == 1
    assert 'acc_pose' not in head.loss((targets, ), samples,
                                       dict(compute_acc=False))


def test_bfloat16_output_is_brought_to_float32(packed_clips):
    samples = packed_clips()['data_samples']
    head = build(in_channels=17, out_channels=17)
    head.final_layer = torch.nn.Identity()
    losses = head.loss((torch.randn(2, 17, 16, 16).bfloat16(), ), samples)
    assert losses['loss_kpt'].dtype == torch.float32


def temporal_features():
    sequence = torch.randn(2, 5, 8, 16, 16)
    return TemporalFeatures(sequence[:, 1], sequence, sequence[:, 2])


def fami_features():
    support = torch.randn(2, 4, 8, 16, 16)
    return FAMIFeatures(support, *support.unbind(1)[1:])


@pytest.mark.parametrize('activation', ['none', 'softmax'])
@pytest.mark.parametrize('kind, features, options', [
    ('DisentanglementHead', temporal_features,
     dict(mi_loss=dict(type='MutualInformationLoss'))),
    ('FAMIPoseHead', fami_features,
     dict(mi_loss=dict(type='FAMIMutualInformationLoss', estimator='vsd'))),
    ('SpatialSoftmaxHead', lambda:
     (torch.randn(2, 8, 16, 16), ), dict(deconv_out_channels=None)),
])
def test_heatmaps_are_computed_once_in_a_training_step(packed_clips, kind,
                                                       features, options,
                                                       activation):
    head = MODELS.build(
        dict(
            type=kind,
            in_channels=8,
            out_channels=17,
            test_activation=activation,
            activation_sigma=2.,
            **options))
    calls = []
    head.final_layer.register_forward_hook(lambda *_: calls.append(1))
    losses = head.loss(features(), packed_clips()['data_samples'])
    assert 'acc_pose' in losses and len(losses) > 1
    assert len(calls) == 1


def test_sigma_must_be_known():
    with pytest.raises(ValueError, match='activation_sigma'):
        build(
            decoder=dict(
                type='MegviiHeatmap',
                input_size=(96, 128),
                heatmap_size=(24, 32),
                kernel_size=11))
    with pytest.raises(ValueError, match='test_activation'):
        build(test_activation='relu')


def save(path, kernel_size=1, prefix='head.final_layer'):
    weights = {
        f'{prefix}.weight': torch.randn(17, 8, kernel_size, kernel_size),
        f'{prefix}.bias': torch.randn(17)
    }
    torch.save(dict(state_dict=weights), path)
    return weights


@pytest.mark.parametrize('kernel_size, prefix', [
    (1, 'head.final_layer'),
    (3, 'head.final_layer'),
    (1, 'keypoint_head.final_layer'),
])
def test_is_the_single_frame_models_layer(tmp_path, kernel_size, prefix):
    path = str(tmp_path / 'single.pth')
    weights = save(path, kernel_size, prefix)
    layer = SingleFrameHeatmapLayer(
        8, 17, kernel_size=kernel_size, checkpoint=path, prefix=prefix)
    layer.init_weights()
    x = torch.randn(2, 8, 6, 5)
    torch.testing.assert_close(
        layer(x),
        torch.nn.functional.conv2d(
            x, *weights.values(), padding=kernel_size // 2))
    assert not any(x.requires_grad for x in layer.parameters())


def test_softmaxed_maps_have_the_peak_of_a_target():
    sigma = 1.5
    layer = SingleFrameHeatmapLayer(
        1, 1, activation='softmax', sigma=sigma, frozen=False)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.constant_(layer.bias, 7.)
    y, x = torch.meshgrid(torch.arange(31.), torch.arange(31.), indexing='ij')
    logits = -((y - 15)**2 + (x - 15)**2) / (2 * sigma**2)
    found = layer(logits[None, None])[0, 0].detach()
    # whatever is added to logits
    torch.testing.assert_close(found, logits.exp(), atol=1e-3, rtol=1e-3)
    assert found.sum() == pytest.approx(2 * math.pi * sigma**2, rel=1e-4)
    assert layer.weight.requires_grad


def test_a_checkpoint_without_the_layer_is_an_error(tmp_path):
    path = str(tmp_path / 'single.pth')
    save(path, prefix='keypoint_head.final_layer')
    layer = SingleFrameHeatmapLayer(8, 17, checkpoint=path)
    with pytest.raises(ValueError, match='head.final_layer.weight.*nothing'):
        layer.init_weights()
    save(path, kernel_size=3)
    with pytest.raises(ValueError, match=r'\(17, 8, 1, 1\), found'):
        layer.init_weights()


@pytest.mark.parametrize('options, key', [
    (dict(kernel_size=2), 'heatmap_layer.kernel_size'),
    (dict(activation='relu'), 'heatmap_layer.activation'),
    (dict(activation='softmax'), 'heatmap_layer.sigma'),
])
def test_invalid_option_is_named(options, key):
    with pytest.raises(ValueError, match=key):
        SingleFrameHeatmapLayer(8, 17, **options)
