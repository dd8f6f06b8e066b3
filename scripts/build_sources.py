#!/usr/bin/env python
"""Install xtcocotools and chumpy, built here where PyPI has no wheel.

Run it with the Python of the environment that is to receive them; numpy,
Cython and matplotlib must already be installed there::

    .venv/bin/python scripts/build_sources.py

PyPI has chumpy as source only, and xtcocotools' wheels are for numpy 1 and
Python up to 3.11. A wheel that is built here is kept for the next clone.
"""
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sdist
from toolchain import BuildError, require_compiler
from wheel_cache import cache_folder, store, wheel_key

#: Release and what tries the installed one; chumpy itself is not imported by
#: the host, and cannot be since Python 3.11.
SOURCES = {
    'xtcocotools': ('1.14.3', 'import xtcocotools._mask'),
    'chumpy': ('0.70', "from importlib.metadata import version as v; "
               "assert v('chumpy') == '0.70'"),
}


def main() -> int:
    """Entry point; returns the exit status."""
    try:
        for name, (version, check) in SOURCES.items():
            install(name, version, check)
    except BuildError as error:
        print(f'build_sources: {error}', file=sys.stderr)
        return 1
    return 0


def install(name: str, version: str, check: str) -> None:
    """Get a working release into the running Python's environment.

    Args:
        name (str): The distribution.
        version (str): Its release.
        check (str): Code that fails where it does not work.
    """
    if works(check):
        print(f'{name} is installed')
        return
    shelf = cache_folder() / wheel_key('numpy', numpy_version())
    release = f'{name}=={version}'
    for wanted in (*sorted(shelf.glob(f'{name}-{version}-*.whl')), release):
        if is_installed(wanted) and works(check):
            print(f'installed {wanted}')
            return
    require_compiler()
    begin = time.time()
    with tempfile.TemporaryDirectory(prefix=f'{name}-build-') as folder:
        root = sdist.fetch(name, version, Path(folder))
        wheel = sdist.build(root, sdist.clean_env())
        if not is_installed(wheel) or not works(check):
            raise BuildError(f'{wheel.name} was built but does not work')
        store(wheel, shelf)
    print(f'built {wheel.name} in {time.time() - begin:.0f} s')


def is_installed(wanted) -> bool:
    """Install a wheel, a file's or PyPI's; False if there is none."""
    command = sdist.pip('install', '--no-deps', '--force-reinstall',
                        '--only-binary', ':all:', wanted)
    return subprocess.run(
        command,
        env=sdist.clean_env(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL).returncode == 0


def works(check: str) -> bool:
    """Whether code runs in a process of its own."""
    return subprocess.run([sys.executable, '-W', 'ignore', '-c', check],
                          env=sdist.clean_env(),
                          stderr=subprocess.DEVNULL,
                          cwd=tempfile.gettempdir()).returncode == 0


def numpy_version() -> str:
    """The installed numpy's, which extensions are compiled for."""
    try:
        import numpy
    except ImportError as error:
        raise BuildError(f'{sys.executable} has no numpy ({error}); first: '
                         'pip install numpy Cython matplotlib') from error
    return numpy.__version__


if __name__ == '__main__':
    sys.exit(main())
