import pytest
import torch
from mmpose.registry import MODELS

from mmpose_tdmi.structures import fold_time


def build(**kwargs):
    config = dict(
        type='DCPoseNeck',
        in_channels=4,
        out_channels=5,
        correction_channels=8,
        dilations=(1, 2))
    config.update(kwargs)
    return MODELS.build(config)


def test_residual_maps_of_a_static_clip_vanish(randomise):
    neck = randomise(build()).eval()
    still = torch.randn(2, 1, 4, 8, 6).expand(-1, 3, -1, -1, -1)
    frames = neck.single_frame_heatmaps((fold_time(still), ))
    residuals = neck.residual_fusion.residuals(*frames)
    assert residuals.shape == (2, 20, 8, 6)
    assert frames[1].any() and not residuals.any()
    # and what is corrected does not depend on where the residuals come from
    moving = neck.single_frame_heatmaps((torch.randn(6, 4, 8, 6), ))
    assert neck.residual_fusion.residuals(*moving).any()


def test_the_key_frame_is_the_middle_one(randomise):
    neck = randomise(build()).eval()
    frames = torch.randn(1, 3, 4, 8, 6)
    previous, key, following = neck.single_frame_heatmaps(
        (fold_time(frames), ))
    for t, found in enumerate((previous, key, following)):
        torch.testing.assert_close(found, neck.heatmap_layer(frames[:, t]))
    residuals = neck.residual_fusion.residuals(previous, key, following)
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
    neck = build(offsets=offsets)
    assert neck.residual_fusion.frame_weights == pytest.approx(weights)
    assert neck.temporal_merger.frame_weights == pytest.approx(weights)


def test_reversing_time_is_seen_and_symmetric_weights_are_not(randomise):
    neck = randomise(build()).eval()
    frames = torch.randn(1, 3, 4, 8, 6)
    assert not torch.allclose(
        neck((fold_time(frames), ))[0],
        neck((fold_time(frames.flip(1)), ))[0])


def test_parameters_are_the_releases_less_the_biases_before_norms():
    neck = build(
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
    neck = build()
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
        build(**kwargs)
