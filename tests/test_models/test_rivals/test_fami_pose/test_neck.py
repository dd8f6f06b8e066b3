import pytest
import torch
from mmpose.registry import MODELS

from mmpose_tdmi.models import FAMIFeatures
from mmpose_tdmi.structures import fold_time


def build(**kwargs):
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
    neck = randomise(build(merge=merge)).eval()
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
    neck = build(calibration=dict(groups=2, offset_init='zeros'))
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
    neck = build(
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
    neck = randomise(build(out_channels=8, offsets=(-3, 0, 1))).eval()
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
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build(**kwargs)
