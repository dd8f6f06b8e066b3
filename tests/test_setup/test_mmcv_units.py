"""Grouping mmcv's sources, without compiling anything."""
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))

import mmcv_units  # noqa: E402
import wheel_cache  # noqa: E402


@pytest.fixture
def tree(tmp_path):
    """A source tree with mmcv 2.1.0's layout: 57 dispatchers, 20 kernels."""
    folder = tmp_path / mmcv_units.DISPATCHERS
    (folder / 'cpu').mkdir(parents=True)
    names = [f'op{i:02}' for i in range(16)] + list(mmcv_units.ALONE)
    for name in names:
        (folder / 'cpu' / f'{name}.cpp').touch()
    for name in names + [f'other{i:02}' for i in range(36)] + ['pybind']:
        (folder / f'{name}.cpp').touch()
    return tmp_path


def test_every_source_is_in_exactly_one_unit(tree):
    units = mmcv_units.group_sources(tree)
    counts = Counter(path for paths in units.values() for path in paths)
    on_disk = {str(p.relative_to(tree)) for p in tree.rglob('*.cpp')}
    assert set(counts) == on_disk
    assert set(counts.values()) == {1}


def test_sizes_of_the_units(tree):
    sizes = {u: len(p) for u, p in mmcv_units.group_sources(tree).items()}
    assert sizes.pop('dispatchers_a') == 30
    assert sizes.pop('dispatchers_b') == 27
    assert sizes.pop('kernels') == 16
    assert sizes == {f'kernel_{name}': 1 for name in mmcv_units.ALONE}


def test_units_include_their_sources_and_stay_out_of_the_package(tree):
    for unit in mmcv_units.write_units(tree):
        path = tree / unit
        assert 'mmcv' not in path.relative_to(tree).parts
        for line in path.read_text().splitlines():
            included = line[len('#include "'):-1]
            assert (path.parent / included).resolve().is_file()


def test_unexpected_layout_is_named(tree):
    (tree / mmcv_units.KERNELS / 'psamask.cpp').unlink()
    with pytest.raises(mmcv_units.SourceLayoutError, match='psamask'):
        mmcv_units.group_sources(tree)
    with pytest.raises(mmcv_units.SourceLayoutError, match='no C\\+\\+'):
        mmcv_units.group_sources(tree / 'nowhere')


@pytest.mark.parametrize('standard', [14, 17, 20])
def test_standard_is_read_from_torch_header(standard):
    header = (f'#error C++{standard} or later compatible compiler is '
              'required to use ATen.')
    assert mmcv_units.required_cxx_standard(header) == standard


def test_standard_of_the_installed_torch():
    import torch
    header = Path(torch.__file__).parent / 'include' / 'ATen' / 'ATen.h'
    assert mmcv_units.required_cxx_standard(header.read_text()) >= 14


def test_header_without_standard_is_an_error():
    with pytest.raises(mmcv_units.SourceLayoutError, match='ATen.h'):
        mmcv_units.required_cxx_standard('#pragma once')


def test_setup_is_patched():
    text = ("extra_compile_args = {'cxx': ['-std=c++17']}\n"
            'if True:\n'
            '        ext_ops = extension(\n'
            '            sources=op_files)\n')
    text = mmcv_units.patch_cxx_standard(text, 20)
    assert "'-std=c++20'" in text and 'c++17' not in text
    text = mmcv_units.patch_units(text, ['units/a.cpp'])
    before, after = text.split('ext_ops = extension(')
    assert "op_files = ['units/a.cpp']" in before
    assert "'-O2', '-g0'" in before


def test_unexpected_setup_is_an_error():
    with pytest.raises(mmcv_units.SourceLayoutError, match='c\\+\\+17'):
        mmcv_units.patch_cxx_standard('setup()', 20)
    with pytest.raises(mmcv_units.SourceLayoutError, match='extension'):
        mmcv_units.patch_units('setup()', [])


def test_cache_is_kept_per_torch_and_device(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert tmp_path in wheel_cache.cache_folder().parents
    keys = {
        wheel_cache.wheel_key('torch', version, device)
        for version in ('2.13.0', '2.14.1+cpu')
        for device in ('cpu', 'cuda')
    }
    assert len(keys) == 4
    assert all('cp{}{}'.format(*sys.version_info) in key for key in keys)


def test_store_leaves_no_partial_file(tmp_path):
    source = tmp_path / 'a.whl'
    source.write_bytes(b'wheel')
    wheel_cache.store(source, tmp_path / 'cache')
    assert [p.name for p in (tmp_path / 'cache').iterdir()] == ['a.whl']
