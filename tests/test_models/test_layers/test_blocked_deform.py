import pytest
import torch

from mmpose_tdmi.models.layers import DeformableConv2d, deformable
from mmpose_tdmi.models.layers.deformable import (deform_conv2d_blocked,
                                                  deform_conv2d_grid_sample)


def inputs(num, channels, groups, size, dtype=torch.float32):
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
    tensors = inputs(num, channels, groups, size, torch.float64)
    x, offset, mask = (
        t.contiguous(memory_format=memory_format) for t in tensors[:3])
    bias = torch.randn(5, dtype=torch.float64) if with_bias else None
    options = dict(
        bias=bias, padding=(dilation, dilation), dilation=(dilation, dilation))
    torch.testing.assert_close(
        deform_conv2d_blocked(x, offset, mask, tensors[3], **options),
        deform_conv2d_grid_sample(*tensors, **options))


def test_inputs_are_left_as_they_are():
    tensors = inputs(2, 6, 3, (5, 4))
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
    x, offset, mask, _ = inputs(1, 6, 3, (5, 4))
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
