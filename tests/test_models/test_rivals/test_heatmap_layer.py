import math

import pytest
import torch

from mmpose_tdmi.models.rivals.heatmap_layer import SingleFrameHeatmapLayer


def save(path, kernel_size=1, prefix='head.final_layer'):
    weights = {
        f'{prefix}.weight': torch.randn(17, 8, kernel_size, kernel_size),
        f'{prefix}.bias': torch.randn(17)
    }
    torch.save(dict(state_dict=weights), path)
    return weights


@pytest.mark.parametrize('kernel_size, prefix', [
    (1, 'head.final_layer'),
    (3, 'head.final_layer'),
    (1, 'keypoint_head.final_layer'),
])
def test_is_the_single_frame_models_layer(tmp_path, kernel_size, prefix):
    path = str(tmp_path / 'single.pth')
    weights = save(path, kernel_size, prefix)
    layer = SingleFrameHeatmapLayer(
        8, 17, dict(kernel_size=kernel_size, checkpoint=path, prefix=prefix))
    layer.init_weights()
    x = torch.randn(2, 8, 6, 5)
    torch.testing.assert_close(
        layer(x),
        torch.nn.functional.conv2d(
            x, *weights.values(), padding=kernel_size // 2))
    assert not any(x.requires_grad for x in layer.parameters())


def test_softmaxed_maps_have_the_peak_of_a_target():
    sigma = 1.5
    layer = SingleFrameHeatmapLayer(
        1, 1, dict(activation='softmax', sigma=sigma, frozen=False))
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.constant_(layer.bias, 7.)
    y, x = torch.meshgrid(torch.arange(31.), torch.arange(31.), indexing='ij')
    logits = -((y - 15)**2 + (x - 15)**2) / (2 * sigma**2)
    found = layer(logits[None, None])[0, 0].detach()
    # whatever is added to logits
    torch.testing.assert_close(found, logits.exp(), atol=1e-3, rtol=1e-3)
    assert found.sum() == pytest.approx(2 * math.pi * sigma**2, rel=1e-4)
    assert layer.weight.requires_grad


def test_a_checkpoint_without_the_layer_is_an_error(tmp_path):
    path = str(tmp_path / 'single.pth')
    save(path, prefix='keypoint_head.final_layer')
    layer = SingleFrameHeatmapLayer(8, 17, dict(checkpoint=path))
    with pytest.raises(ValueError, match='head.final_layer.weight.*nothing'):
        layer.init_weights()
    save(path, kernel_size=3)
    with pytest.raises(ValueError, match=r'\(17, 8, 1, 1\), found'):
        layer.init_weights()


@pytest.mark.parametrize('options, key', [
    (dict(kernel_size=2), 'heatmap_layer.kernel_size'),
    (dict(activation='relu'), 'heatmap_layer.activation'),
    (dict(activation='softmax'), 'heatmap_layer.sigma'),
    (dict(size=1), 'heatmap_layer has no option size'),
])
def test_invalid_option_is_named(options, key):
    with pytest.raises(ValueError, match=key):
        SingleFrameHeatmapLayer(8, 17, options)
