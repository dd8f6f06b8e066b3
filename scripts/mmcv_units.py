"""How mmcv's C++ sources are grouped into a few large translation units.

Nearly all of the ~16 s that each of mmcv's 77 CPU sources takes goes into
reading torch's headers. Reading them once for many sources turns twenty
minutes into two. Only the standard library is used here, and nothing is
compiled: ``build_mmcv.py`` does that.
"""
import re
from pathlib import Path
from typing import Dict, List

DISPATCHERS = 'mmcv/ops/csrc/pytorch'
KERNELS = 'mmcv/ops/csrc/pytorch/cpu'
UNIT_FOLDER = 'units'

# These four define the same min/max macros or the same templates as other
# kernels, so each is compiled by itself.
ALONE = ('psamask', 'roi_align', 'roi_align_rotated', 'rotated_feature_align')
# With the sources in alphabetical order, the second unit holds pybind.cpp.
DISPATCHERS_IN_FIRST_UNIT = 30


class SourceLayoutError(RuntimeError):
    """The mmcv source tree is not laid out as this script expects."""


def group_sources(root: Path) -> Dict[str, List[str]]:
    """Assign every CPU source of mmcv to one translation unit.

    Args:
        root (Path): Unpacked mmcv sdist.

    Returns:
        Dict[str, List[str]]: Unit name to source paths relative to ``root``,
        units that take longest to compile first.

    Raises:
        SourceLayoutError: If a folder is empty or a source that must be
            compiled alone is missing.
    """
    dispatchers = _sources(root, DISPATCHERS)
    kernels = _sources(root, KERNELS)
    names = {Path(path).stem: path for path in kernels}
    missing = [name for name in ALONE if name not in names]
    if missing:
        raise SourceLayoutError(
            f'{root / KERNELS}: expected {missing} among the CPU kernels, '
            f'found {sorted(names)}')
    units = {
        'dispatchers_b': dispatchers[DISPATCHERS_IN_FIRST_UNIT:],
        'dispatchers_a': dispatchers[:DISPATCHERS_IN_FIRST_UNIT],
        'kernels': [p for name, p in names.items() if name not in ALONE],
    }
    units.update({f'kernel_{name}': [names[name]] for name in ALONE})
    return {unit: paths for unit, paths in units.items() if paths}


def write_units(root: Path) -> List[str]:
    """Write one ``.cpp`` per unit that includes that unit's sources.

    Args:
        root (Path): Unpacked mmcv sdist. The units go into a folder outside
            the ``mmcv`` package, so that they do not end up in the wheel.

    Returns:
        List[str]: Unit files relative to ``root``.
    """
    folder = root / UNIT_FOLDER
    folder.mkdir(exist_ok=True)
    written = []
    for unit, paths in group_sources(root).items():
        lines = [f'#include "../{path}"' for path in paths]
        (folder / f'{unit}.cpp').write_text('\n'.join(lines) + '\n')
        written.append(f'{UNIT_FOLDER}/{unit}.cpp')
    return written


def required_cxx_standard(aten_header: str) -> int:
    """Read the C++ standard that torch's own headers ask for.

    Args:
        aten_header (str): Text of torch's ``include/ATen/ATen.h``.

    Returns:
        int: 14, 17, 20, ...

    Raises:
        SourceLayoutError: If the header does not say.
    """
    found = re.search(r'C\+\+(\d+) or later', aten_header)
    if not found:
        raise SourceLayoutError(
            "torch's include/ATen/ATen.h does not name the C++ standard it "
            'needs')
    return int(found.group(1))


def patch_cxx_standard(setup_text: str, standard: int) -> str:
    """Replace the ``-std=c++17`` in mmcv's ``setup.py``.

    Args:
        setup_text (str): mmcv's ``setup.py``.
        standard (int): Standard that the installed torch needs.

    Returns:
        str: The patched text.
    """
    patched, count = re.subn(r"'-std=c\+\+17'", f"'-std=c++{standard}'",
                             setup_text)
    if not count:
        raise SourceLayoutError("mmcv's setup.py does not say -std=c++17")
    return patched


def patch_units(setup_text: str, units: List[str]) -> str:
    """Let mmcv's ``setup.py`` compile the units, optimised and lean.

    Args:
        setup_text (str): mmcv's ``setup.py``.
        units (List[str]): Unit files relative to the sdist's root.

    Returns:
        str: The patched text.
    """
    # The flags come last on the compiler's command line and so win over the
    # -g and -O3 that Python itself was built with.
    anchor = '        ext_ops = extension(\n'
    if setup_text.count(anchor) != 1:
        raise SourceLayoutError(
            "mmcv's setup.py does not create its extension where expected")
    addition = (f'        op_files = {units!r}\n'
                "        extra_compile_args['cxx'] += ['-O2', '-g0']\n")
    return setup_text.replace(anchor, addition + anchor)


def _sources(root: Path, folder: str) -> List[str]:
    found = sorted(p.name for p in (root / folder).glob('*.cpp'))
    if not found:
        raise SourceLayoutError(f'{root / folder}: no C++ sources there')
    return [f'{folder}/{name}' for name in found]
