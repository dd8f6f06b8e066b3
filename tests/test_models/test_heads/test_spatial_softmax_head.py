import numpy as np
import pytest
import torch
from mmpose.models.heads import HeatmapHead
from mmpose.registry import KEYPOINT_CODECS, MODELS

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
