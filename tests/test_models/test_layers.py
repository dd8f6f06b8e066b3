"""Residual blocks, checks of options, deformable convolutions."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from torch import nn

from mmpose_tdmi.models.layers import (DeformableConv2d, DeformableEstimator,
                                       DiracInit, ResidualChain,
                                       SteeredDeformableConv2d,
                                       deform_conv2d_grid_sample, deformable)
from mmpose_tdmi.models.layers.blocks import (check_choice, check_positive,
                                              merge_options)
from mmpose_tdmi.models.layers.deformable import deform_conv2d_blocked


@pytest.fixture(scope='session')
def needs_second_derivatives() -> None:
    """Skips where torch does not differentiate grid_sample twice."""
    x = torch.rand(1, 1, 2, 2, requires_grad=True)
    grid = torch.zeros(1, 1, 1, 2, requires_grad=True)
    sample = F.grid_sample(x, grid, align_corners=False).sum()
    first, = torch.autograd.grad(sample, grid, create_graph=True)
    try:
        first.sum().backward()
    except RuntimeError as error:
        if 'not implemented' not in str(error):
            raise
        pytest.skip(f'torch {torch.__version__} does not differentiate '
                    'grid_sample twice')


class WithoutAutocast(nn.Module):
    """The smallest module that turns autocast off."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast('cpu', enabled=False):
            return x + 1


@pytest.fixture(scope='session')
def needs_export_without_autocast() -> None:
    """Skips where torch exports no module that turns autocast off."""
    try:
        torch.export.export(WithoutAutocast(), (torch.zeros(1), ))
    except Exception as error:
        if type(error).__name__ != 'SpecViolationError':
            raise
        pytest.skip(f'torch {torch.__version__} exports no module that turns '
                    'autocast off')


def test_merge_options_fills_gaps_and_keeps_the_defaults_as_they_are():
    defaults = dict(a=1, b=2)
    assert merge_options('key', dict(b=3), defaults) == dict(a=1, b=3)
    assert defaults == dict(a=1, b=2)


def test_merge_options_names_the_unknown_option_and_the_known_ones():
    with pytest.raises(ValueError, match='modulation.*typo.*groups'):
        merge_options('modulation', dict(typo=1), dict(groups=12))
    with pytest.raises(ValueError, match='modulation must be a dict'):
        merge_options('modulation', 3, dict(groups=12))


@pytest.mark.parametrize(
    'value',
    [0, -1., float('inf'), float('nan'), True, None, '1'])
def test_check_positive(value):
    with pytest.raises(ValueError, match='temperature'):
        check_positive('temperature', value)


def test_a_choice_is_of_its_type():
    for value in (False, True, 'window'):
        check_choice('shortcut', value, (False, True, 'window'))
    for value in (0, 1, 1., None, 'w'):
        with pytest.raises(ValueError, match='shortcut must be one of'):
            check_choice('shortcut', value, (False, True, 'window'))


def num_params(module):
    return sum(x.numel() for x in module.parameters())


@pytest.mark.parametrize('in_channels, skip, expected', [
    (48, 'needed', 2 * 41664),
    (48, 'always', 44064 + 41664),
    (96, 'needed', 67104 + 41664),
    (96, 'always', 67104 + 41664),
])
def test_parameters_of_two_blocks(in_channels, skip, expected):
    chain = ResidualChain(in_channels, 48, 2, skip_projection=skip)
    assert num_params(chain) == expected


def test_zero_scale_makes_it_the_identity_on_what_is_positive():
    chain = ResidualChain(4, 4, 2)
    for block in chain.blocks:
        torch.nn.init.zeros_(block.norm2.weight)
    x = torch.rand(2, 4, 5, 6)
    torch.testing.assert_close(chain(x), x)


@pytest.mark.parametrize('kwargs, key', [
    (dict(num_blocks=0), 'num_blocks'),
    (dict(num_blocks=1, skip_projection='sometimes'), 'skip_projection'),
])
def test_invalid_option_is_named_of_chain(kwargs, key):
    with pytest.raises(ValueError, match=key):
        ResidualChain(4, 4, **kwargs)


class Layers(BaseModule):
    """One layer that is named and one that is not."""

    def __init__(self):
        super().__init__([
            dict(type='Constant', layer='Conv2d', val=3., bias=1.),
            dict(type='Dirac', layer='DeformableConv2d', gain=2.)
        ])
        self.plain = nn.Conv2d(4, 4, 3)
        self.steered = SteeredDeformableConv2d(4, groups=2)


def test_a_layer_passes_its_input_on():
    layer = DeformableConv2d(4, 4, groups=2)
    nn.init.constant_(layer.bias, 5.)
    DiracInit(layer='DeformableConv2d')(layer)
    x = torch.randn(2, 4, 6, 5)
    offset, mask = torch.zeros(2, 36, 6, 5), torch.ones(2, 18, 6, 5)
    assert torch.allclose(layer(x, offset, mask), x, atol=1e-6)


def test_by_config_with_the_gain_that_a_sigmoid_needs():
    with DefaultScope.overwrite_default_scope('mmpose'):
        layers = Layers()
        layers.init_weights()
    assert (layers.plain.weight == 3).all()
    x = torch.randn(1, 4, 6, 5)
    assert torch.allclose(layers.steered(x, x), x, atol=1e-6)


BACKENDS = ('grid_sample', 'torchvision', 'mmcv')


def inputs_deformable(num=2,
                      channels=8,
                      groups=4,
                      size=(9, 7),
                      scale=3.,
                      points=9,
                      dtype=torch.float32):
    """A map, offsets that also leave it, and a modulation."""
    x = torch.randn(num, channels, *size, dtype=dtype)
    offset = torch.randn(num, 2 * groups * points, *size, dtype=dtype) * scale
    mask = torch.rand(num, groups * points, *size, dtype=dtype)
    return x, offset, mask


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('dilation', [1, 3])
def test_zero_offset_and_unit_mask_is_a_plain_convolution(backend, dilation):
    layer = DeformableConv2d(
        8, 6, padding=dilation, dilation=dilation, groups=4, backend=backend)
    torch.nn.init.normal_(layer.bias)
    x, offset, mask = inputs_deformable()
    found = layer(x, torch.zeros_like(offset), torch.ones_like(mask))
    expected = F.conv2d(
        x, layer.weight, layer.bias, padding=dilation, dilation=dilation)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('backend', ('torchvision', 'mmcv'))
@pytest.mark.parametrize('dilation', [1, 3])
def test_backends_agree_in_values_and_gradients(backend, dilation):
    reference = DeformableConv2d(
        12,
        5,
        padding=dilation,
        dilation=dilation,
        groups=3,
        backend='grid_sample')
    other = DeformableConv2d(
        12, 5, padding=dilation, dilation=dilation, groups=3, backend=backend)
    other.load_state_dict(reference.state_dict())
    tensors = inputs_deformable(channels=12, groups=3, size=(24, 18))
    results = []
    for layer in (reference, other):
        leaves = [x.clone().requires_grad_() for x in tensors]
        out = layer(*leaves)
        (out * torch.linspace(0, 1, out.numel()).view_as(out)).sum().backward()
        results.append([
            out.detach(), *(x.grad for x in leaves),
            *(x.grad for x in layer.parameters())
        ])
    for a, b in zip(*results):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_whole_cell_offsets_shift_the_input():
    layer = DeformableConv2d(4, 4, groups=1, backend='grid_sample')
    x, _, _ = inputs_deformable(channels=4, groups=1)
    offset = torch.zeros(2, 9, 2, 9, 7)
    offset[:, :, 0] = 1  # one cell down
    offset[:, :, 1] = -2  # two cells to the left
    found = layer(x, offset.flatten(1, 2), torch.ones(2, 9, 9, 7))
    shifted = F.pad(x, (2, 0, 0, 1))[:, :, 1:, :-2]
    # a plain convolution of the shifted map, where no kernel point reads
    # what the shift has cut off
    expected = F.conv2d(shifted, layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(
        found[:, :, 1:, 1:-1], expected[:, :, 1:, 1:-1], atol=1e-5, rtol=1e-4)


def test_gradients_of_the_grid_sample_backend_in_float64():
    x, offset, mask = inputs_deformable(1, 2, 2, (3, 2), 0.7, 9, torch.float64)
    weight = torch.randn(2, 2, 3, 3, dtype=torch.float64)
    leaves = [t.requires_grad_() for t in (x, offset, mask, weight)]

    def run(x, offset, mask, weight):
        return deform_conv2d_grid_sample(
            x, offset, mask, weight, padding=(1, 1))

    assert torch.autograd.gradcheck(run, leaves)


@pytest.mark.usefixtures('needs_second_derivatives')
def test_double_backward_of_the_grid_sample_backend():
    x, offset, mask = inputs_deformable(1, 2, 1, (3, 2), 0.4, 9, torch.float64)
    weight = torch.randn(1, 2, 3, 3, dtype=torch.float64)
    leaves = [t.requires_grad_() for t in (x, offset, mask, weight)]

    def run(x, offset, mask, weight):
        return deform_conv2d_grid_sample(
            x, offset, mask, weight, padding=(1, 1))

    assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_runs_in_float32_inside_autocast(backend, dtype, cpu_autocast):
    layer = DeformableConv2d(8, 8, groups=4, backend=backend)
    x, offset, mask = (t.to(dtype) for t in inputs_deformable())
    expected = layer(x.float(), offset.float(), mask.float())
    with cpu_autocast(dtype):
        found = layer(x, offset, mask)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_grid_sample_backend_on_one_cell_wide_maps():
    x, offset, mask = inputs_deformable(size=(5, 1))
    layer = DeformableConv2d(8, 8, groups=4, backend='grid_sample')
    reference = DeformableConv2d(8, 8, groups=4, backend='torchvision')
    reference.load_state_dict(layer.state_dict())
    torch.testing.assert_close(
        layer(x, offset, mask),
        reference(x, offset, mask),
        atol=1e-5,
        rtol=1e-4)


def test_auto_chooses_by_device(monkeypatch):
    layer = DeformableConv2d(8, 8, groups=4)
    assert layer.resolve_backend(torch.device('cpu')) == 'grid_sample'
    # as mmcv says whether it was built with operators for the GPU
    for version, backend in (('13.0', 'mmcv'), ('not available',
                                                'torchvision')):
        monkeypatch.setattr('mmcv.ops.get_compiling_cuda_version',
                            lambda: version)
        assert layer.resolve_backend(torch.device('cuda')) == backend
    monkeypatch.setattr(
        'mmpose_tdmi.models.layers.deformable.mmcv_operator',
        lambda cuda=False: None)
    assert layer.resolve_backend(torch.device('cuda')) == 'torchvision'
    with pytest.raises(ImportError, match='torchvision'):
        DeformableConv2d(8, 8, groups=4, backend='mmcv')


@pytest.mark.usefixtures('needs_export_without_autocast')
def test_grid_sample_backend_exports_for_any_content():
    layer = DeformableConv2d(8, 8, groups=4, backend='grid_sample').eval()
    exported = torch.export.export(layer, inputs_deformable()).module()
    other = inputs_deformable()
    torch.testing.assert_close(exported(*other), layer(*other))


@pytest.mark.parametrize('kwargs, key', [
    (dict(groups=3), 'groups'),
    (dict(groups=4, backend='cuda'), 'backend'),
    (dict(groups=4, dilation=0), 'dilation'),
])
def test_invalid_option_is_named_of_deformable(kwargs, key):
    with pytest.raises(ValueError, match=key):
        DeformableConv2d(8, 8, **kwargs)


def test_wrong_number_of_offset_channels_is_an_error():
    layer = DeformableConv2d(8, 8, groups=2)
    with pytest.raises(ValueError, match='36 offset and 18 mask.*72 and 36'):
        layer(*inputs_deformable(groups=4))


def inputs_blocked(num, channels, groups, size, dtype=torch.float32):
    x = torch.randn(num, channels, *size, dtype=dtype)
    offset = torch.randn(num, 18 * groups, *size, dtype=dtype) * 3
    mask = torch.rand(num, 9 * groups, *size, dtype=dtype)
    weight = torch.randn(5, channels, 3, 3, dtype=dtype)
    return x, offset, mask, weight


@pytest.mark.parametrize('num, channels, groups, size, dilation', [
    (1, 6, 3, (9, 7), 1),
    (3, 10, 5, (6, 11), 3),
    (2, 14, 7, (5, 1), 1),
    (2, 4, 1, (8, 8), 2),
])
@pytest.mark.parametrize('with_bias', [False, True])
@pytest.mark.parametrize('memory_format',
                         [torch.contiguous_format, torch.channels_last])
def test_values_are_the_unblocked_ones(num, channels, groups, size, dilation,
                                       with_bias, memory_format):
    tensors = inputs_blocked(num, channels, groups, size, torch.float64)
    x, offset, mask = (
        t.contiguous(memory_format=memory_format) for t in tensors[:3])
    bias = torch.randn(5, dtype=torch.float64) if with_bias else None
    options = dict(
        bias=bias, padding=(dilation, dilation), dilation=(dilation, dilation))
    torch.testing.assert_close(
        deform_conv2d_blocked(x, offset, mask, tensors[3], **options),
        deform_conv2d_grid_sample(*tensors, **options))


def test_inputs_are_left_as_they_are():
    tensors = inputs_blocked(2, 6, 3, (5, 4))
    before = [t.clone() for t in tensors]
    deform_conv2d_blocked(*tensors, padding=(1, 1))
    assert all(torch.equal(a, b) for a, b in zip(tensors, before))


@pytest.mark.filterwarnings('ignore')  # of the tracer
@pytest.mark.usefixtures('needs_export_without_autocast')
def test_taken_for_inference_only(monkeypatch):
    calls = []
    monkeypatch.setattr(
        deformable, 'deform_conv2d_blocked',
        lambda *args, **kwargs: calls.append(1) or deform_conv2d_blocked(
            *args, **kwargs))
    layer = DeformableConv2d(6, 5, groups=3)
    x, offset, mask, _ = inputs_blocked(1, 6, 3, (5, 4))
    trained = layer(x, offset, mask)
    trained.sum().backward()
    assert not calls and layer.weight.grad is not None
    with torch.no_grad():
        torch.testing.assert_close(layer(x, offset, mask), trained)
    assert len(calls) == 1
    # what is traced must not depend on the number of threads
    with torch.no_grad():
        torch.export.export(layer, (x, offset, mask))
        torch.jit.trace(layer, (x, offset, mask))
    assert len(calls) == 2  # the tracer's check of its result


@pytest.mark.parametrize('mask, scale', [('sigmoid', 0.5), ('none', 1.)])
def test_zero_start_is_a_plain_convolution(mask, scale):
    layer = SteeredDeformableConv2d(8, groups=4, mask=mask)
    x = torch.randn(2, 8, 6, 5)
    found = layer(x, torch.randn_like(x))
    expected = F.conv2d(
        x * scale, layer.conv.weight, layer.conv.bias, padding=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_parents_initialisation_does_not_undo_the_zero_start():

    class Parent(BaseModule):

        def __init__(self):
            super().__init__(dict(type='Normal', layer='Conv2d', std=1.))
            self.zeros = DeformableEstimator(4, 2, 9)
            self.normal = DeformableEstimator(4, 2, 9, offset_init='normal')

    parent = Parent()
    parent.init_weights()
    assert not parent.zeros.offset_conv.weight.any()
    assert not parent.zeros.mask_conv.weight.any()
    std = parent.normal.offset_conv.weight.std()
    assert 0.0008 < std < 0.0012


def test_sigmoid_bounds_the_modulation_and_none_does_not():
    x = torch.randn(1, 4, 6, 6) * 100
    for mask, bounded in (('sigmoid', True), ('none', False)):
        estimator = DeformableEstimator(4, 2, 9, mask=mask)
        torch.nn.init.normal_(estimator.mask_conv.weight)
        values = estimator(x, x)[1]
        assert ((values >= 0) & (values <= 1)).all() == bounded


@pytest.mark.parametrize('kwargs, key', [
    (dict(mask='tanh'), 'mask'),
    (dict(offset_init='ones'), 'offset_init'),
    (dict(dilation=0), 'offset_dilation'),
])
def test_invalid_option_is_named_of_estimator(kwargs, key):
    with pytest.raises(ValueError, match=key):
        DeformableEstimator(4, 2, 9, **kwargs)
