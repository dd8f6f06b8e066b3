import torch
from mmpose.registry import MODELS

from mmpose_tdmi.models import FAMIFeatures


def build(**kwargs):
    config = dict(
        type='FAMIPoseHead',
        in_channels=8,
        out_channels=17,
        decoder=dict(
            type='MSRAHeatmap',
            input_size=(64, 64),
            heatmap_size=(16, 16),
            sigma=2.))
    config.update(kwargs)
    return MODELS.build(config)


def features():
    return FAMIFeatures(
        torch.randn(2, 4, 8, 16, 16), *torch.randn(3, 2, 8, 16, 16))


def test_reads_the_enhanced_feature_with_a_3x3_layer():
    head = build()
    feats = features()
    assert head.final_layer.kernel_size == (3, 3)
    torch.testing.assert_close(head(feats), head.final_layer(feats.fused))


def test_losses(packed_clips):
    samples = packed_clips()['data_samples']
    head = build()
    assert set(head.loss(features(), samples)) == {'loss_kpt', 'acc_pose'}
    head = build(mi_loss=dict(type='FAMIMutualInformationLoss'))
    losses = head.loss(features(), samples)
    assert {'loss_kpt', 'loss_mi_support_fused', 'mi_alpha'} < set(losses)
    assert head.mi_loss.estimator.label_layer.weight.shape == (17, 8, 1, 1)
