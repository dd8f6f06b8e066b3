"""Poseidon's neck; projects/released_weights holds it against its release."""
import pytest
import torch
from mmpose.registry import MODELS

from mmpose_tdmi.structures import fold_time


def build(**kwargs):
    config = dict(
        type='PoseidonNeck', in_channels=8, map_size=(6, 4), num_heads=2)
    config.update(kwargs)
    return MODELS.build(config)


def make_maps(num_clips=2):
    torch.manual_seed(0)
    return [torch.randn(num_clips * 5, 8, 6, 4) for _ in range(3)]


def test_frames_one_by_one(randomise):
    """What is kept of a frame does not depend on its window."""
    neck = randomise(build(), 0.5).eval()
    maps = make_maps()
    frames = zip(*(neck.encode_frames([x[i:i + 1] for x in maps])
                   for i in range(10)))
    found, = neck.encode_windows([torch.cat(x) for x in frames])
    expected, = neck(maps)
    assert expected.shape == (2, 8, 6, 4)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_supporting_frames_count_and_their_order_does_not(randomise):
    neck = randomise(build(), 0.5).eval()
    clips = [x.unflatten(0, (2, 5)) for x in make_maps()]
    found, = neck([fold_time(x) for x in clips])
    shuffled, = neck([fold_time(x[:, [4, 0, 2, 3, 1]]) for x in clips])
    torch.testing.assert_close(shuffled, found, atol=1e-5, rtol=1e-4)
    for place in (0, 4):
        other = [x.clone() for x in clips]
        other[2][1, place] *= -1
        changed, = neck([fold_time(x) for x in other])
        # of one clip, and of no other
        torch.testing.assert_close(changed[0], found[0])
        assert (changed[1] - found[1]).abs().max() > 1e-2


def test_a_frame_without_weight_is_without_influence(randomise):
    """With the whole weight on the key frame, others are maps of zeros."""
    neck = randomise(build(), 0.5).eval()
    fused, quality = neck.encode_frames(make_maps(1))
    quality = torch.full_like(quality, -100)
    quality[2] = 0
    found, = neck.encode_windows((fused, quality))
    others = torch.zeros_like(fused)
    others[2] = 5 * fused[2]
    expected, = neck.encode_windows((others, torch.zeros_like(quality)))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('kwargs, key', [
    (dict(in_channels=10), 'in_channels = 10'),
    (dict(num_heads=3), 'num_heads = 3'),
    (dict(num_heads=0), 'num_heads'),
    (dict(map_size=(6, 0)), 'map_size'),
    (dict(offsets=(0, )), 'offsets'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build(**kwargs)


def test_other_maps_are_refused():
    maps = make_maps()
    with pytest.raises(ValueError, match='3 maps of map_size'):
        build()(maps[:2])
    with pytest.raises(ValueError, match=r'map_size = \(4, 6\).*\(6, 4\)'):
        build(map_size=(4, 6))(maps)
    with pytest.raises(ValueError, match='T = 5.*got 6 frames'):
        build()([x[:6] for x in maps])
