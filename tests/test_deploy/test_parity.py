"""The comparison notices what is wrong."""
import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state

from mmpose_tdmi.deploy import ParityError, compare_heatmaps, measure_parity
from mmpose_tdmi.deploy.parity import open_session


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
    path = exported('tdmi', 'frame', 'window', 'clip')['window']

    def lacks(*args, **kwargs):
        raise onnxruntime_pybind11_state.NotImplemented(
            'no implementation for DeformConv(19)')

    monkeypatch.setattr(onnxruntime, 'InferenceSession', lacks)
    with pytest.raises(ValueError, match='--deform-conv grid_sample'):
        open_session(path)
