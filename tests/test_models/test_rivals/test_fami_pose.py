"""FAMI-Pose."""
import math

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from mmpose_tdmi.models import FAMIFeatures
from mmpose_tdmi.models.mutual_information import released_term
from mmpose_tdmi.models.rivals.fami_pose import (GlobalAlignment,
                                                 LocalCalibration,
                                                 transform_maps)
from mmpose_tdmi.structures import fold_time


@pytest.mark.parametrize('transform', ['translation', 'affine'])
def test_a_new_alignment_passes_features_through(transform, randomise):
    alignment = GlobalAlignment(4, transform=transform)
    randomise(alignment)
    alignment.init_weights()
    support, key = torch.randn(2, 2, 4, 12, 9)
    torch.testing.assert_close(
        alignment.eval()(support, key), support, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('right, down', [(2, 0), (0, 3), (-1, 2)])
def test_translation_moves_content_by_whole_cells(right, down):
    maps = torch.randn(1, 2, 8, 6)
    found = transform_maps(maps, torch.tensor([[right, down]]))
    expected = F.pad(
        maps, (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0)))
    expected = expected[...,
                        max(-down, 0):max(-down, 0) + 8,
                        max(-right, 0):max(-right, 0) + 6]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_affine_reads_its_linear_part():
    maps = torch.randn(1, 1, 8, 8)
    # x is read from -x: a flip
    found = transform_maps(maps, torch.tensor([[0., 0., -2., 0., 0., 0.]]))
    torch.testing.assert_close(found, maps.flip(-1), atol=1e-5, rtol=1e-5)


def test_it_can_find_a_translation():
    # a few steps towards the frame that the map was moved from
    alignment = GlobalAlignment(1, num_reductions=2)
    key = torch.zeros(8, 1, 12, 12)
    key[:, :, 4:8, 4:8] = 1
    key = F.avg_pool2d(key, 5, stride=1, padding=2)
    moved = transform_maps(key, torch.tensor([[2., 0.]]).expand(8, 2))
    optimiser = torch.optim.Adam(alignment.parameters(), 1e-2)
    losses = []
    for _ in range(15):
        loss = (alignment(moved, key) - key).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    right, down = alignment.parameters_of(moved, key).mean(dim=0).tolist()
    assert right == pytest.approx(-2, abs=0.7) and abs(down) < 0.7


def test_maps_of_any_size():
    alignment = GlobalAlignment(4)
    for size in ((96, 72), (24, 16), (7, 5)):
        support, key = torch.randn(2, 2, 4, *size)
        assert alignment(support, key).shape == support.shape


def test_invalid_transform_is_named():
    with pytest.raises(ValueError, match='transform'):
        GlobalAlignment(4, transform='homography')


def test_identity_kernels_without_offsets_leave_features_unchanged(randomise):
    calibration = LocalCalibration(
        4, dict(groups=2, mask='none', offset_init='zeros')).eval()
    randomise(calibration.context_blocks)
    for layer in (calibration.align_deform1, calibration.align_deform2):
        torch.nn.init.dirac_(layer.conv.weight)
    support, key = torch.randn(2, 2, 4, 8, 6)
    torch.testing.assert_close(calibration(support, key), support)


def test_key_frame_steers_only(randomise):
    calibration = randomise(LocalCalibration(4, dict(groups=2))).eval()
    support, key = torch.randn(2, 1, 4, 8, 6)
    found = calibration(support, key)
    assert not torch.allclose(found, calibration(support, key.flip(1)))
    # without anything to resample only the last bias is left
    torch.nn.init.zeros_(calibration.align_deform1.conv.bias)
    nothing = calibration(torch.zeros_like(support), key)
    assert torch.allclose(nothing, calibration.align_deform2.conv.bias[:, None,
                                                                       None])


@pytest.mark.parametrize('options, key', [
    (dict(group=2), 'calibration has no option group'),
    (dict(groups=3), 'groups'),
    (dict(groups=2, mask='relu'), 'mask'),
])
def test_invalid_option_is_named_of_calibration(options, key):
    with pytest.raises(ValueError, match=key):
        build_neck(calibration=options)


def build_neck(**kwargs):
    config = dict(
        type='FAMIPoseNeck',
        in_channels=4,
        calibration=dict(groups=2),
        num_merge_blocks=1,
        num_output_blocks=1)
    config.update(kwargs)
    return MODELS.build(config)


@pytest.mark.parametrize('merge, num_support', [('after', 4), ('before', 1)])
def test_features(merge, num_support, randomise):
    neck = randomise(build_neck(merge=merge)).eval()
    frames = torch.randn(2, 5, 4, 8, 6)
    found = neck((fold_time(frames), ))
    assert isinstance(found, FAMIFeatures)
    assert found.support.shape == (2, num_support, 4, 8, 6)
    assert found.calibrated.shape == found.fused.shape == (2, 4, 8, 6)
    torch.testing.assert_close(found.key, frames[:, 2])
    assert found[-1] is found.fused
    if merge == 'after':
        torch.testing.assert_close(found.support, frames[:, [0, 1, 3, 4]])


def test_zero_alignment_leaves_the_supporting_frames_unchanged(randomise):
    neck = build_neck(calibration=dict(groups=2, offset_init='zeros'))
    neck.init_weights()
    randomise(neck.merge_blocks)
    for layer in (neck.local_calibration.align_deform1,
                  neck.local_calibration.align_deform2):
        torch.nn.init.dirac_(layer.conv.weight)
    frames = torch.randn(2, 5, 4, 8, 6)
    support = frames[:, [0, 1, 3, 4]]
    found = neck.eval()((fold_time(frames), ))
    torch.testing.assert_close(
        found.calibrated,
        neck.merge_blocks(support.flatten(1, 2)),
        atol=1e-4,
        rtol=1e-4)


def test_parameters_of_the_release():
    neck = build_neck(
        in_channels=48,
        merge='before',
        calibration=None,
        num_merge_blocks=2,
        num_output_blocks=3)
    blocks = dict.fromkeys(('merge_blocks', 'aggregation'))
    for name in blocks:
        blocks[name] = sum(x.numel() for x in getattr(neck, name).parameters())
    # as TDMI-ST's: 192 -> 48 in two blocks, 96 -> 48 in three
    assert blocks == dict(
        merge_blocks=48 * 9 * (192 + 3 * 48) + 48 * 192 + 5 * 96,
        aggregation=48 * 9 * (96 + 5 * 48) + 48 * 96 + 7 * 96)
    estimator = 48 * 9 * 324 + 324
    convolution = 48 * 48 * 9 + 48
    context = 48 * 9 * (96 + 48) + 48 * 96 + 3 * 96
    calibration = sum(x.numel() for x in neck.local_calibration.parameters())
    assert calibration == context + 4 * (estimator + convolution)


def test_other_windows_and_channels(randomise):
    neck = randomise(build_neck(out_channels=8, offsets=(-3, 0, 1))).eval()
    found = neck((torch.randn(6, 4, 8, 6), ))
    assert found.fused.shape == (2, 8, 8, 6)
    assert found.support.shape == (2, 2, 8, 8, 6)
    with pytest.raises(ValueError, match='T = 3.*got 5 frames'):
        neck((torch.randn(5, 4, 8, 6), ))


@pytest.mark.parametrize('kwargs, key', [
    (dict(merge='never'), 'merge'),
    (dict(transform='warp'), 'transform'),
    (dict(offsets=(0, )), 'offsets'),
    (dict(in_channels=0), 'in_channels'),
    (dict(num_merge_blocks=0), 'num_blocks'),
])
def test_invalid_option_is_named_of_neck(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build_neck(**kwargs)


def build_head(**kwargs):
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


def features_head():
    return FAMIFeatures(
        torch.randn(2, 4, 8, 16, 16), *torch.randn(3, 2, 8, 16, 16))


def test_reads_the_enhanced_feature_with_a_3x3_layer():
    head = build_head()
    feats = features_head()
    assert head.final_layer.kernel_size == (3, 3)
    torch.testing.assert_close(head(feats), head.final_layer(feats.fused))


def test_losses(packed_clips):
    samples = packed_clips()['data_samples']
    head = build_head()
    assert set(head.loss(features_head(), samples)) == {'loss_kpt', 'acc_pose'}
    head = build_head(mi_loss=dict(type='FAMIMutualInformationLoss'))
    losses = head.loss(features_head(), samples)
    assert {'loss_kpt', 'loss_mi_support_fused', 'mi_alpha'} < set(losses)
    assert head.mi_loss.estimator.label_layer.weight.shape == (17, 8, 1, 1)


def build_loss(**kwargs):
    config = dict(
        type='FAMIMutualInformationLoss', in_channels=4, num_keypoints=3)
    config.update(kwargs)
    return MODELS.build(config)


def features_loss(batch=2, support=4, scale=1., dtype=torch.float32):
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
    loss = build_loss(alpha=0.5, beta=0.1)
    feats = features_loss(support=support)
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
    loss = build_loss(estimator=estimator)
    feats = features_loss()
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
        build_loss(estimator=estimator), features_loss(scale=scale),
        scale * torch.randn(2, 3, 8, 6))
    assert all(x.isfinite() for x in losses.values())


def test_conditional_terms_are_divergences():
    loss = build_loss(estimator='vsd', label_temperature=1.)
    feats = features_loss()
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
    gated = build_loss(estimator='vsd', label_temperature=1., gate='label')
    gated.load_state_dict(loss.state_dict())
    assert run(gated, feats, 100 * targets)['mi_key_conditional'] == 0


def test_joints_without_weight_do_not_count():
    loss = build_loss(estimator='vsd', reduction='sum')
    feats = features_loss()
    heatmaps = torch.randn(2, 3, 8, 6, requires_grad=True)
    losses = run(loss, feats, heatmaps, torch.tensor([[1., 0, 1]] * 2))
    sum(v for k, v in losses.items() if k.startswith('loss_mi')).backward()
    assert not heatmaps.grad[:, 1].any() and heatmaps.grad[:, 0].any()
    losses = run(loss, feats, heatmaps, torch.zeros(2, 3))
    assert all(losses[k] == 0 for k in losses if k.startswith('loss_mi'))


def test_reduction_mean_divides_by_the_cells():
    feats, heatmaps = features_loss(), torch.randn(2, 3, 8, 6)
    mean = build_loss(estimator='vsd')
    total = build_loss(estimator='vsd', reduction='sum')
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
    loss = build_loss(label_init_cfg=dict(type='Pretrained', checkpoint=path))
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
def test_invalid_option_is_named_of_loss(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build_loss(**kwargs)
