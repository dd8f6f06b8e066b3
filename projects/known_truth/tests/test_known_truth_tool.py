"""The benchmark's command."""
import importlib.util

import pytest


@pytest.fixture(scope='module')
def tool(repository):
    path = repository / 'projects' / 'known_truth' / 'known_truth.py'
    spec = importlib.util.spec_from_file_location('known_truth', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_places_depend_on_the_scale(tool, repository):
    full, quick = (
        tool.parse_args(['run', *more]) for more in ([], ['--quick']))
    assert full.folder == repository / 'work_dirs' / 'known_truth'
    assert full.results == (
        repository / 'projects' / 'known_truth' / 'results')
    assert full.page == repository / 'projects/known_truth/known_truth.md'
    assert quick.folder != full.folder
    assert quick.folder in quick.results.parents
    assert quick.folder in quick.page.parents


def test_unknown_systems_are_refused(tool):
    with pytest.raises(SystemExit):
        tool.parse_args(['run', '--only', 'nothing'])


def test_status(tool, tmp_path, capsys):
    results = tmp_path / 'results'
    results.mkdir()
    (results / 'tdmi_seed1.json').write_text('{}')
    tool.main(['status', '--folder', str(tmp_path), '--results', str(results)])
    lines = capsys.readouterr().out.splitlines()
    assert 'missing' in lines[0]
    assert any(line.split() == ['tdmi', 'seeds', 'done:', '1']
               for line in lines)
    assert any(
        line.startswith('single_frame ') and line.endswith('none')
        for line in lines)


def test_run_skips_what_is_done_or_has_no_config(tool, capsys, monkeypatch):
    ran = []

    class Fake:
        pretrained = tool.ROOT / 'setup.py'

        def write_stores(self, progress):
            pass

        def is_done(self, system, seed):
            return seed == 0

        def run(self, system, seed):
            ran.append((system.name, seed))

    gone = tool.SYSTEMS['concat'].__class__('gone', 'gone', 'no/such.py')
    monkeypatch.setitem(tool.SYSTEMS, 'gone', gone)
    pieces = [('tdmi', 0), ('gone', 1), ('tdmi', 1)]
    tool.run(Fake(), pieces, workers=1, minutes=1.)
    assert ran == [('tdmi', 1)]
    assert 'gone: not run' in capsys.readouterr().out
    tool.run(Fake(), [('tdmi', 2)], workers=1, minutes=0.)
    assert ran == [('tdmi', 1)]


def test_page(tool, results_folder, tmp_path, capsys):
    page = tmp_path / 'page.md'
    tool.main(['page', '--results', str(results_folder), '--page', str(page)])
    assert page.is_file() and str(page) in capsys.readouterr().out


def test_mistakes_are_told(tool, tmp_path):
    with pytest.raises(SystemExit, match='error: .*truth.json'):
        tool.main(['page', '--results', str(tmp_path)])
    with pytest.raises(SystemExit, match='generate the clips first'):
        tool.main(
            ['run', '--folder',
             str(tmp_path), '--results',
             str(tmp_path)])
