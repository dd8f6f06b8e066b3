"""What a runtime is told is what the config says."""
from dataclasses import replace

import pytest
import torch
from mmpose.codecs import MegviiHeatmap, MSRAHeatmap

from mmpose_tdmi.deploy import GraphMetadata, describe_model
from mmpose_tdmi.deploy.metadata import _describe_codec, hash_weights
from mmpose_tdmi.deploy.runtime import open_session, read_metadata


def test_described(models):
    model = models('tdmi')
    found = describe_model(model, 'operator')
    meta = model.dataset_meta
    assert found.name == 'tdmi_hrnet-light_1xb16-1e_synthetic-96x64'
    assert found.keypoint_names == list(meta['keypoint_name2id'])
    assert found.flip_indices == list(meta['flip_indices'])
    assert found.input_size == (64, 96)
    assert found.heatmap_size == (16, 24)
    assert found.mean == pytest.approx([123.675, 116.28, 103.53])
    assert found.std == pytest.approx([58.395, 57.12, 57.375])
    assert (found.colour, found.use_udp) == ('rgb', True)
    assert (found.bbox_padding, found.padding) == (1.25, 'clamp')
    assert found.offsets == (-2, -1, 0, 1, 2)
    assert found.codec == dict(type='UDPHeatmap', blur_kernel_size=11)
    assert (found.flip_test, found.max_score) == (True, 1.)
    other = describe_model(models('dcpose'), 'operator')
    assert (other.offsets, other.max_score) == ((-1, 0, 1), 1.)
    # whose head is the host's
    assert describe_model(models('posewarper'), 'operator').max_score is None
    assert other.weights != found.weights


def test_read_from_the_graph(models, exported, deform_conv):
    path = exported('tdmi', 'frame', 'window', 'clip')['window']
    found = read_metadata(open_session(path, threads=1))
    expected = describe_model(models('tdmi'), deform_conv)
    assert found.to_props() == replace(expected, graph='window').to_props()


def test_foreign_graphs_are_told():
    with pytest.raises(ValueError, match='lack name, keypoint_names'):
        GraphMetadata.from_props({'author': 'somebody'})


def test_codecs():
    sizes = dict(input_size=(64, 96), heatmap_size=(16, 24))
    assert _describe_codec(MSRAHeatmap(sigma=2, unbiased=True, **sizes)) == {
        'type': 'MSRAHeatmap',
        'unbiased': True,
        'blur_kernel_size': 11
    }
    with pytest.raises(ValueError, match='MegviiHeatmap is not described'):
        _describe_codec(MegviiHeatmap(kernel_size=11, **sizes))


def test_weights_are_told_apart():
    layer = torch.nn.Linear(2, 2)
    first = hash_weights(layer)
    assert first == hash_weights(layer)
    with torch.no_grad():
        layer.weight[0, 0] += 1
    assert hash_weights(layer) != first
