"""The page that is written from reports."""
import pytest

from projects.performance.page import GOALS, fill_page, goals_table
from projects.performance.report import Report, Table

PAGE = """# Page

Prose with 1.5 in it.

<!-- report: ways -->
old content
<!-- end -->

More.

<!-- goals -->
<!-- end -->
<!-- machines -->
<!-- end -->
<!-- report: not_there -->
<!-- end -->
"""


def save(folder, name='ways', **values):
    Report('Two ways.', [Table(['way'], [['old']])], values,
           'python projects/performance/ways.py',
           dict(processor='P', cores=2,
                load=0.1)).save(folder / f'{name}.json')


def test_places_are_filled_and_nothing_else_changes(tmp_path):
    save(tmp_path)
    page = fill_page(PAGE, tmp_path)
    assert 'old content' not in page
    assert 'Prose with 1.5 in it.\n' in page and '\nMore.\n' in page
    assert '| way |\n| --- |\n| old |' in page
    assert 'python projects/performance/ways.py' in page
    assert '- P, cores 2: `ways` (load 0.1)' in page
    assert '`not_there.json` is missing' in page
    assert fill_page(page, tmp_path) == page
    save(tmp_path, 'not_there')
    assert 'is missing' not in fill_page(page, tmp_path)


def test_goals_are_judged(tmp_path):
    goal = GOALS[0]

    def holds(value):
        table = goals_table({goal.report: Report('', [], {goal.value: value})})
        return table.splitlines()[2].split('|')[-2].strip()

    assert holds(goal.bound) == 'yes'
    assert holds(goal.bound * 1.01) == '**no**'
    assert {goal.relation for goal in GOALS} == {'<=', '>='}
    assert goals_table({}).count('not measured') == len(GOALS)


def test_the_projects_page_is_up_to_date(repository):
    """What it says is what the kept reports say."""
    text = (repository / 'docs/performance.md').read_text()
    assert fill_page(text, repository / 'projects/performance/results') == text


def test_the_projects_page_has_every_table(repository):
    text = (repository / 'docs/performance.md').read_text()
    assert text.count('<!-- report:') > 5
    assert 'ot measured' not in text


def test_the_command(run_tool, tmp_path, capsys):
    page = tmp_path / 'page.md'
    page.write_text(PAGE)
    save(tmp_path)
    options = ['--page', page, '--reports', tmp_path]
    with pytest.raises(SystemExit, match='error.*without --check'):
        run_tool('performance_page', *options, '--check')
    assert page.read_text() == PAGE
    run_tool('performance_page', *options)
    assert '| old |' in page.read_text()
    run_tool('performance_page', *options, '--check')
    assert 'up to date' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='error.*nowhere.md'):
        run_tool('performance_page', '--page', tmp_path / 'nowhere.md')
