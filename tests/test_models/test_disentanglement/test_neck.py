import pytest
import torch
from mmpose.registry import MODELS

from mmpose_tdmi.models import DisentanglementNeck
from mmpose_tdmi.structures import FrameWindow

TEMPORAL = dict(
    type='TemporalDifferenceNeck',
    in_channels=(8, 8),
    out_channels=8,
    offsets=(-1, 0, 1),
    num_blocks=1,
    modulation=dict(groups=2))


@pytest.fixture
def maps():
    return torch.randn(6, 8, 16, 12), torch.randn(6, 8, 16, 12)


def build(**kwargs):
    neck = DisentanglementNeck(TEMPORAL, channels=8, **kwargs)
    neck.init_weights()
    return neck


def test_it_is_the_heads_enhanced_feature(maps):
    neck = build(num_blocks=2, attention_channels=16).eval()
    head = MODELS.build(
        dict(
            type='DisentanglementHead',
            in_channels=8,
            out_channels=17,
            num_blocks=2,
            attention_channels=16)).eval()
    # the head names the same parts the same way
    result = head.load_state_dict(neck.state_dict(), strict=False)
    assert all(x.startswith('final_layer') for x in result.missing_keys)
    assert all(x.startswith('temporal') for x in result.unexpected_keys)
    fused, = neck(maps)
    expected = head.disentangle(neck.temporal(maps)).fused
    assert torch.equal(fused, expected) and fused.shape == (2, 8, 16, 12)


def test_without_factorisation_the_motion_is_used_as_it_is(maps):
    neck = build(factorisation='none').eval()
    feats = neck.temporal(maps)
    fused, = neck(maps)
    assert torch.equal(fused,
                       neck.aggregation(feats.motion, feats.key, feats.key))


def test_the_shortcut_starts_with_the_key_frame(maps):
    fused, = build(visual_shortcut=True).train()(maps)
    assert torch.equal(fused, maps[1][[1, 4]])


def test_all_that_is_trained_has_a_gradient(maps):
    neck = build().train()
    neck(maps)[-1].square().mean().backward()
    for name, x in neck.named_parameters():
        assert (x.grad is not None) == x.requires_grad, name
        assert x.requires_grad != name.startswith('factorisation.noisy')


def test_post_neck_and_window(maps):
    neck = build(post_neck=dict(type='GlobalAveragePooling')).eval()
    pooled, = neck(maps)
    assert pooled.shape == (2, 8)
    neck.post_neck = None
    torch.testing.assert_close(neck(maps)[0].mean((2, 3)), pooled)
    assert neck.window == FrameWindow((-1, 0, 1))


def test_frames_can_be_encoded_one_by_one(maps):
    neck = build().eval()
    frames = zip(*(neck.encode_frames([x[i:i + 1] for x in maps])
                   for i in range(6)))
    windows = neck.encode_windows([torch.cat(x) for x in frames])
    torch.testing.assert_close(windows, neck(maps))


@pytest.mark.parametrize('wrong,message', [
    (dict(factorisation='split'), 'factorisation'),
    (dict(num_blocks=0), 'num_blocks'),
])
def test_wrong_options(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(**wrong)
