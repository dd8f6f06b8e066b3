"""Small clips."""
import pytest

from mmpose_tdmi.synthetic import ClipSettings, generate


@pytest.fixture(scope='session')
def small_clips(tmp_path_factory):
    """A folder with one generated video of nine frames."""
    folder = tmp_path_factory.mktemp('clips')
    settings = ClipSettings.preset(
        'default', width=160, height=120, frames=9, label_margin=1)
    generate(folder, settings, dict(val=1))
    return folder


@pytest.fixture
def run_tool(repository, monkeypatch):
    """``run_tool(name, *arguments)`` runs a benchmark in this process."""
    import importlib.util
    import sys

    def run(name, *arguments):
        path = repository / f'tools/benchmark/{name}.py'
        spec = importlib.util.spec_from_file_location(f'tool_{name}', path)
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        argv = [str(path), *map(str, arguments)]
        monkeypatch.setattr(sys, 'argv', argv)
        tool.main()

    return run
