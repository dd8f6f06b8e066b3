"""The doctor names each illness and its remedy, also on a broken stack."""
import hashlib
import os
import re
import subprocess
import sys

import pytest

from mmpose_tdmi import doctor, stack

#: Whatever version of them there is.
ANY = ('defusedxml', 'fsspec', 'jinja2', 'msgspec', 'pillow', 'shapely',
       'tabulate')
SOUND = {
    **dict.fromkeys(ANY, '2.0'),
    'torch': '2.14.1',
    'torchvision': '0.29.1',
    'mmengine': '0.10.7',
    'mmcv': '2.1.0',
    'mmdet': '3.3.0',
    'mmpose': '1.3.2',
    'xtcocotools': '1.14.3',
    'numpy': '1.26.4',
    'scipy': '1.17.1',
    'opencv-python': '4.11.0.86',
    'matplotlib': '3.11.2',
    'av': '18.1.0',
    'six': '1.17.0',
    'tqdm': '4.70.1',
    'setuptools': '79.0.1',
    'openmim': '0.3.9',
    'mmpose-tdmi': '0.1.0',
}


def diagnose(without=(), facts=None, **versions):
    """Problems of a sound stack with some changes."""
    table = {**SOUND, **{k.replace('_', '-'): v for k, v in versions.items()}}
    table = {k: v for k, v in table.items() if k not in without}
    return stack.find_problems(stack.Stack(table, **(facts or {})))


def test_sound_stack_has_no_problems():
    assert diagnose() == []
    assert 'Nothing is wrong' in doctor.report([])


@pytest.mark.parametrize('versions, what, mend', [
    (dict(torchvision='0.28.0'), 'torchvision 0.28.0', 'torchvision==0.29.*'),
    (dict(torchvision='0.28.0+cpu', torch='2.14.1+cpu'),
     'does not belong to torch 2.14.1+cpu', 'torchvision==0.29.*'),
    (dict(torch='2.1.2', torchvision='0.16.2', numpy='2.0.2'),
     'torch 2.1.2 is built for numpy 1, numpy is 2.0.2', "'numpy<2'"),
    (dict(opencv_python='4.12.0.88'),
     'opencv-python 4.12.0.88 needs numpy 2, numpy is 1.26.4',
     "'opencv-python<4.12'"),
    (dict(opencv_python_headless='4.13.0.1'),
     'opencv-python-headless 4.13.0.1', "'opencv-python-headless<4.12'"),
    (dict(mmcv='2.2.0'), 'mmcv 2.2.0 is outside', 'build_mmcv.py'),
    (dict(mmcv='1.7.2'), 'mmcv 1.7.2 is outside', 'build_mmcv.py'),
    (dict(mmcv_lite='2.1.0'), 'mmcv-lite', 'pip uninstall -y mmcv-lite'),
    (dict(onedl_mmdetection='3.5.1'),
     'mmdet and onedl-mmdetection are both installed', 'pip uninstall -y'),
])
def test_wrong_versions(versions, what, mend):
    problem, = diagnose(**versions)
    assert what in problem.what and mend in problem.mend
    assert problem.fatal


def test_numpy_2():
    assert diagnose(numpy='2.5.5', opencv_python='5.0.0.93') == []


def test_packages_of_onedl():
    """They give the same modules; OpenMMLab's MMDetection refuses theirs."""
    forks = dict(onedl_mmcv='2.3.6', onedl_mmengine='0.10.12')
    replaced = ['mmcv', 'mmengine']
    assert diagnose([*replaced, 'mmdet'], onedl_mmdetection='3.5.1',
                    **forks) == []
    problem, = diagnose(replaced, **forks)
    assert 'onedl-mmcv 2.3.6 is outside >=2.0, <2.2, which mmdet' in \
        problem.what


@pytest.mark.parametrize('name, mend', [('pillow', '--ignore-installed'),
                                        ('mmcv', 'build_mmcv.py'),
                                        ('xtcocotools', 'build_sources.py')])
def test_half_an_installation(name, mend):
    problem, = diagnose(facts=dict(half=(name, )))
    assert problem.what.startswith(f'{name} ') and mend in problem.mend
    assert 'installed in part only' in problem.what


@pytest.mark.parametrize('torch, vision', [('2.0.1', '0.15.2'),
                                           ('2.8.0+cpu', '0.23.0+cpu')])
def test_pairs_of_torch_and_torchvision(torch, vision):
    assert diagnose(torch=torch, torchvision=vision) == []


@pytest.mark.parametrize('name', sorted(stack.REQUIRED))
def test_missing_package(name):
    problem, = diagnose(without=[name])
    assert problem.what == f'{name} is not installed'
    assert 'pip install' in problem.mend


def test_all_that_is_required_is_known(repository):
    """Those with checks of their own aside."""
    lines = (repository / 'requirements.txt').read_text().splitlines()
    names = {re.match(r'[\w-]*', line).group() for line in lines} - {''}
    assert names - {'mmcv', 'mmdet', 'opencv-python', 'setuptools'} <= set(
        stack.REQUIRED)


def test_missing_mmdetection():
    problem, = diagnose(without=['mmdet'])
    assert 'the installed mmpose imports it' in problem.what and problem.fatal
    assert 'pip install' in problem.mend
    # an mmpose that does not: only detectors need it
    problem, = diagnose(
        without=['mmdet'], facts=dict(mmpose_needs_mmdet=False))
    assert 'no detector can be built' in problem.what and not problem.fatal


def test_missing_mmcv_and_opencv():
    assert 'mmcv is not' in diagnose(without=['mmcv'])[0].what
    assert 'OpenCV is not' in diagnose(without=['opencv-python'])[0].what
    assert diagnose(
        without=['opencv-python'], opencv_contrib_python='4.10.0.84') == []


def test_setuptools_without_pkg_resources():
    problem, = diagnose(
        setuptools='82.0.0', facts=dict(has_pkg_resources=False))
    assert 'setuptools 82.0.0' in problem.what
    assert "'setuptools<81'" in problem.mend


def test_mmcv_without_operators():
    problem, = diagnose(facts=dict(has_mmcv_ops=False))
    assert 'without its compiled operators' in problem.what


def test_missing_mim_does_not_stop_the_package():
    problem, = diagnose(without=['openmim'])
    assert 'mim' in problem.what and not problem.fatal


def test_editable_install_that_mim_cannot_use():
    problem, = diagnose(facts=dict(has_mim_files=False))
    assert 'PEP 660' in problem.what and not problem.fatal


def test_several_problems_are_all_reported():
    problems = diagnose(
        opencv_python='5.0.0.93', mmcv='2.2.0', without=['openmim'])
    text = doctor.report(problems)
    assert text.startswith('3 things are wrong')
    assert text.count('mend: ') == 3


def make_distribution(folder, name, version):
    """What pip leaves of an installed distribution, without its code."""
    info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA'
     ).write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')


def python(*args, path, cwd):
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, path)))
    return subprocess.run([sys.executable, '-W', 'ignore', *args],
                          env=env,
                          cwd=str(cwd),
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True)


def test_doctor_on_a_broken_environment(tmp_path, repository):
    make_distribution(tmp_path, 'torchvision', '0.1.0')
    make_distribution(tmp_path, 'mmcv', '4.0.0')
    # what an interrupted pip leaves
    (tmp_path / 'onedl_mmdetection-3.5.1.dist-info').mkdir()
    done = python(
        '-m', 'mmpose_tdmi.doctor', path=[tmp_path, repository], cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    assert 'Traceback' not in done.stdout
    assert 'torchvision 0.1.0 does not belong to torch' in done.stdout
    assert 'onedl-mmdetection unknown is installed in part only' in done.stdout
    assert 'mmcv 4.0.0 is outside' in done.stdout


def test_import_on_a_broken_environment(tmp_path, repository):
    make_distribution(tmp_path, 'torchvision', '0.1.0')
    done = python(
        '-c', 'import mmpose_tdmi', path=[tmp_path, repository], cwd=tmp_path)
    assert done.returncode != 0
    assert 'mmpose_tdmi.stack.BrokenStackError' in done.stdout
    assert 'torchvision 0.1.0 does not belong to torch' in done.stdout
    assert 'mend: pip install' in done.stdout


def test_operators_that_cannot_be_loaded(tmp_path, repository):
    """Like an mmcv that was built for another torch."""
    package = tmp_path / 'mmcv'
    (package / 'ops').mkdir(parents=True)
    (package / '__init__.py').write_text("__version__ = '2.1.0'\n")
    (package / '_ext.so').touch()
    (package / 'ops' / '__init__.py'
     ).write_text("raise ImportError('undefined symbol: _ZN3c10')\n")
    for command in (['-m', 'mmpose_tdmi.doctor'], ['-c',
                                                   'import mmpose_tdmi']):
        done = python(*command, path=[tmp_path, repository], cwd=tmp_path)
        assert done.returncode == 1, done.stdout
        assert 'mmcv.ops cannot be imported (operators' in done.stdout
        assert 'undefined symbol' in done.stdout


def test_xtcocotools_for_another_numpy(tmp_path, repository):
    package = tmp_path / 'xtcocotools'
    package.mkdir()
    (package / '__init__.py').touch()
    (package /
     '_mask.py').write_text("raise ValueError('numpy.dtype size changed')\n")
    for command in (['-m', 'mmpose_tdmi.doctor'], ['-c',
                                                   'import mmpose_tdmi']):
        done = python(*command, path=[tmp_path, repository], cwd=tmp_path)
        assert done.returncode == 1, done.stdout
        assert 'xtcocotools._mask cannot be imported (built for another' in \
            done.stdout
        assert 'numpy.dtype size changed' in done.stdout
        assert 'mend: python scripts/build_sources.py' in done.stdout


def test_doctor_without_the_host(tmp_path, repository):
    """A Python that has nothing of the stack at all."""
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    done = subprocess.run([sys.executable, '-S', '-m', 'mmpose_tdmi.doctor'],
                          env=env,
                          cwd=str(repository),
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode == 1
    assert 'torch is not installed' in done.stdout
    assert 'Traceback' not in done.stdout


def test_this_environment_is_sound():
    assert stack.find_problems(stack.probe()) == []


def test_weights_are_listed_and_checked(tmp_path, monkeypatch, capsys):
    cache, folder = tmp_path / 'hub' / 'checkpoints', tmp_path / 'mine'
    cache.mkdir(parents=True)
    folder.mkdir()
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setenv('MMPOSE_TDMI_WEIGHTS', str(folder))
    content = b'\0' * 2500000
    digest = hashlib.sha256(content).hexdigest()[:8]
    (folder / f'good-{digest}_20230504.pth').write_bytes(content)
    (cache / 'begun-0123abcd.pth.partial').write_bytes(content)
    (cache / 'other.pth').write_bytes(content)
    assert doctor.main(['--weights']) == 0
    told = capsys.readouterr().out
    for line in (f'good-{digest}_20230504.pth  2.5 MB  its hash fits',
                 'begun-0123abcd.pth.partial  2.5 MB  unfinished',
                 'other.pth  2.5 MB  whole, without a hash'):
        assert line in told
    assert told.index('good-') < told.index('other.pth')
    bad = cache / 'bad-0123abcd.pth'
    bad.write_bytes(content)
    assert doctor.main(['--weights', '--quiet']) == 1
    told = capsys.readouterr().out
    assert f'{bad}  2.5 MB  has the SHA-256 {digest}' in told
    assert f"mend: rm '{bad}'" in told
