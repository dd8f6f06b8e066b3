"""The script that tests other versions, without setting any up."""
import importlib.util
import json
import subprocess
import sys

import pytest


@pytest.fixture
def script(repository, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        'compatibility', repository / 'scripts' / 'compatibility.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, 'RESULTS', tmp_path / 'results')
    return module


def result(script, **numbers):
    found = dict(passed=3, failed=0, skipped=1, seconds=2, failures=[])
    return dict(
        cell='py311-tested',
        commit='abc',
        setup='passed',
        versions=dict(
            python='3.11.7', torch='2.14.1', mmdet='3.3.0', numpy='1.26.4'),
        tests={
            script.TESTS[0]: found,
            script.TESTS[1]: dict(found, **numbers)
        })


def test_every_folder_and_release_exists(script, repository):
    for test in script.TESTS:
        assert (repository / test).exists(), test
    for python, resolve in script.CELLS.values():
        assert python in ('3.9', '3.10', '3.11', '3.12', '3.13')
        assert all('==' in word for word in resolve.split())
    assert set(script.EXPORT_TESTS) < set(script.TESTS)


def test_export_is_tested_with_the_tested_torch_only(script):
    assert script.tests_of('py311-tested') == list(script.TESTS)
    assert script.tests_of('py312-torch2.14-numpy2') == list(script.TESTS)
    left_out = set(script.TESTS) - set(
        script.tests_of('py39-torch2.1-mmdet3.2'))
    assert left_out == set(script.EXPORT_TESTS)


def test_numbers_are_read_from_the_report(script, tmp_path):
    (tmp_path / 'test_some.py').write_text('import pytest\n'
                                           'def test_a(): pass\n'
                                           'def test_b(): assert False\n'
                                           '@pytest.fixture\n'
                                           'def broken(): raise OSError\n'
                                           'def test_c(broken): pass\n'
                                           '@pytest.mark.skip\n'
                                           'def test_d(): pass\n')
    subprocess.run([
        sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
        '--rootdir', tmp_path, f'--junitxml={tmp_path / "report.xml"}',
        tmp_path / 'test_some.py'
    ])
    found = script.read_report(tmp_path / 'report.xml')
    assert (found['passed'], found['failed'], found['skipped']) == (1, 2, 1)
    assert sorted(name.partition('::')[2]
                  for name in found['failures']) == ['test_b', 'test_c']


def test_the_page_has_a_row_for_each_cell(script, tmp_path):
    page = tmp_path / 'page.md'
    script.write_result('py311-tested', result(script))
    script.write_result(
        'py39-torch2.1-mmdet3.2',
        result(script, failed=1, failures=['tests.test_x::test_y']))
    script.write_page(page)
    text = page.read_text()
    for name in script.CELLS:
        assert f'| `{name}` |' in text
    assert text.count('not run') == len(script.CELLS) - 2
    folders = f'(2 of {len(script.TESTS)} folders ran)'
    assert ('| 3.11.7 | 2.14.1 | 3.3.0 | 1.26.4 | abc | 6 passed, 0 failed, '
            f'2 skipped {folders} |') in text
    assert '- `py39-torch2.1-mmdet3.2`: `tests.test_x::test_y`' in text
    assert script.is_passed(script.read_result('py311-tested'))
    assert not script.is_passed(script.read_result('py39-torch2.1-mmdet3.2'))


def test_the_tested_set_needs_no_cell(script, tmp_path):
    script.write_page(tmp_path / 'page.md')
    text = (tmp_path / 'page.md').read_text()
    assert '| `py311-tested` | | | | | | the whole suite, in CI |' in text
    assert text.count('not run') == len(script.CELLS) - 1


def test_what_has_run_is_not_run_again(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, 'tree_state', lambda: 'abc')
    monkeypatch.setattr(script, 'find_python', lambda version: sys.executable)
    done = result(script)
    done['tests'] = dict.fromkeys(
        script.tests_of('py311-tested'), done['tests'][script.TESTS[0]])
    script.write_result('py311-tested', done)
    assert script.run_cell('py311-tested', tmp_path / 'cells', 1)
    assert not (tmp_path / 'cells').exists()


def test_a_cell_gets_the_tree_and_keeps_its_own(script, tmp_path, monkeypatch):
    tree, cell = tmp_path / 'tree', tmp_path / 'cells' / 'cell'
    (tree / 'package').mkdir(parents=True)
    for name in ('package/a.py', 'package/b.py', 'ignored.txt'):
        (tree / name).write_text(name)
    (tree / '.gitignore').write_text('ignored.txt\n')
    subprocess.run(['git', 'init', '--quiet'], cwd=tree, check=True)
    monkeypatch.setattr(script, 'ROOT', tree)
    script.copy_tree(cell)
    # what an editable install leaves
    (cell / 'package/.mim').mkdir()
    (cell / 'package.egg-info').mkdir()
    (tree / 'package/b.py').unlink()
    (tree / 'package/a.py').write_text('changed')
    script.copy_tree(cell)
    assert {p.name
            for p in cell.rglob('*')} == {
                'package', 'a.py', '.mim', 'package.egg-info', '.gitignore',
                'copied_files.txt'
            }
    assert (cell / 'package/a.py').read_text() == 'changed'


def test_a_python_that_is_missing_or_another(script, tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setenv('PYENV_ROOT', str(tmp_path / 'pyenv'))
    assert script.find_python('3.10') is None
    fake = tmp_path / 'python3.10'
    fake.write_text('#!/bin/sh\necho 2.7\n')
    fake.chmod(0o755)
    assert script.find_python('3.10') is None
    right = tmp_path / 'pyenv/versions/3.10.13/bin/python'
    right.parent.mkdir(parents=True)
    right.write_text('#!/bin/sh\necho 3.10\n')
    right.chmod(0o755)
    assert script.find_python('3.10') == str(right)


def test_the_page_in_the_docs_is_of_the_kept_results(repository, script,
                                                     tmp_path, monkeypatch):
    monkeypatch.setattr(script, 'RESULTS',
                        repository / 'docs' / 'compatibility')
    script.write_page(tmp_path / 'page.md')
    assert (tmp_path /
            'page.md').read_text() == (repository /
                                       'docs/compatibility.md').read_text()
    for path in script.RESULTS.glob('*.json'):
        assert json.loads(path.read_text())['cell'] == path.stem
