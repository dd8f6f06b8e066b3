"""Sources from PyPI, mended where this Python needs it, built to wheels."""
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

from toolchain import BuildError

# Variables with which mmcv's setup.py would build for other devices.
DEVICE_SWITCHES = ('FORCE_CUDA', 'FORCE_MLU', 'FORCE_MPS', 'FORCE_NPU',
                   'MMCV_WITH_DIOPI')


def fetch(name: str, version: str, folder: Path, **variables: str) -> Path:
    """Have pip download and unpack a release's sources.

    Args:
        name (str): The distribution.
        version (str): Its release.
        folder (Path): Empty scratch folder.
        **variables (str): Environment variables of the build.

    Returns:
        Path: The source tree's root, its ``setup.py`` mended.
    """
    print(f'downloading the sources of {name} {version}', flush=True)
    # pip asks setup.py for the metadata, which fails before it is mended;
    # the tree that pip unpacked is kept either way.
    env = dict(clean_env(), TMPDIR=str(folder), **variables)
    command = pip('download', '--no-clean', '--no-deps',
                  '--no-build-isolation', '--no-binary', name, '-d',
                  folder / 'sdist', f'{name}=={version}')
    try:
        run(command, env, f'downloading {name}')
    except BuildError:
        if not list(folder.glob('pip-download-*/*/setup.py')):
            raise
    setup, = folder.glob('pip-download-*/*/setup.py')
    text = setup.read_text(encoding='utf-8')
    setup.write_text(mend_get_version(text), encoding='utf-8')
    return setup.parent


def mend_get_version(setup_text: str) -> str:
    """Let ``get_version`` find what it executes.

    Since Python 3.13 ``exec`` within a function no longer fills what
    ``locals()`` returns there.
    """
    text = re.sub(
        r"(exec\(compile\(.*, 'exec'\))\)$",
        r'\1, globals())',
        setup_text,
        flags=re.M)
    return text.replace('return locals()[', 'return globals()[')


def build(root: Path, env: Dict[str, str]) -> Path:
    """Build the wheel of a source tree.

    Args:
        root (Path): The tree; the wheel goes into its ``dist``.
        env (Dict[str, str]): Environment variables.

    Returns:
        Path: The wheel.
    """
    dist = root / 'dist'
    run(
        pip('wheel', '--no-deps', '--no-build-isolation', '-w', dist, root),
        env, f'building {root.name.partition("_")[0]}')
    wheels = list(dist.glob('*.whl'))
    if len(wheels) != 1:
        raise BuildError(f'expected one wheel in {dist}, got {wheels}')
    return wheels[0]


def clean_env() -> Dict[str, str]:
    """The environment without other Pythons' paths and device switches."""
    dropped = DEVICE_SWITCHES + ('PYTHONPATH', 'PYTHONHOME')
    return {k: v for k, v in os.environ.items() if k not in dropped}


def pip(*args) -> List[str]:
    """A pip command line for the running Python."""
    return [sys.executable, '-m', 'pip', *map(str, args)]


def run(command: List[str], env: Dict[str, str], what: str) -> None:
    """Run a command quietly and show the end of its output if it fails."""
    done = subprocess.run(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors='replace')
    if done.returncode:
        tail = '\n'.join(done.stdout.splitlines()[-40:])
        if 'No space left on device' in done.stdout:
            raise BuildError(f'{what} failed: no space left on the disk of '
                             f'{env.get("TMPDIR", "/tmp")}; free some, or '
                             'name a folder on another: export TMPDIR=...')
        raise BuildError(f'{what} failed ({" ".join(command)}):\n{tail}')
