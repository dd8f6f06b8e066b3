"""tools/deploy/export_onnx.py."""
import importlib.util
import sys

import pytest
import torch


@pytest.fixture
def run_tool(repository, monkeypatch):
    path = repository / 'tools' / 'deploy' / 'export_onnx.py'
    spec = importlib.util.spec_from_file_location('tool_export_onnx', path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', [str(path), *map(str, arguments)])
        tool.main()

    return run


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
