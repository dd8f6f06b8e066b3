#!/usr/bin/env python
"""Build mmcv's CPU operators in minutes, cache the wheel and install it.

Run it with the Python of the environment that is to receive mmcv; torch must
already be installed there::

    .venv/bin/python scripts/build_mmcv.py

What happens, in this order:

1. mmcv with working operators is installed already: nothing to do.
2. A wheel for this Python and torch is in the cache: it is installed.
3. Otherwise the sources are taken from PyPI, grouped into a few large
   translation units (see ``mmcv_units.py``) and built. Should that fail, the
   ordinary build follows, which takes about 20 minutes on two cores.

Where torch sees a GPU and there is a CUDA toolkit, the ordinary CUDA build is
made instead. With ``--onedl`` it is OneDL's fork of mmcv, which belongs to
their forks of MMEngine and MMDetection.
"""
import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import List, Optional, Tuple

import mmcv_units
import sdist
from sdist import clean_env, pip, run
from toolchain import BuildError, has_nvcc, import_torch, require_compiler
from wheel_cache import cache_folder, store, wheel_key

MMCV = ('mmcv', '2.1.0')
ONEDL = ('onedl-mmcv', '2.3.6')
JOBS = 2
CHECK = ('import torch, mmcv.ops; from importlib.metadata import version; '
         'assert version({release[0]!r}) == {release[1]!r}; '
         'boxes = torch.tensor([[0., 0., 9., 9.], [0., 0., 9., 8.]]); '
         'kept = mmcv.ops.nms(boxes, torch.tensor([.9, .8]), 0.5)[1]; '
         'assert kept.tolist() == [0], kept')


def main(argv: Optional[List[str]] = None) -> int:
    """Entry point.

    Args:
        argv (List[str], optional): Command line. Defaults to ``sys.argv``.

    Returns:
        int: Exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--cuda',
        choices=('auto', 'on', 'off'),
        default='auto',
        help='build the CUDA operators: auto = with a GPU and nvcc')
    parser.add_argument(
        '--ordinary',
        action='store_true',
        help="mmcv's own build, one compiler run per source file")
    parser.add_argument(
        '--no-cache',
        action='store_true',
        help='build anew even if mmcv is installed or a wheel is cached')
    parser.add_argument(
        '--onedl', action='store_true', help="OneDL's fork of mmcv")
    args = parser.parse_args(argv)
    try:
        install(args.cuda, args.ordinary, not args.no_cache,
                ONEDL if args.onedl else MMCV)
    except (BuildError, mmcv_units.SourceLayoutError) as error:
        print(f'build_mmcv: {error}', file=sys.stderr)
        return 1
    return 0


def install(cuda: str, ordinary: bool, use_cache: bool,
            release: Tuple[str, str]) -> None:
    """Get a working mmcv into the running Python's environment.

    Args:
        cuda (str): ``'auto'``, ``'on'`` or ``'off'``.
        ordinary (bool): Skip the grouped build.
        use_cache (bool): Accept an installed mmcv or a cached wheel.
        release (Tuple[str, str]): Distribution and version.
    """
    torch = import_torch()
    with_cuda = cuda == 'on' or (cuda == 'auto' and torch.cuda.is_available()
                                 and has_nvcc())
    if cuda == 'auto' and torch.cuda.is_available() and not with_cuda:
        print('torch sees a GPU, but there is no nvcc: CPU operators, which '
              'suffice for TDMI (torchvision has those for the GPU)')
    shelf = cache_folder() / wheel_key('torch', torch.__version__,
                                       'cuda' if with_cuda else 'cpu')
    if use_cache and not probe(release):
        print(f'{" ".join(release)} with its operators is installed')
        return
    stem = release[0].replace('-', '_')
    for wheel in sorted(shelf.glob(f'{stem}-*.whl')) if use_cache else ():
        print(f'installing the cached {wheel}')
        pip_install(wheel)
        if not probe(release):
            return
        print('the cached wheel does not work here: building anew')
        wheel.unlink()
    if with_cuda and not has_nvcc():
        raise BuildError('there is no CUDA toolkit (nvcc) to build the CUDA '
                         'operators with: install it, or --cuda off')
    require_compiler()
    with tempfile.TemporaryDirectory(prefix='mmcv-build-') as folder:
        wheel = build(Path(folder), torch, with_cuda, ordinary, release)
        pip_install(wheel)
        problem = probe(release)
        if problem:
            raise BuildError(f'{wheel.name} was built but fails:\n{problem}')
        store(wheel, shelf)


def build(folder: Path, torch, with_cuda: bool, ordinary: bool,
          release: Tuple[str, str]) -> Path:
    """Build the wheel, grouped if possible, otherwise the ordinary way.

    Args:
        folder (Path): Empty scratch folder.
        torch (module): The installed torch.
        with_cuda (bool): Build the CUDA operators.
        ordinary (bool): Skip the grouped build.
        release (Tuple[str, str]): Distribution and version.

    Returns:
        Path: The wheel.
    """
    # pip reads the sdist's metadata by running its setup.py
    root = sdist.fetch(*release, folder, MMCV_WITH_OPS='1')
    if not (ordinary or with_cuda):
        print(
            f'building {" ".join(release)} in a few large units '
            f'({JOBS} jobs, about 2 minutes on 2 cores)',
            flush=True)
        try:
            grouped = Path(shutil.copytree(root, folder / 'mmcv_grouped'))
            patch(grouped, torch, grouped=True)
            return run_build(grouped, with_cuda=False)
        except (BuildError, mmcv_units.SourceLayoutError) as error:
            print(
                f'the grouped build failed: {error}\n'
                'falling back to the ordinary build (about 20 minutes on '
                '2 cores)',
                flush=True)
    patch(root, torch, grouped=False)
    return run_build(root, with_cuda)


def patch(root: Path, torch, grouped: bool) -> None:
    """Adapt mmcv's ``setup.py`` to the installed torch.

    Args:
        root (Path): Unpacked sdist.
        torch (module): The installed torch.
        grouped (bool): Compile large translation units.
    """
    header = Path(torch.__file__).parent / 'include' / 'ATen' / 'ATen.h'
    standard = mmcv_units.required_cxx_standard(
        header.read_text(encoding='utf-8'))
    setup = root / 'setup.py'
    text = mmcv_units.patch_cxx_standard(
        setup.read_text(encoding='utf-8'), standard)
    if grouped:
        text = mmcv_units.patch_units(text, mmcv_units.write_units(root))
    setup.write_text(text, encoding='utf-8')


def run_build(root: Path, with_cuda: bool) -> Path:
    """Run ``pip wheel`` on a patched tree.

    Args:
        root (Path): Patched sdist.
        with_cuda (bool): Build the CUDA operators.

    Returns:
        Path: The wheel.
    """
    env = clean_env()
    env.update(MMCV_WITH_OPS='1')
    env.setdefault('MAX_JOBS', str(JOBS))
    if with_cuda:
        env['FORCE_CUDA'] = '1'
    else:
        # torch from PyPI may be a CUDA build on a machine without a GPU.
        env['CUDA_VISIBLE_DEVICES'] = ''
    start = time.time()
    wheel = sdist.build(root, env)
    print(f'built {wheel.name} in {time.time() - start:.0f} s')
    return wheel


def probe(release: Tuple[str, str]) -> str:
    """Try the installed mmcv in a process of its own.

    Args:
        release (Tuple[str, str]): Distribution and version that it must be.

    Returns:
        str: What went wrong, empty if it works.
    """
    done = subprocess.run(
        [sys.executable, '-c',
         CHECK.format(release=release)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_env(),
        cwd=tempfile.gettempdir())
    return done.stdout.strip() if done.returncode else ''


def pip_install(wheel: Path) -> None:
    """Install a wheel over whatever mmcv, or mmcv-lite, is there."""
    run(
        pip('uninstall', '--yes', 'mmcv', 'mmcv-lite', 'onedl-mmcv'),
        clean_env(), 'removing the old mmcv')
    run(pip('install', '--no-deps', wheel), clean_env(), 'installing mmcv')


if __name__ == '__main__':
    sys.exit(main())
