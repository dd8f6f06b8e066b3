"""Temporal attention."""
import pytest
import torch
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from torch import nn

from mmpose_tdmi.models.rivals.temporal_attention import (
    JointTemporalAggregation, MultiHeadAttention, joint_regions)
from mmpose_tdmi.structures import fold_time


def test_cells_near_the_peak():
    heatmaps = torch.zeros(1, 2, 8, 8)
    heatmaps[0, 0, 5, 2] = 10
    heatmaps[0, 0, 0, 7] = 1.9
    heatmaps[0, 1, 0, 0] = 3
    heatmaps[0, 1, 7, 7] = 0.7
    regions = joint_regions(heatmaps, (4, 4), 0.2, False)
    # a single cell survives the coarser grid
    assert regions[0, 0].nonzero().tolist() == [[2, 1]]
    assert regions[0, 1].nonzero().tolist() == [[0, 0], [3, 3]]


def test_what_is_added_or_multiplied_does_not_matter():
    heatmaps = torch.rand(2, 3, 8, 8)
    expected = joint_regions(heatmaps, (4, 4), 0.5, False)
    assert torch.equal(
        joint_regions(5 * heatmaps - 3, (4, 4), 0.5, False), expected)


@pytest.mark.parametrize('threshold', [0., 0.2, 1.])
@pytest.mark.parametrize('heatmaps', [
    torch.zeros(2, 3, 8, 6),
    torch.full((2, 3, 8, 6), -7.),
    torch.arange(288.).sin().reshape(2, 3, 8, 6),
])
def test_there_is_always_somewhere_to_look(heatmaps, threshold):
    regions = joint_regions(heatmaps, (2, 3), threshold, False)
    assert regions.flatten(2).any(dim=2).all()


def test_attention_is_pytorchs(randomise):
    ours = randomise(MultiHeadAttention(8, 2))
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.in_proj_weight.data = torch.cat(
        [x.weight for x in (ours.query, ours.key, ours.value)])
    theirs.in_proj_bias.data = torch.cat(
        [x.bias for x in (ours.query, ours.key, ours.value)])
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    queries, context = torch.randn(2, 3, 8), torch.randn(2, 7, 8)
    allowed = torch.rand(2, 3, 7) > 0.5
    allowed[..., 0] = True
    for mask in (None, allowed):
        found, weights = ours(queries, context, mask)
        expected, expected_weights = theirs(
            queries,
            context,
            context,
            attn_mask=None if mask is None else ~mask.repeat_interleave(2, 0),
            average_attn_weights=False)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(weights, expected_weights)
    assert not weights[~allowed[:, None].expand_as(weights)].any()


def build_aggregation(randomise):
    return randomise(JointTemporalAggregation(8, 5, 2, 2, 2), 0.3)


def test_order_and_repetition_of_frames_do_not_matter(randomise):
    aggregation = build_aggregation(randomise)
    frames = torch.randn(2, 4, 6, 8)
    expected, _ = aggregation(frames.flatten(1, 2))
    shuffled, _ = aggregation(frames[:, [2, 0, 3, 1]].flatten(1, 2))
    torch.testing.assert_close(shuffled, expected, atol=1e-5, rtol=1e-4)
    static = frames[:, :1].expand(-1, 4, -1, -1)
    torch.testing.assert_close(
        aggregation(static.flatten(1, 2))[0],
        aggregation(frames[:, 0])[0],
        atol=1e-5,
        rtol=1e-4)


def test_each_joint_sees_its_region_only(randomise):
    aggregation = randomise(JointTemporalAggregation(8, 2, 1, 2, 2), 0.3)
    # joints do not see each other
    aggregation.layers[0].joint_attention.output.weight.data.zero_()
    context = torch.randn(1, 6, 8)
    allowed = torch.tensor([[[True] * 3 + [False] * 3,
                             [False] * 3 + [True] * 3]])
    expected, weights = aggregation(context, allowed)
    assert [tuple(x.shape) for x in weights] == [(1, 2, 2, 6)]
    changed = context.clone()
    changed[:, 3:] = 0
    found, _ = aggregation(changed, allowed)
    torch.testing.assert_close(found[:, 0], expected[:, 0])
    assert not torch.allclose(found[:, 1], expected[:, 1])


def test_invalid_option_is_named_of_aggregation():
    with pytest.raises(ValueError, match='num_heads = 3'):
        JointTemporalAggregation(8, 5, 6, 3, 2)
    with pytest.raises(ValueError, match='num_layers'):
        JointTemporalAggregation(8, 5, 0, 4, 2)


CODEC = dict(
    type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=2.)


def build_head(**kwargs):
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
    result = build_head().load_state_dict(stock.state_dict(), strict=False)
    assert not result.unexpected_keys
    assert all(
        k.startswith(('aggregation', 'restoration'))
        for k in result.missing_keys)


def test_a_static_clip_is_a_single_frame(randomise):
    clip = randomise(build_head()).eval()
    single = build_head(offsets=(0, )).eval()
    single.load_state_dict(clip.state_dict())
    frame = torch.randn(2, 8, 8, 8)
    static = frame[:, None].expand(-1, 5, -1, -1, -1)
    torch.testing.assert_close(
        clip((fold_time(static), )), single((frame, )), atol=1e-4, rtol=1e-4)


def test_supporting_frames_count_and_their_order_does_not(randomise):
    head = randomise(build_head(), 0.5).eval()
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
    head = randomise(build_head(deconv_out_channels=None)).eval()
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
    head = randomise(build_head(region_threshold=0.8)).eval()
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
    assert build_head(region_threshold=None).regions(frames) is None


def test_gated_it_starts_as_the_stock_head():
    head = build_head(gated=True).eval()
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
def test_invalid_option_is_named_of_head(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build_head(**kwargs)


def test_wrong_number_of_frames_is_an_error():
    with pytest.raises(ValueError, match='T = 5.*got 6 frames'):
        build_head()((torch.randn(6, 8, 8, 8), ))
