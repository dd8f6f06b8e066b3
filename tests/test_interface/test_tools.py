"""The options of the tools, as their parsers have them."""
import argparse
import runpy
import sys
from pathlib import Path
from typing import Any, Dict, List
from unittest import mock

import pytest

TOOLS = ('analysis_tools/box_statistics', 'analysis_tools/count_model',
         'analysis_tools/get_flops', 'analysis_tools/pose_errors',
         'dataset_converters/check', 'dataset_converters/hieve',
         'dataset_converters/posetrack17', 'dataset_converters/posetrack18',
         'dataset_converters/posetrack21', 'deploy/export_onnx',
         'detect_persons', 'evaluate_posetrack', 'hieve_submission',
         'infer_video', 'infer_videos', 'misc/browse_dataset',
         'misc/check_config', 'misc/publish_model')
HOST_TOOLS = ('train', 'test')

#: Options and choices that are to go.
UNPINNED = {'--clip', '--pad-future'}
UNPINNED_CHOICES = {'bytetrack', 'gaussian'}

_TYPES = {int: 'int', float: 'float'}
FOLDER = Path(__file__).resolve().parents[2] / 'tools'


class ParserFoundError(BaseException):
    """Ends a tool where it would read its command line.

    Args:
        parser (ArgumentParser): The tool's.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def find_parser(tool: str) -> argparse.ArgumentParser:
    """A tool's parser, by starting the tool."""

    def stop(parser: argparse.ArgumentParser, *args, **kwargs) -> None:
        raise ParserFoundError(parser)

    path = str(FOLDER / f'{tool}.py')
    with mock.patch.object(argparse.ArgumentParser, 'parse_args', stop), \
            mock.patch.object(argparse.ArgumentParser,
                              'parse_intermixed_args', stop), \
            mock.patch.object(sys, 'argv', [path]), \
            mock.patch.object(sys, 'path', list(sys.path)), \
            mock.patch('torch.cuda.is_available', return_value=False):
        try:
            runpy.run_path(path, run_name='__main__')
        except ParserFoundError as found:
            return found.parser
    raise AssertionError(f'{path} reads no command line')


def plain(value: Any) -> Any:
    """A value as json has it."""
    if isinstance(value, Path):
        return value.as_posix()
    return list(value) if isinstance(value, tuple) else value


def describe(action: argparse.Action) -> Dict[str, Any]:
    """What a user has to know of an option, but for its explanation."""
    described: Dict[str, Any] = dict(default=plain(action.default))
    if action.option_strings and action.required:
        described['required'] = True
    if action.nargs is not None:
        described['nargs'] = action.nargs
    if action.nargs == 0:
        described['gives'] = action.const
    if action.choices is not None:
        described['choices'] = [
            choice for choice in action.choices
            if choice not in UNPINNED_CHOICES
        ]
    if action.type in _TYPES:
        described['type'] = _TYPES[action.type]
    return described


def options(parser: argparse.ArgumentParser) -> Dict[str, Any]:
    """Arguments in their order, options by name, then the sub-commands'."""
    arguments: List[list] = []
    named: Dict[str, Any] = {}
    commands: Dict[str, Any] = {}
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        if isinstance(action, argparse._SubParsersAction):
            commands = {
                name: options(command)
                for name, command in action.choices.items()
            }
        elif not action.option_strings:
            arguments.append([action.dest, describe(action)])
        elif not UNPINNED & set(action.option_strings):
            named[' '.join(action.option_strings)] = describe(action)
    found = dict(arguments=arguments, options=dict(sorted(named.items())))
    return dict(found, commands=commands) if commands else found


def tools() -> Dict[str, Any]:
    """The options by tool."""
    return {tool: options(find_parser(tool)) for tool in TOOLS}


PINS = dict(tools=tools)


@pytest.mark.parametrize('tool', TOOLS)
def test_options(expected, tool):
    assert options(find_parser(tool)) == expected('tools')[tool]


@pytest.mark.parametrize('tool', HOST_TOOLS)
def test_host_tools_start(tool):
    """MMPose's own options: those of the host that is installed."""
    found = options(find_parser(tool))
    assert found['arguments'][0][0] == 'config'
    assert '--work-dir' in found['options']
