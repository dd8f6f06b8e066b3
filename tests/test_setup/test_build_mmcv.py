"""What the mmcv build does when something fails, without compiling."""
import io
import sys
import tarfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))

import build_mmcv  # noqa: E402
from toolchain import BuildError  # noqa: E402


@pytest.fixture
def no_compiling(monkeypatch, tmp_path):
    """Replace the slow steps; returns the builds that were asked for."""
    builds = []

    def run_build(root, with_cuda):
        builds.append(root.parent.name)
        if root.parent.name == 'grouped':
            raise BuildError('clashing macros')
        return root / 'mmcv.whl'

    def unpack(sdist, folder):
        return folder / 'mmcv'

    monkeypatch.setattr(build_mmcv, 'download', lambda folder: None)
    monkeypatch.setattr(build_mmcv, 'unpack', unpack)
    monkeypatch.setattr(build_mmcv, 'patch', lambda *args, **kwargs: None)
    monkeypatch.setattr(build_mmcv, 'run_build', run_build)
    return builds


def test_failed_grouped_build_falls_back_and_says_so(no_compiling, tmp_path,
                                                     capsys):
    wheel = build_mmcv.build(tmp_path, None, with_cuda=False, ordinary=False)
    assert wheel.parent.parent.name == 'ordinary'
    assert no_compiling == ['grouped', 'ordinary']
    told = capsys.readouterr().out
    assert 'clashing macros' in told and 'falling back' in told


def test_cuda_build_is_never_grouped(no_compiling, tmp_path):
    build_mmcv.build(tmp_path, None, with_cuda=True, ordinary=False)
    assert no_compiling == ['ordinary']


def test_truncated_sdist_is_deleted(tmp_path):
    sdist = tmp_path / 'mmcv.tar.gz'
    with tarfile.open(sdist, 'w:gz') as archive:
        info = tarfile.TarInfo('mmcv/a')
        info.size = 100000
        archive.addfile(info, io.BytesIO(bytes(range(250)) * 400))
    sdist.write_bytes(sdist.read_bytes()[:100])
    with pytest.raises(BuildError, match='run again'):
        build_mmcv.unpack(sdist, tmp_path / 'out')
    assert not sdist.exists()


def test_build_environment_drops_other_devices(monkeypatch):
    monkeypatch.setenv('FORCE_CUDA', '1')
    monkeypatch.setenv('PYTHONPATH', '/elsewhere')
    env = build_mmcv.clean_env()
    assert 'FORCE_CUDA' not in env and 'PYTHONPATH' not in env


def test_failing_command_shows_its_output():
    with pytest.raises(BuildError, match='no such luck'):
        build_mmcv.run(
            [sys.executable, '-c', "import sys; sys.exit('no such luck')"], {},
            'try')
