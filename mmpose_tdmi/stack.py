"""What the package needs of the packages below it, and how to mend it.

The host's stack breaks in ways that surface far from their cause: an
operator missing in mmcv, a numpy too new for xtcocotools. Each check here
looks for one such cause and names the command that removes it. The checks
read a table of facts (:class:`Stack`) and import nothing, so that they run on
a stack that cannot be imported at all.
"""
import importlib.util
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

DISTRIBUTIONS = ('torch', 'torchvision', 'mmengine', 'mmcv', 'mmcv-lite',
                 'mmdet', 'mmpose', 'xtcocotools', 'numpy', 'scipy',
                 'opencv-python', 'opencv-python-headless',
                 'opencv-contrib-python', 'opencv-contrib-python-headless',
                 'matplotlib', 'av', 'six', 'tqdm', 'setuptools', 'openmim',
                 'mmpose-tdmi')
# Needed as they stand; mmcv and OpenCV have checks of their own.
REQUIRED = {
    'torch': 'pip install torch torchvision',
    'torchvision': 'pip install torchvision',
    'mmengine': "pip install 'mmengine>=0.10.4,<1.0.0'",
    'mmpose': "pip install --no-build-isolation 'mmpose>=1.3.0,<1.4.0'",
    'mmdet': "pip install 'mmdet>=3.2.0,<3.4.0'",
    'xtcocotools': "pip install 'xtcocotools>=1.14'",
    'numpy': "pip install 'numpy<2'",
    'scipy': 'pip install scipy',
    'matplotlib': 'pip install matplotlib',
    'av': 'pip install av',
    'six': 'pip install six',
    'tqdm': 'pip install tqdm',
}
MEND_MMCV = ('python scripts/build_mmcv.py  (from the source tree; with a '
             'GPU also: mim install mmcv==2.1.0)')


class BrokenStackError(ImportError):
    """The installed packages cannot work together."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with the installation.

    Args:
        what (str): What was found and why it is wrong.
        mend (str): The command that mends it.
        fatal (bool): Whether the package cannot be imported. Default: True.
    """
    what: str
    mend: str
    fatal: bool = True


@dataclass(frozen=True)
class Stack:
    """Facts about the installation.

    Args:
        versions (Dict[str, str]): Version of each installed distribution.
        has_pkg_resources (bool): Whether ``pkg_resources`` is there.
        has_mmcv_ops (bool): Whether mmcv's compiled operators are there.
        has_mim_files (bool): Whether mim finds this package's tools.
    """
    versions: Dict[str, str]
    has_pkg_resources: bool = True
    has_mmcv_ops: bool = True
    has_mim_files: bool = True

    def release(self, name: str) -> Optional[Tuple[int, int]]:
        """Major and minor version of a distribution, None if missing."""
        version = self.versions.get(name)
        if version is None:
            return None
        numbers = [int(n) for n in re.findall(r'\d+', version)[:2]]
        major, minor = numbers + [0] * (2 - len(numbers))
        return major, minor


def probe() -> Stack:
    """Look at the installation without importing any of it.

    Returns:
        Stack: The facts.
    """
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return Stack(
        versions=versions,
        has_pkg_resources=_folder_of('pkg_resources') is not None,
        has_mmcv_ops=_has_mmcv_ops(),
        has_mim_files=_has_mim_files())


def check_missing(stack: Stack) -> List[Problem]:
    """Distributions that are not installed at all."""
    return [
        Problem(f'{name} is not installed', mend)
        for name, mend in REQUIRED.items() if name not in stack.versions
    ]


def check_torch_pair(stack: Stack) -> List[Problem]:
    """Torch and torchvision are released in pairs: 2.x with 0.(x+15)."""
    torch, vision = stack.release('torch'), stack.release('torchvision')
    if torch is None or vision is None or torch[0] != 2:
        return []
    if vision == (0, torch[1] + 15):
        return []
    return [
        Problem(
            f'torchvision {stack.versions["torchvision"]} does not belong to '
            f'torch {stack.versions["torch"]}',
            f"pip install 'torchvision==0.{torch[1] + 15}.*'")
    ]


def check_numpy(stack: Stack) -> List[Problem]:
    """xtcocotools' wheels are built for numpy 1."""
    if (stack.release('numpy') or (1, 0)) < (2, 0):
        return []
    return [
        Problem(
            f'numpy {stack.versions["numpy"]} is too new: xtcocotools is '
            'built for numpy 1', "pip install 'numpy<2' 'opencv-python<4.12'")
    ]


def check_opencv(stack: Stack) -> List[Problem]:
    """OpenCV is there and accepts numpy 1."""
    names = [n for n in stack.versions if n.startswith('opencv-')]
    if not names:
        return [
            Problem('OpenCV is not installed',
                    "pip install 'opencv-python<4.12'")
        ]
    return [
        Problem(
            f'{name} {stack.versions[name]} needs numpy 2, which '
            'xtcocotools does not work with',
            f"pip install '{name}<4.12' 'numpy<2'") for name in names
        if stack.release(name) >= (4, 12)
    ]


def check_setuptools(stack: Stack) -> List[Problem]:
    """mmengine and mim import pkg_resources."""
    if stack.has_pkg_resources:
        return []
    found = stack.versions.get('setuptools', '(not installed)')
    return [
        Problem(
            f'setuptools {found} has no pkg_resources, which mmengine, '
            'mmpose and mim import', "pip install 'setuptools<81'")
    ]


def check_mmcv(stack: Stack) -> List[Problem]:
    """mmcv is there, with operators, in a version that mmdet accepts."""
    version = stack.release('mmcv')
    if 'mmcv-lite' in stack.versions:
        return [
            Problem('mmcv-lite is installed, which has no operators',
                    f'pip uninstall -y mmcv-lite && {MEND_MMCV}')
        ]
    if version is None:
        return [Problem('mmcv is not installed', MEND_MMCV)]
    if not (2, 0) <= version < (2, 2):
        return [
            Problem(
                f'mmcv {stack.versions["mmcv"]} is outside 2.0 to 2.1, which '
                'mmdet 3.x accepts', MEND_MMCV)
        ]
    if not stack.has_mmcv_ops:
        return [
            Problem('mmcv was installed without its compiled operators',
                    f'pip uninstall -y mmcv && {MEND_MMCV}')
        ]
    return []


def check_mim(stack: Stack) -> List[Problem]:
    """mim is there and finds this package's tools and configs."""
    problems = []
    if 'openmim' not in stack.versions:
        problems.append(
            Problem(
                'openmim is not installed: no mim train, mim test, mim run',
                "pip install 'openmim>=0.3.9' 'opendatalab<0.0.10' 'numpy<2'",
                fatal=False))
    if not stack.has_mim_files:
        problems.append(
            Problem(
                'mmpose_tdmi is installed in a way in which mim cannot find '
                'its tools and configs (a PEP 660 editable install, or no '
                'install at all)',
                'pip install --no-deps --no-build-isolation .  (in the '
                'source tree; or scripts/setup.sh for an editable install)',
                fatal=False))
    return problems


CHECKS: Tuple[Callable[[Stack], List[Problem]],
              ...] = (check_missing, check_torch_pair, check_numpy,
                      check_opencv, check_setuptools, check_mmcv, check_mim)


def find_problems(stack: Stack) -> List[Problem]:
    """Run every check.

    Args:
        stack (Stack): The facts.

    Returns:
        List[Problem]: What is wrong, empty if nothing is.
    """
    return [problem for check in CHECKS for problem in check(stack)]


def require() -> None:
    """Refuse a stack on which the package cannot work.

    Raises:
        BrokenStackError: With each problem and the command that mends it.
    """
    problems = [p for p in find_problems(probe()) if p.fatal]
    if not problems:
        problems = load_problems()
    if problems:
        raise BrokenStackError(
            'mmpose_tdmi cannot work with the installed packages:\n' +
            describe(problems) + '\nMore: python -m mmpose_tdmi.doctor')


def load_problems() -> List[Problem]:
    """Import the compiled packages, which may fail where versions agree."""
    try:
        import torch  # noqa: F401
        import torchvision  # noqa: F401
    except Exception as error:
        return [
            Problem(f'torch or torchvision cannot be imported: {error!r}',
                    'pip install --force-reinstall torch torchvision')
        ]
    try:
        import mmcv.ops  # noqa: F401
    except Exception as error:
        return [
            Problem(
                'mmcv\'s operators cannot be imported (built for another '
                f'torch?): {error!r}', f'pip uninstall -y mmcv && {MEND_MMCV}')
        ]
    return []


def describe(problems: List[Problem]) -> str:
    """One paragraph per problem, with the command that mends it."""
    return '\n'.join(f'  - {p.what}\n      mend: {p.mend}' for p in problems)


def _folder_of(module: str) -> Optional[Path]:
    """Folder of a top-level package, found without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def _has_mmcv_ops() -> bool:
    folder = _folder_of('mmcv')
    return folder is not None and any(folder.glob('_ext.*'))


def _has_mim_files() -> bool:
    """Whether the package lies where mim will look for it."""
    # The first entry is the current folder or the script's, which mim does
    # not see; a source tree there may hold metadata of its own.
    path = sys.path if sys.flags.isolated else sys.path[1:]
    found = list(metadata.distributions(name='mmpose-tdmi', path=path))
    if not found:
        return False
    located = Path(str(found[0].locate_file('mmpose_tdmi')))
    return (located / '.mim' / 'tools').is_dir()
