"""DCPose."""
import pytest
import torch
from mmpose.registry import MODELS

from mmpose_tdmi.models.rivals.dcpose import PoseCorrection
from mmpose_tdmi.structures import fold_time


def build_correction(mask='none'):
    return PoseCorrection(3, 6, 8, 1, (1, 3), mask, 'auto', None)


def test_without_offsets_and_modulation_one_the_merged_maps_pass(randomise):
    correction = build_correction().eval()
    randomise(correction.blocks)
    merged = torch.rand(2, 3, 8, 6)
    residuals = torch.randn(2, 6, 8, 6)
    for layer in (*correction.offset_layers, *correction.mask_layers):
        torch.nn.init.zeros_(layer.weight)
    # the release's modulation has no sigmoid: nothing passes at zero
    assert not correction(residuals, merged).any()
    correction.mask = 'sigmoid'
    torch.testing.assert_close(correction(residuals, merged), merged / 2)


@pytest.mark.parametrize('mask', ['none', 'sigmoid'])
def test_each_joint_has_its_own_modulation(randomise, mask):
    correction = randomise(build_correction(mask=mask)).eval()
    # no joint is mixed with another by the kernels
    for layer in correction.deform_conv_layers:
        layer.weight.data *= torch.eye(3)[:, :, None, None]
        torch.nn.init.zeros_(layer.bias)
    merged = torch.rand(1, 3, 8, 6)
    residuals = torch.randn(1, 6, 8, 6)
    context = correction.blocks(torch.cat((residuals, merged), dim=1))
    found = correction(residuals, merged)
    assert context.shape == (1, 8, 8, 6)
    changed = merged.clone()
    changed[:, 1] = 0
    # with the same context, joint 1's maps count for joint 1 alone
    correction.blocks.forward = lambda x: context
    found, other = (
        correction(residuals, x).detach() for x in (merged, changed))
    same = (found == other).all(dim=3).all(dim=2)[0]
    assert same.tolist() == [True, False, True]


def build_neck(**kwargs):
    config = dict(
        type='DCPoseNeck',
        in_channels=4,
        out_channels=5,
        correction_channels=8,
        dilations=(1, 2))
    config.update(kwargs)
    return MODELS.build(config)


def test_residual_maps_of_a_static_clip_vanish(randomise):
    neck = randomise(build_neck()).eval()
    still = torch.randn(2, 1, 4, 8, 6).expand(-1, 3, -1, -1, -1)
    frames = neck.single_frame_heatmaps((fold_time(still), ))
    residuals = neck.residual_fusion.gather(*frames)
    assert residuals.shape == (2, 20, 8, 6)
    assert frames[1].any() and not residuals.any()
    # and what is corrected does not depend on where the residuals come from
    moving = neck.single_frame_heatmaps((torch.randn(6, 4, 8, 6), ))
    assert neck.residual_fusion.gather(*moving).any()


def test_the_key_frame_is_the_middle_one(randomise):
    neck = randomise(build_neck()).eval()
    frames = torch.randn(1, 3, 4, 8, 6)
    previous, key, following = neck.single_frame_heatmaps(
        (fold_time(frames), ))
    for t, found in enumerate((previous, key, following)):
        torch.testing.assert_close(found, neck.heatmap_layer(frames[:, t]))
    residuals = neck.residual_fusion.gather(previous, key, following)
    by_joint = residuals.unflatten(1, (5, 4))
    torch.testing.assert_close(by_joint[:, :, 0], key - previous)
    torch.testing.assert_close(by_joint[:, :, 2], key - following)
    torch.testing.assert_close(by_joint[:, :, 1], (key - previous) / 2)
    torch.testing.assert_close(by_joint[:, :, 3], (key - following) / 2)


@pytest.mark.parametrize('offsets, weights', [
    ((-1, 0, 1), (0.5, 0.5)),
    ((-3, 0, 1), (0.25, 0.75)),
    ((-1, 0, 4), (0.8, 0.2)),
])
def test_the_nearer_frame_counts_more(offsets, weights):
    neck = build_neck(offsets=offsets)
    assert neck.residual_fusion.frame_weights == pytest.approx(weights)
    assert neck.temporal_merger.frame_weights == pytest.approx(weights)


def test_reversing_time_is_seen_and_symmetric_weights_are_not(randomise):
    neck = randomise(build_neck()).eval()
    frames = torch.randn(1, 3, 4, 8, 6)
    assert not torch.allclose(
        neck((fold_time(frames), ))[0],
        neck((fold_time(frames.flip(1)), ))[0])


def test_parameters_are_the_releases_less_the_biases_before_norms():
    neck = build_neck(
        in_channels=48,
        out_channels=17,
        correction_channels=64,
        dilations=(3, 6, 9, 12, 15))
    heatmap_layer = 48 * 17 + 17

    def block(i, o, skip):
        """A residual-steps block, as in the release, with its biases."""
        b = i * 26 // 64
        convs = [(i, 4 * b, 1), *[(b, b, 9)] * 10, (4 * b, o, 1)]
        convs += [(i, o, 1)] if skip else []
        weights = sum(c * d * k for c, d, k in convs)
        # bias (not here), scale and shift
        outputs = sum(d for _, d, _ in convs)
        return weights + 2 * outputs

    blocks = (
        block(68, 34, True) + block(34, 34, False) + block(51, 17, True) +
        block(51, 64, True) + block(64, 64, False))
    estimators = 5 * 64 * 9 * (306 + 153)
    convolutions = 5 * (17 * 17 * 9 + 17)
    assert sum(x.numel() for x in neck.parameters()) == (
        heatmap_layer + blocks + estimators + convolutions) == 1_602_074


def test_initialisation_is_the_releases(randomise):
    neck = build_neck()
    neck.init_weights()
    for name, x in neck.named_parameters():
        if 'deform_conv' in name and x.dim() == 4:
            assert x.sum() == 5 and (x != 0).sum() == 5, name
        elif x.dim() == 4 and x.numel() > 200:
            assert 0.0007 < x.std() < 0.0013, name


@pytest.mark.parametrize('kwargs, key', [
    (dict(offsets=(-2, -1, 0, 1, 2)), r'offsets must be \(-a, 0, b\)'),
    (dict(offsets=(-2, -1, 0)), 'offsets'),
    (dict(mask='relu'), 'mask'),
    (dict(dilations=()), 'dilations'),
    (dict(fusion_blocks=0), 'num_blocks'),
    (dict(out_channels=0), 'out_channels'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build_neck(**kwargs)
