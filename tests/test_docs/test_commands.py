"""Every command of the documentation exists and takes its arguments.

Commands of this repository's tools and projects are parsed by their own
parsers; what they then do is tested in ``tests/test_tools``, beside the
modules and in the projects.
"""
import argparse
import importlib.util
import re
import runpy
import sys
from pathlib import Path

import pytest

from .conftest import PAGES, REPOSITORY, find_commands

COMMANDS = tuple(find_commands())
MIM = ('train', 'test', 'run', 'search', 'download', 'install')


class Parsed(Exception):
    """Raised in place of what a tool does after parsing."""


def _tool_commands():
    found = []
    for command in COMMANDS:
        words = command.words
        if words[0] == 'python':
            words = words[1:]
        if words and re.match(r'(tools|projects)/\S+\.py$', words[0]):
            found.append(pytest.param(words, id=str(command)))
    return found


def _placeholder(word: str) -> bool:
    return '...' in word or '…' in word or word in ('[', ']')


@pytest.fixture
def parse_only(monkeypatch):
    parser_type = argparse.ArgumentParser

    def stop_after(parse):

        def parse_args(parser, args=None, namespace=None):
            try:
                raise Parsed(parse(parser, args, namespace))
            except SystemExit as error:  # the help, or an error
                raise (error if error.code else Parsed) from None

        return parse_args

    for name in ('parse_args', 'parse_intermixed_args'):
        monkeypatch.setattr(parser_type, name,
                            stop_after(getattr(parser_type, name)))


def test_there_are_commands():
    assert len(COMMANDS) > 50
    assert len(_tool_commands()) > 30


@pytest.mark.parametrize('words', _tool_commands())
def test_the_tool_takes_the_arguments(words, parse_only, monkeypatch):
    path = REPOSITORY / words[0]
    assert path.is_file()
    # a synopsis has brackets, and bars between alternatives
    arguments = [
        w.strip('[]').partition('|')[0] for w in words[1:]
        if not _placeholder(w)
    ]
    monkeypatch.setattr(sys, 'argv', [str(path), *arguments])
    with pytest.raises(Parsed):
        runpy.run_path(str(path), run_name='__main__')


def test_tools_are_tested():
    """Every tool that a page names is named in a test."""
    tests = '\n'.join(
        path.read_text(encoding='utf-8')
        for path in (REPOSITORY / 'tests').rglob('test_*.py'))
    named = {
        Path(param.values[0][0]).stem
        for param in _tool_commands()
        if param.values[0][0].startswith('tools/')
    }
    assert not {name for name in named if name not in tests}


@pytest.mark.parametrize(
    'command', [c for c in COMMANDS if c.words[0] == 'make'], ids=str)
def test_make_targets_exist(command):
    makefile = (REPOSITORY / 'Makefile').read_text()
    targets = [word for word in command.words[1:] if '=' not in word]
    for target in targets:
        assert re.search(rf'^{target}:', makefile, re.M), target


@pytest.mark.parametrize(
    'command', [c for c in COMMANDS if c.words[0] == 'mim'], ids=str)
def test_mim_commands_name_what_exists(command):
    words = command.words
    assert words[1] in MIM
    if words[1] not in ('train', 'test', 'run') or words[2] != 'mmpose_tdmi':
        return
    name = words[3]
    if words[1] == 'run':
        found = list((REPOSITORY / 'tools').rglob(f'{name}.*'))
        assert found or _placeholder(name), name
    else:
        found = list((REPOSITORY / 'configs').rglob(name))
        assert found or not name.endswith('.py'), name


@pytest.mark.parametrize(
    'command',
    [c for c in COMMANDS if c.words[0] == 'python' and '-m' in c.words],
    ids=str)
def test_modules_exist(command):
    module = command.words[command.words.index('-m') + 1]
    assert importlib.util.find_spec(module) is not None


def test_the_host_has_its_tools():
    """``mim run mmpose NAME``, where the host's own tool is to be used."""
    text = '\n'.join(page.read_text(encoding='utf-8') for page in PAGES)
    names = set(re.findall(r'mim run mmpose (\w+)', text))
    assert names
    tools = Path(importlib.util.find_spec('mmpose').origin).parent / '.mim'
    for name in names:
        assert list(tools.rglob(f'{name}.py')), name
