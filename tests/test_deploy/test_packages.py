"""A missing package is told with the line that installs it."""
import builtins
import sys

import pytest

from mmpose_tdmi.deploy import export_onnx, require_package


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
