"""Small clips."""
import importlib.util
import sys

import pytest

from projects.synthetic.generator import generate
from projects.synthetic.settings import ClipSettings


@pytest.fixture(scope='session')
def small_clips(tmp_path_factory):
    """A folder with one generated video of nine frames."""
    folder = tmp_path_factory.mktemp('clips')
    settings = ClipSettings.preset(
        'default', width=160, height=120, frames=9, label_margin=1)
    generate(folder, settings, dict(val=1))
    return folder


@pytest.fixture
def tool(repository):
    """``tool(name)`` is a benchmark as a module."""

    def load(name):
        path = repository / f'projects/performance/{name}.py'
        spec = importlib.util.spec_from_file_location(f'tool_{name}', path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def run_tool(tool, monkeypatch):
    """``run_tool(name, *arguments)`` runs a benchmark in this process."""

    def run(name, *arguments):
        module = tool(name)
        argv = [module.__file__, *map(str, arguments)]
        monkeypatch.setattr(sys, 'argv', argv)
        module.main()

    return run
