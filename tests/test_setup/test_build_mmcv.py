"""What the builds do when something fails, without compiling."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))

import build_mmcv  # noqa: E402
import build_sources  # noqa: E402
import sdist  # noqa: E402
from toolchain import BuildError  # noqa: E402


@pytest.fixture
def no_compiling(monkeypatch, tmp_path):
    """Replace the slow steps; returns the builds that were asked for."""
    builds = []

    def run_build(root, with_cuda):
        builds.append(root.name)
        if root.name == 'mmcv_grouped':
            raise BuildError('clashing macros')
        return root / 'mmcv.whl'

    def fetch(name, version, folder, **variables):
        (folder / 'mmcv_sources').mkdir()
        return folder / 'mmcv_sources'

    monkeypatch.setattr(sdist, 'fetch', fetch)
    monkeypatch.setattr(build_mmcv, 'patch', lambda *args, **kwargs: None)
    monkeypatch.setattr(build_mmcv, 'run_build', run_build)
    return builds


def test_failed_grouped_build_falls_back_and_says_so(no_compiling, tmp_path,
                                                     capsys):
    wheel = build_mmcv.build(tmp_path, None, False, False, build_mmcv.MMCV)
    assert wheel.parent.name == 'mmcv_sources'
    assert no_compiling == ['mmcv_grouped', 'mmcv_sources']
    told = capsys.readouterr().out
    assert 'clashing macros' in told and 'falling back' in told


def test_cuda_build_is_never_grouped(no_compiling, tmp_path):
    build_mmcv.build(tmp_path, None, True, False, build_mmcv.MMCV)
    assert no_compiling == ['mmcv_sources']


SETUP = '''from setuptools import setup
version_file = 'version.py'


def get_version():
    with open(version_file, 'r') as f:
        exec(compile(f.read(), version_file, 'exec'))
    return locals()['__version__']


setup(name='oldways', version=get_version(), py_modules=['oldways'])
'''


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of sdists, which pip takes for the index; and a cache."""
    project, shelf = tmp_path / 'oldways', tmp_path / 'index'
    project.mkdir()
    (project / 'setup.py').write_text(sdist.mend_get_version(SETUP))
    (project / 'version.py').write_text("__version__ = '1.2'\n")
    (project / 'oldways.py').touch()
    (project / 'MANIFEST.in').write_text('include version.py\n')
    subprocess.run([
        sys.executable, 'setup.py', '-q', 'sdist', '--formats', 'zip', '-d',
        shelf
    ],
                   cwd=project,
                   check=True)
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', str(shelf))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return shelf


def test_version_that_exec_leaves_out(index, tmp_path):
    """As the setup.py of mmcv and xtcocotools, which fail on Python 3.13."""
    scope = dict(__name__='setup', open=lambda *_: (index / 'x').open())
    (index / 'x').write_text("__version__ = '1.2'\n")
    function = SETUP[:SETUP.index('\n\nsetup(')].partition('\n')[2]
    exec(sdist.mend_get_version(function), scope)
    assert scope['get_version']() == '1.2'

    root = sdist.fetch('oldways', '1.2', tmp_path / 'scratch')
    text = (root / 'setup.py').read_text()
    assert "'exec'), globals())" in text and 'locals()' not in text
    wheel = sdist.build(root, sdist.clean_env())
    assert wheel.name == 'oldways-1.2-py3-none-any.whl'


def test_a_release_that_is_not_there(index, tmp_path):
    with pytest.raises(BuildError, match='downloading oldways failed'):
        sdist.fetch('oldways', '9', tmp_path / 'scratch')


def test_what_was_built_is_kept(index, tmp_path, monkeypatch, capsys):
    """The second time it comes from the cache; what works is left alone."""
    target = tmp_path / 'site'
    monkeypatch.setenv('PIP_TARGET', str(target))
    check = f'import sys; sys.path.insert(0, {str(target)!r}); import oldways'
    build_sources.install('oldways', '1.2', check)
    assert 'built oldways-1.2-' in capsys.readouterr().out
    for file in target.glob('oldways*'):
        os.rename(file, tmp_path / file.name)
    build_sources.install('oldways', '1.2', check)
    told = capsys.readouterr().out
    assert 'installed' in told and 'cache' in told and 'built old' not in told
    build_sources.install('oldways', '1.2', check)
    assert capsys.readouterr().out == 'oldways is installed\n'


def test_what_is_built_and_does_not_work(index, tmp_path, monkeypatch):
    monkeypatch.setenv('PIP_TARGET', str(tmp_path / 'site'))
    with pytest.raises(BuildError, match='was built but does not work'):
        build_sources.install('oldways', '1.2', 'assert False')
    assert not list((tmp_path / 'cache').rglob('*.whl'))


def test_no_space_is_said(tmp_path):
    full = 'import sys; sys.exit("OSError: No space left on device")'
    with pytest.raises(BuildError, match='no space left on the disk of /x;'):
        sdist.run([sys.executable, '-c', full], dict(TMPDIR='/x'), 'building')


def test_build_environment_drops_other_devices(monkeypatch):
    monkeypatch.setenv('FORCE_CUDA', '1')
    monkeypatch.setenv('PYTHONPATH', '/elsewhere')
    env = sdist.clean_env()
    assert 'FORCE_CUDA' not in env and 'PYTHONPATH' not in env


def test_failing_command_shows_its_output():
    with pytest.raises(BuildError, match='no such luck'):
        sdist.run(
            [sys.executable, '-c', "import sys; sys.exit('no such luck')"], {},
            'try')
