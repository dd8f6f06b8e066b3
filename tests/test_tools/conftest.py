"""The models and clips of the tests of ``apis``, for the tools made of it."""
import importlib.util
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    'inference_fixtures',
    Path(__file__).parents[1] / 'test_apis' / 'conftest.py')
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

saved_detector = _fixtures.saved_detector
saved_pose_model = _fixtures.saved_pose_model
clip = _fixtures.clip
boxes = _fixtures.boxes
box_file = _fixtures.box_file


@pytest.fixture
def load_tool(repository):
    """``load_tool(name)`` is the tool as a module."""

    def load(name):
        path = repository / 'tools' / f'{name}.py'
        spec = importlib.util.spec_from_file_location(f'tool_{name}', path)
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        return tool

    return load


@pytest.fixture
def run_tool(load_tool, monkeypatch):
    """``run_tool(name, *arguments)`` runs a tool's main in this process."""

    def run(name, *arguments):
        argv = [f'{name}.py', *(str(argument) for argument in arguments)]
        monkeypatch.setattr(sys, 'argv', argv)
        load_tool(name).main()

    return run
