"""The Temporal Difference Encoder, Eq. 1 to 5."""
import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from mmpose_tdmi.models import TemporalFeatures
from mmpose_tdmi.structures import fold_time

from mmpose_tdmi.models.temporal_difference import (  # isort: skip
    ConcatFusion, IntraStageFusion, ProgressiveAccumulation, SpatialModulation,
    StageAlignment, feature_differences)


def test_later_minus_earlier_in_time_order():
    frames = torch.arange(5.).pow(2).view(1, 5, 1, 1, 1).expand(2, 5, 3, 4, 4)
    found = feature_differences(frames)
    assert found.shape == (2, 4, 3, 4, 4)
    assert found[0, :, 0, 0, 0].tolist() == [1, 3, 5, 7]


def test_static_clip_has_zero_differences():
    frames = torch.randn(2, 1, 3, 4, 4).expand(-1, 5, -1, -1, -1)
    assert not feature_differences(frames).any()


def test_reversed_time_negates_and_reverses():
    frames = torch.randn(2, 5, 3, 4, 4)
    torch.testing.assert_close(
        feature_differences(frames.flip(1)),
        -feature_differences(frames).flip(1))


@pytest.mark.parametrize('num_clips', [1, 3])
@pytest.mark.parametrize('memory_format',
                         [torch.contiguous_format, torch.channels_last])
def test_concatenated_in_the_frames_memory_format(num_clips, memory_format):
    maps = torch.randn(num_clips * 5, 6, 4, 3)
    frames = maps.contiguous(memory_format=memory_format).unflatten(0, (-1, 5))
    fusion = IntraStageFusion(6, 5, 1)
    seen = []
    fusion.blocks.register_forward_pre_hook(
        lambda _, inputs: seen.extend(inputs))
    fusion(frames)
    assert torch.equal(seen[0], feature_differences(frames).flatten(1, 2))
    assert seen[0].is_contiguous(memory_format=memory_format)


def test_equal_maps_are_passed_on_without_parameters():
    alignment = StageAlignment((8, 8), 8)
    maps = [torch.randn(2, 8, 4, 3) for _ in range(2)]
    assert not list(alignment.parameters())
    for a, b in zip(alignment(maps), maps):
        assert a is b


def test_maps_are_brought_to_the_finest_ones_shape():
    alignment = StageAlignment((4, 8, 16), 8)
    maps = [torch.randn(2, c, s, s) for c, s in ((4, 16), (8, 8), (16, 3))]
    found = alignment(maps)
    assert [tuple(x.shape) for x in found] == [(2, 8, 16, 16)] * 3
    assert sum(x.numel()
               for x in alignment.parameters()) == (4 * 8 + 8 + 16 * 8 + 8)


def test_a_constant_map_stays_constant():
    (_, found) = StageAlignment(
        (1, 1), 1)([torch.zeros(1, 1, 9, 7),
                    torch.full((1, 1, 2, 2), 3.)])
    torch.testing.assert_close(found, torch.full((1, 1, 9, 7), 3.))


def num_params(module):
    return sum(x.numel() for x in module.parameters())


def test_parameters_of_the_authors_form_of_accumulation():
    module = ProgressiveAccumulation(
        48,
        4,
        unit='residual',
        num_units=1,
        on_first=False,
        skip_projection='always')
    assert num_params(module) == 3 * 44064


def test_parameters_of_the_papers_form_of_accumulation():
    conv = 9 * 48 * 48 + 2 * 48
    assert num_params(ProgressiveAccumulation(48, 4)) == 4 * 2 * conv


class _Double(torch.nn.Module):

    def forward(self, x):
        return 2 * x


@pytest.mark.parametrize('on_first, expected', [
    (True, 2 * (2 * (2 * 1 + 10) + 100)),
    (False, 2 * (2 * (1 + 10) + 100)),
])
def test_nesting_of_equation_5(on_first, expected):
    module = ProgressiveAccumulation(1, 3, on_first=on_first)
    for i in range(len(module.steps)):
        module.steps[i] = _Double()
    stages = [torch.full((1, 1, 1, 1), value) for value in (1., 10., 100.)]
    assert module(stages).item() == expected


def test_one_stage_without_its_own_units_is_passed_on():
    x = torch.randn(1, 4, 3, 3)
    assert module_output(on_first=False, x=x) is x


def module_output(on_first, x):
    return ProgressiveAccumulation(4, 1, on_first=on_first)([x])


def test_concat_fusion_sees_every_stage():
    module = ConcatFusion(4, 3, num_units=1)
    stages = [torch.randn(2, 4, 5, 5, requires_grad=True) for _ in range(3)]
    out = module(stages)
    assert out.shape == (2, 4, 5, 5)
    out.square().sum().backward()
    assert all(x.grad.abs().sum() > 0 for x in stages)


@pytest.mark.parametrize('kwargs, key', [
    (dict(unit='linear'), 'accumulation.unit'),
    (dict(num_units=0), 'accumulation.num_units'),
])
def test_invalid_option_is_named_of_accumulation(kwargs, key):
    with pytest.raises(ValueError, match=key):
        ProgressiveAccumulation(4, 2, **kwargs)


MODULATION_RELEASED = dict(
    offset_input='key_and_difference',
    chains='shared',
    offset_dilation=3,
    mask='none',
    offset_init='normal',
    skip_projection='always')


def test_parameters_of_the_authors_form_of_modulation():
    block = 67104
    offsets, masks = 9 * 48 * 216 + 216, 9 * 48 * 108 + 108
    assert num_params(SpatialModulation(
        48,
        **MODULATION_RELEASED)) == block + offsets + masks + 9 * 48 * 48 + 48


def test_parameters_of_the_papers_form_of_modulation():
    blocks = 2 * 41664  # one on D for the offsets, one for the modulation
    offsets, masks = 9 * 48 * 216 + 216, 9 * 48 * 108 + 108
    assert num_params(
        SpatialModulation(48)) == blocks + offsets + masks + 9 * 48 * 48 + 48


def test_starts_as_half_a_plain_convolution():
    modulation = SpatialModulation(4, groups=2)
    motion = torch.randn(2, 4, 6, 5)
    found = modulation(motion, torch.randn(2, 4, 6, 5))
    expected = F.conv2d(
        motion / 2, modulation.conv.weight, modulation.conv.bias, padding=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('offset_input, depends',
                         [('difference', False), ('key_and_difference', True)])
def test_whether_the_key_frame_steers(offset_input, depends):
    modulation = SpatialModulation(
        4, groups=2, offset_input=offset_input, offset_init='normal').eval()
    torch.nn.init.normal_(modulation.estimator.offset_conv.weight)
    motion = torch.randn(1, 4, 6, 5)
    a, b = (modulation(motion, torch.randn(1, 4, 6, 5)) for _ in range(2))
    assert torch.equal(a, b) != depends


def test_independent_chains_get_gradients_of_their_own():
    modulation = SpatialModulation(4, groups=2, offset_init='normal')
    x = torch.randn(2, 4, 6, 5)
    modulation(x, x).sum().backward()
    assert all(p.grad is not None for p in modulation.parameters())


@pytest.mark.parametrize('kwargs, key', [
    (dict(offset_input='both'), 'offset_input'),
    (dict(chains='none'), 'chains'),
    (dict(mask='tanh'), 'mask'),
    (dict(backend='cuda'), 'backend'),
    (dict(groups=5), 'groups'),
])
def test_invalid_option_is_named_of_modulation(kwargs, key):
    with pytest.raises(ValueError, match=key):
        SpatialModulation(4, **{'groups': 2, **kwargs})


#: The authors' code's settings, as docs/model.md lists them.
RELEASED = dict(
    num_blocks=2,
    skip_projection='always',
    accumulation=dict(unit='residual', num_units=1, on_first=False),
    modulation=dict(
        offset_input='key_and_difference',
        chains='shared',
        offset_dilation=3,
        mask='none',
        offset_init='normal'))


def build(in_channels=(8, ) * 4, out_channels=8, **kwargs):
    config = dict(
        type='TemporalDifferenceNeck',
        in_channels=in_channels,
        out_channels=out_channels,
        modulation=dict(groups=2))
    config.update(kwargs)
    return MODELS.build(config)


def clips(batch=2, num_frames=5, channels=(8, ) * 4, sizes=(6, ) * 4):
    return [
        torch.randn(batch, num_frames, c, s, s)
        for c, s in zip(channels, sizes)
    ]


def run(neck, maps):
    return neck([fold_time(x) for x in maps])


def randomise(module):
    """Weights at which nothing is zero or saturated."""
    for x in module.parameters():
        torch.nn.init.normal_(x, std=0.2)
    return module


@pytest.mark.parametrize('num_blocks, expected', [
    (2, 1_664_304),
    ((3, 3, 2, 2), 1_664_304 + 2 * 41_664),
])
def test_parameters_of_the_authors_form(num_blocks, expected):
    neck = build((48, ) * 4, 48, **{**RELEASED, 'num_blocks': num_blocks})
    assert num_params(neck) == expected


def test_papers_blocks_per_stage():
    neck = build()
    assert [len(x.blocks) for x in neck.intra_stage.values()] == [3, 3, 2, 2]


@pytest.mark.parametrize('offsets', [(-2, -1, 0, 1, 2), (-1, 0, 1),
                                     (-3, -2, -1, 0), (0, 1), (-4, 0, 1)])
def test_any_window(offsets):
    neck = build(offsets=offsets)
    maps = clips(num_frames=len(offsets))
    found = run(neck, maps)
    assert isinstance(found, TemporalFeatures)
    assert found.motion.shape == found.key.shape == (2, 8, 6, 6)
    torch.testing.assert_close(found.sequence, maps[-1])
    torch.testing.assert_close(found[-1], maps[-1][:, offsets.index(0)])


def test_clips_do_not_see_each_other_and_may_be_permuted():
    neck = randomise(build()).eval()
    maps = clips(batch=3)
    found = run(neck, maps)
    order = torch.tensor([2, 0, 1])
    permuted = run(neck, [x[order] for x in maps])
    alone = run(neck, [x[1:2] for x in maps])
    for a, b, c in zip(found, permuted, alone):
        torch.testing.assert_close(a[order], b, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(a[1:2], c, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('offset_input, same', [('difference', True),
                                                ('key_and_difference', False)])
def test_motion_of_static_clips_does_not_depend_on_what_they_show(
        offset_input, same):
    neck = randomise(
        build(modulation=dict(groups=2, offset_input=offset_input))).eval()
    static = [x[:, :1].expand(-1, 5, -1, -1, -1) for x in clips()]
    motion = run(neck, static).motion
    assert torch.allclose(motion[0], motion[1]) == same


def test_a_new_neck_sees_no_motion_in_a_static_clip():
    neck = build()
    neck.init_weights()
    static = [x[:, :1].expand(-1, 5, -1, -1, -1) for x in clips()]
    assert not run(neck.eval(), static).motion.any()
    assert run(neck, clips()).motion.any()


def test_flipped_clips_give_flipped_motion_with_symmetric_kernels():
    # offsets of a deformable convolution are not symmetric: without it
    neck = randomise(build(modulation=None)).eval()
    for x in neck.parameters():
        if x.dim() == 4:
            x.data = (x + x.flip(-1)) / 2
    maps = clips()
    found = run(neck, [x.flip(-1) for x in maps])
    for a, b in zip(found, run(neck, maps)):
        torch.testing.assert_close(a, b.flip(-1), atol=1e-4, rtol=1e-4)


def test_reversing_time_is_seen():
    neck = randomise(build()).eval()
    maps = clips()
    assert not torch.allclose(
        run(neck, maps).motion,
        run(neck, [x.flip(1) for x in maps]).motion)


@pytest.mark.parametrize(
    'switches, used',
    [
        (dict(stages=(3, ), modulation=None), (3, )),  # Table 6 (a)
        (dict(stages=(-1, ), modulation=None), (3, )),
        (dict(fusion='concat', modulation=None), (0, 1, 2, 3)),  # (b)
        (dict(modulation=None), (0, 1, 2, 3)),  # (c)
        (dict(), (0, 1, 2, 3)),  # (d)
        ({
            **RELEASED, 'modulation': {
                **RELEASED['modulation'], 'groups': 2
            }
        }, (0, 1, 2, 3)),
    ])
def test_ablations_use_the_stages_they_should(switches, used):
    neck = randomise(build(**switches))
    maps = [x.requires_grad_() for x in clips()]
    run(neck, maps).motion.square().sum().backward()
    for stage, x in enumerate(maps):
        assert (x.grad is not None and bool(x.grad.any())) == (stage in used)
    assert all(x.grad is not None for x in neck.parameters())
    assert (neck.modulation is None) == (switches.get('modulation', 0) is None)


def test_any_channels_and_strides():
    neck = build((4, 8, 16, 24), 8)
    found = run(neck, clips(channels=(4, 8, 16, 24), sizes=(16, 8, 4, 2)))
    assert found.motion.shape == found.key.shape == (2, 8, 16, 16)


def test_only_chosen_stages_set_the_size_and_have_layers():
    neck = build((4, 8, 16, 24), 8, stages=(2, ), num_blocks=1)
    found = run(neck, clips(channels=(4, 8, 16, 24), sizes=(16, 8, 4, 2)))
    assert found.motion.shape == found.key.shape == (2, 8, 4, 4)
    assert len(neck.alignment.projections) == 2


def test_one_map_as_a_vision_transformer_gives():
    neck = build(12, 8, num_blocks=1)
    found = run(neck, clips(channels=(12, ), sizes=(6, )))
    assert found.motion.shape == (2, 8, 6, 6)


def test_pre_neck_is_applied_to_the_folded_maps():
    channels, sizes = (4, 8, 16, 24), (16, 8, 4, 2)
    neck = build(
        (8, ) * 4,
        8,
        pre_neck=dict(
            type='FPN', in_channels=list(channels), out_channels=8,
            num_outs=4))
    neck.init_weights()
    # the pre-neck's own initialisation stands
    assert neck.pre_neck.fpn_convs[0].conv.weight.std() > 0.01
    found = run(neck, clips(channels=channels, sizes=sizes))
    assert found.motion.shape == (2, 8, 16, 16)


def test_initialisation_is_the_papers():
    neck = build((8, 16), 16, num_blocks=2)
    neck.init_weights()
    for name, x in neck.named_parameters():
        if 'estimator' in name:
            assert not x.any(), name
        elif x.dim() == 4:
            assert 0.0007 < x.std() < 0.0013, name
        elif name.endswith('.weight'):
            assert (x == 1).all(), name
        else:
            assert not x.any(), name


def test_wrong_number_of_frames_is_an_error():
    with pytest.raises(ValueError, match='T = 5.*got 6 frames'):
        run(build(), clips(batch=2, num_frames=3))


def test_wrong_channels_are_an_error():
    with pytest.raises(ValueError, match=r'in_channels.*\(8, 8\)'):
        run(build(), clips(channels=(8, 8)))


@pytest.mark.parametrize('kwargs, key', [
    (dict(stages=(4, )), 'stages names stage 4.*gives 4 maps'),
    (dict(stages=(1, 0)), 'stages'),
    (dict(stages=()), 'stages'),
    (dict(visual_stage=7), 'visual_stage names stage 7'),
    (dict(num_blocks=(1, 2)), 'num_blocks'),
    (dict(num_blocks=0), 'num_blocks'),
    (dict(fusion='sum'), 'fusion'),
    (dict(offsets=(0, )), 'offsets'),
    (dict(offsets=(-1, 1)), 'offsets'),
    (dict(offsets=(1, 0, -1)), 'offsets'),
    (dict(out_channels=0), 'out_channels'),
    (dict(modulation=dict(group=2)), 'modulation has no option group'),
    (dict(modulation=dict(groups=3)), 'groups'),
    (dict(accumulation=dict(units=2)), 'accumulation has no option units'),
    (dict(accumulation=dict(unit='x')), 'accumulation.unit'),
    (dict(skip_projection='no'), 'skip_projection'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        build(**kwargs)
