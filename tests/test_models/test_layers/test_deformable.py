import pytest
import torch
import torch.nn.functional as F

from mmpose_tdmi.models.layers import (DeformableConv2d,
                                       deform_conv2d_grid_sample)

BACKENDS = ('grid_sample', 'torchvision', 'mmcv')


def inputs(num=2,
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
    x, offset, mask = inputs()
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
    tensors = inputs(channels=12, groups=3, size=(24, 18))
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
    x, _, _ = inputs(channels=4, groups=1)
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
    x, offset, mask = inputs(1, 2, 2, (3, 2), 0.7, 9, torch.float64)
    weight = torch.randn(2, 2, 3, 3, dtype=torch.float64)
    leaves = [t.requires_grad_() for t in (x, offset, mask, weight)]

    def run(x, offset, mask, weight):
        return deform_conv2d_grid_sample(
            x, offset, mask, weight, padding=(1, 1))

    assert torch.autograd.gradcheck(run, leaves)


@pytest.mark.usefixtures('needs_second_derivatives')
def test_double_backward_of_the_grid_sample_backend():
    x, offset, mask = inputs(1, 2, 1, (3, 2), 0.4, 9, torch.float64)
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
    x, offset, mask = (t.to(dtype) for t in inputs())
    expected = layer(x.float(), offset.float(), mask.float())
    with cpu_autocast(dtype):
        found = layer(x, offset, mask)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_grid_sample_backend_on_one_cell_wide_maps():
    x, offset, mask = inputs(size=(5, 1))
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
    assert layer.resolve_backend(torch.device('cuda')) == 'mmcv'
    monkeypatch.setattr('mmpose_tdmi.models.layers.deformable.mmcv_operator',
                        lambda: None)
    assert layer.resolve_backend(torch.device('cuda')) == 'torchvision'
    with pytest.raises(ImportError, match='torchvision'):
        DeformableConv2d(8, 8, groups=4, backend='mmcv')


@pytest.mark.usefixtures('needs_export_without_autocast')
def test_grid_sample_backend_exports_for_any_content():
    layer = DeformableConv2d(8, 8, groups=4, backend='grid_sample').eval()
    exported = torch.export.export(layer, inputs()).module()
    other = inputs()
    torch.testing.assert_close(exported(*other), layer(*other))


@pytest.mark.parametrize('kwargs, key', [
    (dict(groups=3), 'groups'),
    (dict(groups=4, backend='cuda'), 'backend'),
    (dict(groups=4, dilation=0), 'dilation'),
])
def test_invalid_option_is_named(kwargs, key):
    with pytest.raises(ValueError, match=key):
        DeformableConv2d(8, 8, **kwargs)


def test_wrong_number_of_offset_channels_is_an_error():
    layer = DeformableConv2d(8, 8, groups=2)
    with pytest.raises(ValueError, match='36 offset and 18 mask.*72 and 36'):
        layer(*inputs(groups=4))
