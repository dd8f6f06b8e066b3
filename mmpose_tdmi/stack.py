"""What the package needs of the packages below it, and how to mend it.

The host's stack breaks in ways that surface far from their cause: an
operator missing in mmcv, a numpy too new for xtcocotools. Each check looks
for one such cause and names the command that removes it. It reads a table of
facts (:class:`Stack`) and imports nothing, as nothing may be importable.
"""
import importlib.util
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Dict, List, Optional, Tuple

# What must be there, and the command that installs it; mmcv, MMDetection and
# OpenCV have checks of their own.
REQUIRED = {
    'torch': 'pip install torch torchvision',
    'torchvision': 'pip install torchvision',
    'mmengine': "pip install 'mmengine>=0.10.4,<1.0.0'",
    'mmpose': "pip install --no-build-isolation 'mmpose>=1.3.0,<1.4.0'",
    'xtcocotools': 'python scripts/build_sources.py  (from the source tree; '
    'with numpy 1 also: pip install xtcocotools)',
    'av': "pip install 'av>=15'",
    'shapely': "pip install 'shapely>=2'",
    **{
        name: f'pip install {name}'
        for name in ('numpy defusedxml fsspec jinja2 matplotlib msgspec '
                     'pillow scipy six tabulate tqdm').split()
    },
}
OPENCV = ('opencv-python', 'opencv-python-headless', 'opencv-contrib-python',
          'opencv-contrib-python-headless')
# OneDL's forks of OpenMMLab's packages, which have the same import names.
FORKS = {
    'mmcv': 'onedl-mmcv',
    'mmengine': 'onedl-mmengine',
    'mmdet': 'onedl-mmdetection',
}
DISTRIBUTIONS = (*REQUIRED, 'mmcv', 'mmcv-lite', 'mmdet', *FORKS.values(),
                 *OPENCV, 'setuptools', 'openmim', 'mmpose-tdmi')
# What they are imported as, where it is not their name.
MODULES = {
    'pillow': 'PIL',
    **dict.fromkeys(OPENCV, 'cv2'),
    **dict(zip(FORKS.values(), FORKS)),
}
MEND_MMCV = ('python scripts/build_mmcv.py  (from the source tree; with a '
             'GPU also: mim install mmcv==2.1.0)')
MEND_MMCV_OPS = f'pip uninstall -y mmcv && {MEND_MMCV}'
MEND_MMDET = "pip install 'mmdet>=3.2.0,<3.4.0'"
# What may fail to load, the likely cause, and its mend.
COMPILED = (
    ('torch', '', 'pip install --force-reinstall torch torchvision'),
    ('torchvision', '', 'pip install --force-reinstall torch torchvision'),
    ('cv2', " (the system's libraries?)",
     'sudo apt-get install libgl1 libglib2.0-0  (Debian, Ubuntu; or take '
     'opencv-python-headless)'),
    ('mmcv.ops', ' (operators built for another torch?)', MEND_MMCV_OPS),
    ('xtcocotools._mask', ' (built for another numpy?)',
     REQUIRED['xtcocotools']),
)


class BrokenStackError(ImportError):
    """The installed packages cannot work together."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, the command that mends it, and whether it is fatal:
    whether the package cannot be imported."""
    what: str
    mend: str
    fatal: bool = True


@dataclass(frozen=True)
class Stack:
    """Facts about the installation."""
    versions: Dict[str, str]  # of each installed distribution
    has_pkg_resources: bool = True
    has_mmcv_ops: bool = True  # compiled
    has_mim_files: bool = True  # this package's tools, where mim looks
    mmpose_needs_mmdet: bool = True  # 1.3.0 to 1.3.2 import it, for RTMO
    half: Tuple[str, ...] = ()  # distributions whose module is not there

    def provider(self, name: str) -> Optional[str]:
        """The distribution that gives a package, None if missing."""
        names = (name, FORKS.get(name))
        return next((n for n in names if n in self.versions), None)

    def release(self, name: str) -> Optional[Tuple[int, int]]:
        """Major and minor version of a package, None if missing."""
        provider = self.provider(name)
        if provider is None:
            return None
        numbers = [int(n) for n in re.findall(r'\d+', self.versions[provider])]
        major, minor = (numbers + [0, 0])[:2]
        return major, minor


def probe() -> Stack:
    """Look at the installation without importing any of it."""
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            # an interrupted pip leaves some without
            versions[name] = metadata.version(name) or 'unknown'
        except metadata.PackageNotFoundError:
            continue
    mmcv = _folder_of('mmcv')
    return Stack(
        versions,
        has_pkg_resources=_folder_of('pkg_resources') is not None,
        has_mmcv_ops=mmcv is not None and any(mmcv.glob('_ext.*')),
        has_mim_files=_has_mim_files(),
        mmpose_needs_mmdet=_mmpose_needs_mmdet(),
        half=tuple(
            name for name in (*REQUIRED, *FORKS, *MODULES)
            if versions.get(name) == 'unknown' or name in versions
            and _folder_of(MODULES.get(name, name)) is None))


def find_problems(stack: Stack) -> List[Problem]:
    """Whatever the facts say is wrong."""
    found: List[Problem] = []
    versions = stack.versions
    named = {name: f'{name} {version}' for name, version in versions.items()}

    def add(what: str, mend: str, fatal: bool = True) -> None:
        found.append(Problem(what, mend, fatal))

    for name, mend in REQUIRED.items():
        if stack.provider(name) is None:
            add(f'{name} is not installed', mend)
    built = dict(xtcocotools=REQUIRED['xtcocotools'], mmcv=MEND_MMCV_OPS)
    for name in stack.half:
        mend = f'pip install --ignore-installed --no-deps {name}'
        add(f'{named[name]} is installed in part only', built.get(name, mend))
    for name, fork in FORKS.items():
        if name in versions and fork in versions:
            add(f'{name} and {fork} are both installed, in one folder',
                f'pip uninstall -y {name} {fork}, then install one of them')

    # released in pairs: torch 2.x with torchvision 0.(x+15)
    torch, vision = stack.release('torch'), stack.release('torchvision')
    if torch and vision and torch[0] == 2 and vision != (0, torch[1] + 15):
        add(f'{named["torchvision"]} does not belong to {named["torch"]}',
            f"pip install 'torchvision==0.{torch[1] + 15}.*'")

    numpy = stack.release('numpy')
    if torch and numpy and torch < (2, 3) and numpy >= (2, 0):
        add(
            f'{named["torch"]} is built for numpy 1, numpy is '
            f'{versions["numpy"]}',
            "pip install 'numpy<2' 'opencv-python<4.12'")

    opencv = [name for name in OPENCV if name in versions]
    if not opencv:
        add('OpenCV is not installed', 'pip install opencv-python')
    for name in opencv:
        if numpy and numpy < (2, 0) and stack.release(name) >= (4, 12):
            add(f'{named[name]} needs numpy 2, numpy is {versions["numpy"]}',
                f"pip install '{name}<4.12'")

    if not stack.has_pkg_resources:
        add(
            f'setuptools {versions.get("setuptools", "(not installed)")} has '
            'no pkg_resources, which mmengine, mmpose and mim import',
            "pip install 'setuptools<81'")

    mmcv, mmdet = stack.release('mmcv'), stack.provider('mmdet')
    limit = (3, 0) if mmdet == FORKS['mmdet'] else (2, 2)
    if 'mmcv-lite' in versions:
        add('mmcv-lite is installed, which has no operators',
            f'pip uninstall -y mmcv-lite && {MEND_MMCV}')
    elif mmcv is None:
        add('mmcv is not installed', MEND_MMCV)
    elif not (2, 0) <= mmcv < limit:
        add(
            f'{named[stack.provider("mmcv")]} is outside >=2.0, '
            f'<{limit[0]}.{limit[1]}, which {mmdet or "mmdet"} wants',
            MEND_MMCV)
    elif not stack.has_mmcv_ops:
        add('mmcv was installed without its compiled operators', MEND_MMCV_OPS)

    if mmdet is None:
        # this package needs it for detectors alone
        fatal = stack.mmpose_needs_mmdet
        reason = ('the installed mmpose imports it'
                  if fatal else 'no detector can be built')
        add(f'mmdet is not installed: {reason}', MEND_MMDET, fatal)

    if 'openmim' not in versions:
        add('openmim is not installed: no mim train, mim test, mim run',
            "pip install 'openmim>=0.3.9' 'opendatalab<0.0.10'", False)
    if not stack.has_mim_files:
        add(
            'mmpose_tdmi is installed in a way in which mim cannot find '
            'its tools and configs (a PEP 660 editable install, or no '
            'install at all)',
            'pip install --no-deps --no-build-isolation .  (in the '
            'source tree; or scripts/setup.sh for an editable install)', False)
    return found


def require() -> None:
    """Refuse a stack on which the package cannot work."""
    problems = [p for p in find_problems(probe()) if p.fatal]
    problems = problems or load_problems()
    if problems:
        raise BrokenStackError(
            'mmpose_tdmi cannot work with the installed packages:\n' +
            describe(problems) + '\nMore: python -m mmpose_tdmi.doctor')


def require_mmdet() -> None:
    """Refuse to build a detector where MMDetection is missing."""
    if importlib.util.find_spec('mmdet') is None:
        raise BrokenStackError('a detector needs MMDetection, which is not '
                               f'installed: {MEND_MMDET}')


def load_problems() -> List[Problem]:
    """Import the compiled packages, which may fail where versions agree."""
    for module, cause, mend in COMPILED:
        try:
            importlib.import_module(module)
        except Exception as error:
            what = f'{module} cannot be imported{cause}: {error!r}'
            return [Problem(what, mend)]
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


def _mmpose_needs_mmdet() -> bool:
    folder = _folder_of('mmpose')
    if folder is None:
        return True
    head = folder / 'models' / 'heads' / 'hybrid_heads' / 'rtmo_head.py'
    return head.is_file() and re.search(
        r'^from mmdet', head.read_text(encoding='utf-8'), re.M) is not None


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
