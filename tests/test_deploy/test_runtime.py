"""The streaming engine on graphs: PyTorch's poses, made once, and errors."""
import copy
import logging

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmpose_tdmi.apis import VideoPoseInferencer, init_pose_model
from mmpose_tdmi.apis.settings import InferenceSettings
from mmpose_tdmi.deploy import runtime
from mmpose_tdmi.video import StreamingPoseEstimator, TrackedBox, TrackedFrame
from projects.evaluation_checks.stock_models import (CONFIGS, STOCK, halved,
                                                     save_random)


@pytest.fixture(autouse=True, scope='module')
def cache(tmp_path_factory):
    """torch's cache, in an empty folder; where graphs are kept in it."""
    before = torch.hub.get_dir()
    folder = tmp_path_factory.mktemp('hub')
    torch.hub.set_dir(str(folder))
    yield folder / 'mmpose_tdmi_graphs'
    torch.hub.set_dir(before)


@pytest.fixture
def told():
    """What is logged."""
    lines = []

    class Handler(logging.Handler):

        def emit(self, record):
            lines.append(record.getMessage())

    logger, handler = MMLogger.get_current_instance(), Handler()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def make_video(speed, num_frames=7):
    """Textured frames with two people, one of whom comes late."""
    generator = np.random.default_rng(0)
    texture = generator.integers(0, 255, (24, 32, 3))
    texture = texture.repeat(8, 0).repeat(8, 1).astype(np.uint8)
    boxes = ((10, 20, 90, 170), (110, 10, 200, 180))
    return [
        TrackedFrame(i, i / 25, np.roll(texture, 5 * i, axis=1), [
            TrackedBox(track, (x1 + speed * i, y1, x2 + speed * i, y2), .9)
            for track, (x1, y1, x2, y2) in enumerate(boxes)
            if i > 1 or track == 0
        ]) for i in range(num_frames)
    ]


def poses(model, frames, **kwargs):
    """Keypoints, scores and heatmaps of all persons."""
    estimator = StreamingPoseEstimator(model, **kwargs)
    persons = [
        p for frame in estimator.iterate_poses(frames) for p in frame.persons
    ]
    assert len(persons) == 12
    fields = ['keypoints', 'scores']
    if kwargs.get('output_heatmaps'):
        fields.append('heatmaps')
    return [np.array([getattr(p, name) for p in persons]) for name in fields]


def assert_same(found, expected):
    keypoints = np.abs(found[0] - expected[0])
    # maxima of flat heatmaps, which random weights have, move with rounding
    assert np.percentile(keypoints, 98) < 1e-3 and keypoints.max() < 1.
    assert np.ptp(expected[0]) > 10
    for x, y in zip(found[1:], expected[1:]):
        np.testing.assert_allclose(x, y, atol=1e-4)


def alexnet(name, folder, **head):
    """A config of MMPose's, of half its size and with a shallow backbone:
    its path, random weights, and the changes."""
    config = Config.fromfile(CONFIGS / STOCK[name])
    changes = dict(
        halved(config), **{
            'model.backbone': dict(_delete_=True, type='AlexNet'),
            'model.head.in_channels': 256,
            **{
                f'model.head.{key}': value
                for key, value in head.items()
            }
        })
    config.merge_from_dict(dict(changes))
    return CONFIGS / STOCK[name], save_random(config, folder), changes


@pytest.fixture(scope='module')
def single(tmp_path_factory):
    """A single-frame model of MMPose."""
    config, weights, changes = alexnet('MSRA',
                                       tmp_path_factory.mktemp('single'),
                                       **{'decoder.heatmap_size': (16, 24)})
    return init_pose_model(config, weights, cfg_options=changes)


@pytest.mark.parametrize('name', ['small', 'temporal_attention', 'single'])
def test_poses_are_pytorchs(models, single, cache, name):
    model = single if name == 'single' else models(name)
    modes = [dict(), dict(mode='naive', batch_size=3)]
    if name == 'single':
        modes.append(dict(temporal='mean'))
    frames = make_video(3)
    before = set(cache.glob('*'))
    for mode in modes:
        mode.update(output_heatmaps=True, flip_test=True)
        assert_same(
            poses(model, frames, backend='onnxruntime', **mode),
            poses(model, frames, **mode))
    # of either phase one, which all share, and nothing beside
    made = set(cache.glob('*')) - before
    assert sorted(path.name.split('-')[-2]
                  for path in made) == ['frame', 'window']
    still = make_video(0)
    assert_same(*(poses(
        model,
        still,
        backend='onnxruntime',
        mode=mode,
        output_heatmaps=True,
        flip_test=False) for mode in ('offline', 'naive')))


def test_simcc_through_the_door(told, tmp_path):
    """Heads of two vectors."""
    config, weights, changes = alexnet(
        'SimCC', tmp_path, in_featuremap_size=(2, 3))
    inferencer = VideoPoseInferencer(
        config, weights, device='cpu', cfg_options=changes)
    frames = make_video(3, 3)
    boxes = [[box.bbox for box in frame.persons] for frame in frames]
    found, expected = ([
        person.keypoints for result in inferencer(
            [frame.image for frame in frames], boxes=boxes, backend=backend)
        for person in result.poses.persons
    ] for backend in ('onnxruntime', 'pytorch'))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert np.ptp(expected) > 10
    assert "backend='onnxruntime': the model runs in ONNX" in '\n'.join(told)
    # runs from before there were backends go on
    assert InferenceSettings(backend='auto').as_json()['backend'] == 'auto'
    assert 'backend' not in InferenceSettings().as_json()


def test_other_weights_have_other_graphs(models, cache, told):
    model = models('small')
    frames = make_video(3)
    poses(model, frames, backend='onnxruntime', output_heatmaps=True)
    before = {path: path.stat().st_mtime_ns for path in cache.glob('*')}
    changed = copy.deepcopy(model)
    with torch.no_grad():
        changed.head.final_layer.weight *= 1.5
    first, found = (
        poses(m, frames, backend='onnxruntime', output_heatmaps=True)
        for m in (model, changed))
    assert_same(found, poses(changed, frames, output_heatmaps=True))
    assert np.abs(found[2] - first[2]).max() > .1
    # the backbone is the same
    made, = set(cache.glob('*')) - set(before)
    assert made.name.endswith('-window-operator.onnx')
    assert all(path.stat().st_mtime_ns == t for path, t in before.items())


def test_the_faster_one(models, monkeypatch, told):
    """What 'auto' takes is told, and is what the trial says."""
    model = models('small')
    times = iter([{'PyTorch': 2., 'ONNX Runtime': 1.},
                  {'PyTorch': 3., 'ONNX Runtime': 4.}])  # yapf: disable
    monkeypatch.setattr(runtime, '_trial', lambda cases: next(times))
    estimator = StreamingPoseEstimator(model, backend='auto')
    phases = estimator.window_model
    assert isinstance(phases._frames, runtime.FrameGraph)
    assert isinstance(phases._windows, runtime.WindowPhase)
    assert told[-1] == (
        "backend='auto': frames run in ONNX Runtime (PyTorch 2e+03 ms, ONNX "
        'Runtime 1e+03 ms), windows in PyTorch (PyTorch 3e+03 ms, ONNX '
        'Runtime 4e+03 ms)')
    monkeypatch.undo()
    options = phases._frames._session.get_session_options()
    assert options.intra_op_num_threads == torch.get_num_threads() == 1
    frames = make_video(3)
    assert_same(
        poses(model, frames, backend='auto', output_heatmaps=True),
        poses(model, frames, output_heatmaps=True))


@pytest.mark.parametrize('kwargs, message', [
    (dict(precision='bfloat16'), "graphs are in float32.*'bfloat16'"),
    (dict(output_motion=True), 'graphs do not give .* motion feature'),
])
def test_what_graphs_do_not_do(models, told, kwargs, message):
    model = models('small')
    with pytest.raises(ValueError, match=f"backend='onnxruntime': {message}"):
        StreamingPoseEstimator(model, backend='onnxruntime', **kwargs)
    estimator = StreamingPoseEstimator(model, backend='auto', **kwargs)
    assert isinstance(estimator.window_model._frames, runtime.FramePhase)
    assert "backend='auto': the model runs in PyTorch: graphs" in told[-1]


def test_parts_that_cannot_be_exported(models, monkeypatch):
    with pytest.raises(ValueError, match='onnxruntime.*OpticalFlowNeck'):
        StreamingPoseEstimator(models('op_flow'), backend='onnxruntime')

    class Branching(torch.nn.Module):
        """A backbone that looks at values."""

        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, frames):
            return self.inner(frames if frames.sum() > 0 else -frames)

    model = copy.copy(models('small'))
    model._modules = dict(model._modules, backbone=Branching(model.backbone))
    with pytest.raises(ValueError, match='frame phase.* has .*Branching'):
        StreamingPoseEstimator(model, backend='onnxruntime')


def test_bad_backends(models, monkeypatch):
    with pytest.raises(ValueError, match="backend must be one of .*'tvm'"):
        StreamingPoseEstimator(models('small'), backend='tvm')
    runtime._kept_session.cache_clear()
    monkeypatch.setitem(runtime.PROVIDERS, 'cpu',
                        ('AbacusExecutionProvider', {}))
    with pytest.raises(ValueError, match='no execution provider .* cpu'):
        StreamingPoseEstimator(models('small'), backend='onnxruntime')


def test_damaged_graphs_are_told(models, cache):
    model = models('small')
    poses(model, make_video(3), backend='onnxruntime')
    for path in cache.glob('*-window-*'):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(
            ValueError, match='window-operator.onnx is damaged, re'):
        StreamingPoseEstimator(model, backend='onnxruntime')
