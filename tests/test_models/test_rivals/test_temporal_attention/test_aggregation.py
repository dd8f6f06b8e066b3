import pytest
import torch
from torch import nn

from mmpose_tdmi.models.rivals.temporal_attention import (
    JointTemporalAggregation, MultiHeadAttention)


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


def build(randomise):
    return randomise(
        JointTemporalAggregation(8, 5, num_layers=2, num_heads=2), 0.3)


def test_order_and_repetition_of_frames_do_not_matter(randomise):
    aggregation = build(randomise)
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
    aggregation = randomise(
        JointTemporalAggregation(8, 2, num_layers=1, num_heads=2), 0.3)
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


def test_invalid_option_is_named():
    with pytest.raises(ValueError, match='num_heads = 3'):
        JointTemporalAggregation(8, 5, num_heads=3)
    with pytest.raises(ValueError, match='num_layers'):
        JointTemporalAggregation(8, 5, num_layers=0)
