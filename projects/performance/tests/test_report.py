"""Reports of benchmarks."""
import argparse
import inspect
import json
import subprocess
import sys

import numpy as np
import pytest

from projects.performance.machine import describe_machine, peak_memory
from projects.performance.report import (Report, Table, add_out_argument,
                                         load_report, machine_line, publish)


@pytest.fixture
def report():
    table = Table(['way', 'ratio'],
                  [['old', 1.], ['new', np.float64(0.25)]], 'By way')
    return Report('Two ways.', [table], {'gain': np.float32(4)})


def test_it_is_printed_and_kept(report, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv',
                        ['/somewhere/projects/performance/ways.py'])
    path = tmp_path / 'new' / 'ways.json'
    publish(report, path, ['--out', 'a file.json'], dict(cores=2))
    printed = capsys.readouterr().out
    assert printed == ('Two ways.\n\nBy way\n\n| way | ratio |\n'
                       '| --- | --- |\n| old | 1 |\n| new | 0.25 |\n')
    found = load_report(path)
    assert found == report
    assert found.values == {'gain': 4}
    assert found.command == ("python projects/performance/ways.py --out "
                             "'a file.json'")
    text = path.with_suffix('.md').read_text()
    assert text.startswith(printed)
    assert found.command in text and 'cores 2' in text


def test_without_a_file_nothing_is_kept(report, tmp_path, capsys):
    publish(report, None)
    assert not list(tmp_path.iterdir())
    assert report.machine['cores'] >= 1


@pytest.mark.parametrize(
    'content',
    ['{', '[]', '{"tables": []}', '{"settings": "", "tables": [1]}'])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / 'a.json'
    path.write_text(content)
    with pytest.raises(ValueError, match='a.json is no report'):
        load_report(path)


def test_the_machine_is_described():
    found = describe_machine('cpu')
    assert found['cores'] >= 1 and found['memory, GB'] > 0
    assert found['load'] >= 0 and found['processor'] and found['torch']
    assert 'GPU' not in found
    json.dumps(found)
    line = machine_line(Report('', [], machine=found))
    assert line.startswith(str(found['processor'])) and '\n' not in line


@pytest.mark.skipif(
    not sys.platform.startswith('linux'), reason='as Linux counts')
def test_the_peak_of_memory_is_not_that_of_the_starting_process():
    code = ('import resource\nfrom pathlib import Path\n'
            f'{inspect.getsource(peak_memory)}\nprint(peak_memory())')
    done = subprocess.run([sys.executable, '-S', '-c', code],
                          stdout=subprocess.PIPE,
                          text=True,
                          check=True)
    # this one has torch
    assert 0 < int(done.stdout) < peak_memory() / 4


def test_the_option():
    parser = argparse.ArgumentParser()
    add_out_argument(parser)
    assert parser.parse_args([]).out is None
    assert parser.parse_args(['--out', 'a.json']).out.name == 'a.json'
