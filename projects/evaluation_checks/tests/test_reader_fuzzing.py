"""Damaged files end in a load that leaves nothing out, or a named error.

``MMPOSE_TDMI_FUZZ_EXAMPLES`` sets how many files each reader gets; see also
``projects/evaluation_checks/fuzz_readers.py``.
"""
import importlib.util
import os
import sys
from pathlib import Path

import pytest

EXAMPLES = int(os.environ.get('MMPOSE_TDMI_FUZZ_EXAMPLES', 200))
TOOL = Path(__file__).parents[3] / 'projects/evaluation_checks/fuzz_readers.py'


def _load():
    spec = importlib.util.spec_from_file_location('fuzz_readers', TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules['fuzz_readers'] = module
    spec.loader.exec_module(module)
    return module


fuzzing = _load()

OWN = ('PoseTrack17 annolist', 'PoseTrack18 video', 'PoseTrack21 video',
       'HiEve annolist', 'HiEve XML', 'converted file, check')


@pytest.mark.parametrize('name', fuzzing.CASES)
def test_readers_take_damaged_files(tmp_path, name):
    # the readers of other packages have tests of their own
    examples = EXAMPLES if name in OWN else EXAMPLES // 8
    outcome = fuzzing.fuzz(fuzzing.CASES[name](tmp_path), examples)
    assert outcome.failure is None
    assert outcome.files >= examples
    assert outcome.loaded + outcome.named == outcome.files
    assert outcome.loaded and outcome.named


def test_findings_are_reported(tmp_path):
    path = tmp_path / 'file.json'
    path.write_text('{"a": 1, "b": [1, 2, 3]}')

    sound = path.read_text()

    def audit(loaded, data):
        assert len(loaded) == len(data), 'left out'

    # forgets what is beyond the sound file's length
    case = fuzzing.Case(path, 'json', lambda: path.read_bytes()[:len(sound)],
                        audit)
    assert 'left out' in fuzzing.fuzz(case, 50, shrink=False).failure

    def nameless():
        raise ValueError('something is wrong')

    reads = iter([sound])
    case = case._replace(read=lambda: next(reads, None) or nameless())
    assert 'does not name the file' in fuzzing.fuzz(
        case, 10, shrink=False).failure
    assert path.read_text() == sound


def test_the_tool_prints_a_table(monkeypatch, capsys):
    monkeypatch.setattr(
        sys, 'argv', [str(TOOL), '--examples', '20', '--reader', 'HiEve XML'])
    fuzzing.main()
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == [
        'reader', 'files', 'loaded', 'named', 'errors', 'slowest/ms'
    ]
    assert row.split()[:3] == ['HiEve', 'XML', '20']
