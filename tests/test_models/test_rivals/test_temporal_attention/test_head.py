import pytest
import torch
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS

from mmpose_tdmi.structures import fold_time

CODEC = dict(
    type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=2.)


def build(**kwargs):
    config = dict(
        type='TemporalAttentionHead',
        in_channels=8,
        out_channels=17,
        num_layers=2,
        num_heads=2,
        deconv_out_channels=(16, ),
        deconv_kernel_sizes=(4, ),
        decoder=CODEC)
    config.update(kwargs)
    return MODELS.build(config)


def test_weights_of_a_stock_head_load():
    stock = HeatmapHead(
        8, 17, deconv_out_channels=(16, ), deconv_kernel_sizes=(4, ))
    result = build().load_state_dict(stock.state_dict(), strict=False)
    assert not result.unexpected_keys
    assert all(
        k.startswith(('aggregation', 'restoration'))
        for k in result.missing_keys)


def test_a_static_clip_is_a_single_frame(randomise):
    clip = randomise(build()).eval()
    single = build(offsets=(0, )).eval()
    single.load_state_dict(clip.state_dict())
    frame = torch.randn(2, 8, 8, 8)
    static = frame[:, None].expand(-1, 5, -1, -1, -1)
    torch.testing.assert_close(
        clip((fold_time(static), )), single((frame, )), atol=1e-4, rtol=1e-4)


def test_supporting_frames_count_and_their_order_does_not(randomise):
    head = randomise(build(), 0.5).eval()
    frames = torch.randn(1, 5, 8, 8, 8)
    found = head((fold_time(frames), ))
    assert found.shape == (1, 17, 16, 16)
    reversed_time = head((fold_time(frames.flip(1)), ))
    torch.testing.assert_close(reversed_time, found, atol=1e-4, rtol=1e-4)
    other = torch.cat((torch.randn(1, 1, 8, 8, 8), frames[:, 1:]), dim=1)
    assert not torch.allclose(head((fold_time(other), )), found, atol=1e-3)


def test_flipped_frames_give_flipped_heatmaps_with_symmetric_kernels(
        randomise):
    # without position embeddings attention does not know left from right
    head = randomise(build(deconv_out_channels=None)).eval()
    for x in head.parameters():
        if x.dim() == 4:
            x.data = (x + x.flip(-1)) / 2
    frames = torch.randn(5, 8, 8, 8)
    torch.testing.assert_close(
        head((frames.flip(-1), )),
        head((frames, )).flip(-1),
        atol=1e-4,
        rtol=1e-4)


def test_attention_stays_in_the_regions(randomise):
    head = randomise(build(region_threshold=0.8)).eval()
    frames = torch.randn(10, 8, 8, 8)
    maps, attention = head.attend(frames)
    assert maps.shape == (2, 8, 8, 8)
    assert [tuple(x.shape) for x in attention] == [(2, 2, 17, 5, 8, 8)] * 2
    regions = head.regions(frames).unflatten(2, (5, 8, 8))
    assert 0 < regions.float().mean() < 0.5
    for weights in attention:
        total = weights.flatten(3).sum(dim=3)
        torch.testing.assert_close(total, torch.ones_like(total))
        assert not weights[~regions[:, None].expand_as(weights)].any()
    assert build(region_threshold=None).regions(frames) is None


def test_gated_it_starts_as_the_stock_head():
    head = build(gated=True).eval()
    stock = HeatmapHead(
        8, 17, deconv_out_channels=(16, ), deconv_kernel_sizes=(4, )).eval()
    head.load_state_dict(stock.state_dict(), strict=False)
    frames = torch.randn(2, 5, 8, 8, 8)
    torch.testing.assert_close(
        head((fold_time(frames), )), stock((frames[:, 2], )))


@pytest.mark.parametrize('kwargs, key', [
    (dict(region_threshold=2), 'region_threshold'),
    (dict(num_heads=3), 'num_heads'),
    (dict(offsets=(1, 2)), 'offsets'),
    (dict(test_activation='relu'), 'test_activation'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build(**kwargs)


def test_wrong_number_of_frames_is_an_error():
    with pytest.raises(ValueError, match='T = 5.*got 6 frames'):
        build()((torch.randn(6, 8, 8, 8), ))
