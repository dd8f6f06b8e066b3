"""Graphs in ONNX Runtime give what the models give in PyTorch."""
import builtins
import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from mmpose_tdmi.deploy import (GRAPHS, FramePhase, ParityError, WindowPhase,
                                compare_heatmaps, export_onnx, measure_parity,
                                require_package)
from mmpose_tdmi.deploy.onnx_graphs import shape_of
from mmpose_tdmi.deploy.runtime import open_session, read_metadata


def window_parity(model, path, batch_sizes=(1, 4), scale=1.):
    """The window graph on the maps of random frames."""
    session = open_session(path, threads=1)
    num_frames = len(read_metadata(session).offsets)
    expected, found = [], []
    with torch.no_grad():
        for batch in batch_sizes:
            frames = scale * torch.randn(batch * num_frames, 3, 96, 64)
            maps = [
                x.unflatten(0, (batch, num_frames))
                for x in FramePhase(model)(frames)
            ]
            expected.append(WindowPhase(model)(*maps).numpy())
            inputs = {f'map_{i}': x.numpy() for i, x in enumerate(maps)}
            found.append(session.run(None, inputs)[0])
    return compare_heatmaps(np.concatenate(expected), np.concatenate(found))


def test_tdmi_as_two_graphs_and_as_one(models, exported):
    paths = exported('tdmi', 'frame', 'window', 'clip')
    found = measure_parity(models('tdmi'), paths, (1, 2, 5), threads=1)
    assert set(found) == {'frame+window', 'clip'}
    for parity in found.values():
        assert parity.num_joints == 8 * 17
        assert parity.largest > 0.1
        assert parity.max_difference < 1e-4 and parity.same_peaks == 1


def test_any_backbone(models, exported):
    paths = exported('small', 'frame', 'window')
    parity = measure_parity(models('small'), paths, (1, 3), threads=1)
    assert parity['frame+window'].max_difference < 1e-4
    assert parity['frame+window'].same_peaks == 1


@pytest.mark.parametrize('name, form', [
    ('tdmi_st', 'operator'),
    ('last_stage', 'grid_sample'),
    ('dcpose', 'operator'),
    ('posewarper', 'operator'),
    ('fami_pose', 'operator'),
    ('temporal_attention', None),
])
def test_window_graphs(models, exported, deform_conv, name, form):
    if form == 'operator':
        form = deform_conv  # or else what runs here
    path = exported(name, 'window', deform_conv=form or deform_conv)['window']
    parity = window_parity(models(name), path)
    # of the heatmaps' scale: FAMI-Pose's float32 is 1e-4 from float64 at 6
    assert parity.max_difference < 1e-4 * max(1, parity.largest)
    assert parity.same_peaks == 1 and parity.largest > 1e-2
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert ('DeformConv' in operators) == (form == 'operator')
    # FAMI-Pose aligns whole maps with it, whatever the form
    assert ('GridSample' in operators) == (
        form == 'grid_sample' or name == 'fami_pose')


def test_inputs_outputs_and_notes(exported):
    paths = exported('tdmi', 'frame', 'window', 'clip')
    protos = {name: onnx.load(paths[name]) for name in GRAPHS}
    shapes = {
        name: [[(value.name, shape_of(value)) for value in values]
               for values in (proto.graph.input, proto.graph.output)]
        for name, proto in protos.items()
    }
    maps = [(f'map_{i}', (16, 24, 16)) for i in range(4)]
    assert shapes['frame'] == [[('frames', ('frames', 3, 96, 64))],
                               [(name, ('frames', *x)) for name, x in maps]]
    heatmaps = [('heatmaps', ('batch', 17, 24, 16))]
    assert shapes['window'] == [[(name, ('batch', 5, *x)) for name, x in maps],
                                heatmaps]
    assert shapes['clip'] == [[('clips', ('batch', 5, 3, 96, 64))], heatmaps]
    for name, proto in protos.items():
        (opset, ) = [x.version for x in proto.opset_import if not x.domain]
        assert opset >= 19
        props = {x.key: x.value for x in proto.metadata_props}
        assert json.loads(props['graph']) == name
        # no paths of the machine that exported
        assert not any(node.metadata_props for node in proto.graph.node)


def test_other_shapes_are_refused(exported):
    paths = exported('tdmi', 'frame', 'window', 'clip')
    session = open_session(paths['clip'], threads=1)
    for shape in ((1, 4, 3, 96, 64), (1, 5, 3, 64, 96), (5, 3, 96, 64)):
        with pytest.raises(
                runtime_errors.InvalidArgument, match='(?i)dimension|rank'):
            session.run(None, {'clips': np.zeros(shape, np.float32)})


@pytest.mark.parametrize('kwargs, message', [
    (dict(graphs=()), 'graphs must be some of'),
    (dict(graphs=('neck', )), "got \\('neck',\\)"),
    (dict(opset=18), 'opset must be at least 19'),
    (dict(graphs=('window', ), deform_conv='fast'), 'deform_conv must be'),
])
def test_bad_arguments(models, tmp_path, kwargs, message):
    with pytest.raises(ValueError, match=message):
        export_onnx(models('tdmi'), tmp_path, **kwargs)
    assert not list(tmp_path.iterdir())


def test_missing_package(models, tmp_path, monkeypatch):
    assert require_package('json').__name__ == 'json'
    with pytest.raises(ImportError, match='no_such_package.*pip install'):
        require_package('no_such_package')

    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == 'onnx':
            raise ModuleNotFoundError("No module named 'onnx'", name='onnx')
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', missing)
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ImportError, match=r'onnx.*mmpose-tdmi\[deploy\]'):
        export_onnx(models('tdmi'), tmp_path)


def test_differences_are_measured():
    heatmaps = np.random.default_rng(0).random((2, 4, 6, 5))
    same = compare_heatmaps(heatmaps, heatmaps + 1e-4)
    assert same.is_good and same.max_difference == pytest.approx(1e-4)
    other = heatmaps.copy()
    other[0, 1, 2, 3] = 2.
    parity = compare_heatmaps(heatmaps, other)
    assert (parity.same_peaks, parity.num_joints) == (7 / 8, 8)
    assert not parity.is_good
    with pytest.raises(ParityError, match='shape'):
        compare_heatmaps(heatmaps, heatmaps[:1])


def test_wrong_weights_are_noticed(models, exported):
    paths = exported('tdmi', 'frame', 'window', 'clip')
    (parity, ) = measure_parity(
        models('last_stage'), dict(clip=paths['clip']), (2, ),
        threads=1).values()
    assert not parity.is_good


def test_missing_graphs(models, exported, tmp_path):
    with pytest.raises(FileNotFoundError, match='none.onnx'):
        open_session(tmp_path / 'none.onnx')
    paths = exported('tdmi', 'frame', 'window', 'clip')
    with pytest.raises(ValueError, match="'frame' and 'window'"):
        measure_parity(models('tdmi'), dict(frame=paths['frame']))


def test_lacking_operators_are_told(exported, monkeypatch):
    path = exported(
        'tdmi', 'frame', 'window', 'clip', deform_conv='operator')['window']

    def lacks(*args, **kwargs):
        raise runtime_errors.NotImplemented(
            'no implementation for DeformConv(19)')

    monkeypatch.setattr(onnxruntime, 'InferenceSession', lacks)
    with pytest.raises(ValueError, match='--deform-conv grid_sample'):
        open_session(path)


@pytest.fixture
def files(models, tmp_path):
    """A config and its weights as files."""
    model = models('small')
    config, checkpoint = tmp_path / 'small.py', tmp_path / 'small.pth'
    model.cfg.dump(config)
    torch.save(dict(state_dict=model.state_dict(), meta={}), checkpoint)
    return config, checkpoint


def test_writes_and_compares(run_tool, files, tmp_path, capsys):
    run_tool(*files, '--out-dir', tmp_path / 'out', '--programs',
             '--check-batches', 2)
    told = capsys.readouterr().out
    for name in ('frame+window', 'clip'):
        assert f'{name}: heatmaps differ by at most' in told
    assert told.count('same argmax for 100.00% of 34 joints') == 2
    assert {path.name
            for path in (tmp_path / 'out').iterdir()} == {
                'frame.onnx', 'window.onnx', 'clip.onnx', 'frame.pt2',
                'window.pt2'
            }


def test_before_a_training(run_tool, files, tmp_path, capsys):
    """Random weights, with which every part counts."""
    run_tool(files[0], 'random', '--out-dir', tmp_path / 'out', '--graphs',
             'frame', 'window', '--check-batches', 1)
    told = capsys.readouterr().out
    assert 'same argmax for 100.00% of 17 joints' in told
    largest = float(told.split('largest value ')[1].split(')')[0])
    assert largest > .1


def test_bad_input_is_one_line(run_tool, files, tmp_path):
    config, checkpoint = files
    with pytest.raises(SystemExit, match='error: .*none.pth'):
        run_tool(config, tmp_path / 'none.pth', '--out-dir', tmp_path)
    with pytest.raises(SystemExit, match='error: opset must be at least 19'):
        run_tool(*files, '--out-dir', tmp_path / 'out', '--opset', 17)
    assert not (tmp_path / 'out').exists()
