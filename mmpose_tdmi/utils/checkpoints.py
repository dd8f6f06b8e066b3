"""Checkpoints: fetched, read without pickles, made ready to be published.

Since torch 2.6, ``torch.load`` builds only objects whose types are on an
allow-list. To it are added, exactly, the others that a checkpoint of
MMEngine's Runner holds, none of which can run code from the file: the log
history (``HistoryBuffer`` and references to its methods), and numpy arrays
and scalars in there and in ``dataset_meta``.

What is published is named after its SHA-256, as torch's and MMEngine's
downloads check it; :func:`fetch` does so, too, and goes on with what broke
off. What is called a checkpoint is often something else, a pointer to it, the
page that a server sent instead, half of it: an error says what it is.
"""
import fcntl
import hashlib
import io
import os
import pickle
import re
import shutil
import zipfile
from contextlib import contextmanager, suppress
from datetime import date
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import (Any, BinaryIO, Callable, Dict, Iterator, List, Optional,
                    Sequence, Tuple)
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from torch import Tensor
from tqdm import tqdm

from .files import PathLike, atomic_path, hash_file

# The statistics with which every HistoryBuffer is pickled.
_STATISTICS = ('min', 'max', 'current', 'mean')
#: Older ones load everything, and of a Runner's checkpoint nothing plain.
HAS_ALLOW_LIST = tuple(int(n)
                       for n in torch.__version__.split('.')[:2]) >= (2, 6)
#: What of ``meta`` is published: no host names, no seeds, no paths.
META_KEYS = ('dataset_meta', 'mmengine_version', 'epoch', 'iter')

#: The variable with a folder of weights, or with a mirror's address.
WEIGHTS = 'MMPOSE_TDMI_WEIGHTS'
#: How long a server may be silent, seconds.
TIMEOUT = 30.
_DATE = r'20[12]\d[01]\d[0-3]\d'
# -<hash>.pth, -<hash>_<date>.pth, _<hash>-<date>.pth, _<hash>.pth
_HASH = re.compile(r'(?:-|_(?=\d*[a-f]))(?!%s[-_.])([0-9a-f]{8})'
                   r'(?:[-_]%s)?\.\w+$' % (_DATE, _DATE))


def allow_runner_checkpoints() -> None:
    """Extend torch's allow-list; harmless to call twice, and needed once more
    after a load by OneDL's MMEngine, which takes from the list what it adds.
    """
    if not HAS_ALLOW_LIST:
        return
    # numpy < 1.25 has no public np.dtypes, so the classes are taken from
    # dtypes themselves; likewise the functions that rebuild an array and a
    # scalar, whose module moved in numpy 2.
    # booleans, integers, floats and strings; object arrays are left out
    plain = {type(np.dtype(code)) for code in '?bhilqBHILQefdUS'}
    allowed = [HistoryBuffer, np.ndarray, np.dtype, *sorted(plain, key=repr)]
    # with the name by which a checkpoint refers to it
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        allowed += [(np.zeros(1).__reduce__()[0], f'{module}._reconstruct'),
                    (np.float64(0).__reduce__()[0], f'{module}.scalar')]
    allowed.append((_statistics_method, 'builtins.getattr'))
    torch.serialization.add_safe_globals(allowed)


def _statistics_method(owner: Any, name: str) -> Callable:
    """Stand in for ``getattr``, by which a method is pickled; the real one
    would open a door to everything."""
    if owner is HistoryBuffer and name in _STATISTICS:
        return getattr(owner, name)
    raise pickle.UnpicklingError(
        f'a checkpoint asks for attribute {name!r} of {owner!r}; only '
        f'{_STATISTICS} of HistoryBuffer are allowed with weights_only')


@contextmanager
def explained(path: PathLike) -> Iterator[None]:
    """Say of a checkpoint, file or URL, what is wrong with it where loading it
    fails; torch's own text advises to let the file run code."""
    try:
        yield
    except Exception as error:
        what, text = _kind(path), str(error)
        if not what and isinstance(error, (OSError, MemoryError)):
            raise
        found = re.search(
            r'GLOBAL (\S+)|asks for attribute .*? of .*?;|'
            r"got (<class '.*?'>)", text)
        is_short = isinstance(error, EOFError) or 'unexpected EOF' in text
        if not what and found:
            what = ('holds more than tensors, numbers and plain containers: '
                    f'{found.group().rstrip(";")}. Ask who made it for one '
                    'with the weights alone (state_dict)')
        elif not what:
            what = (
                _CUT_OFF if is_short else
                f'is damaged, or no checkpoint of torch. {_AGAIN}')
        # not torch's error with it, for its advice
        raise ValueError(f'{path}: the checkpoint {what}') from None


_AGAIN = 'Download it again and compare its size with the source\'s'
_CUT_OFF = f'is cut off, as by a download that broke. {_AGAIN}'


def _kind(path: PathLike) -> str:
    """What a file is that is no whole checkpoint, by its bytes; '' if they do
    not tell."""
    if not Path(path).is_file():
        return ''
    with open(path, 'rb') as file:
        head = file.read(200)
    if head.startswith(b'PK\x03\x04'):
        return '' if zipfile.is_zipfile(path) else _CUT_OFF
    if not head:
        return f'is an empty file. {_AGAIN}'
    if head.startswith(b'version https://git-lfs'):
        return ('is a pointer of Git LFS, not the file it stands for: fetch '
                'that by "git lfs pull", or download it')
    if head.lstrip().startswith(b'<'):
        return ('is a web page, not the file: its address leads to a page '
                'about it, a login or an error. Open it in a browser')
    if re.fullmatch(rb'[^\x00-\x08\x0e-\x1f\x7f]+', head):
        text = head.decode('utf-8', 'replace').strip()
        return f'is a text, {text!r:.80}. {_AGAIN}'
    return ''


def load(path: PathLike,
         file: Optional[BinaryIO] = None,
         mmap: bool = False) -> Dict[str, Any]:
    """What a checkpoint's file holds, in the CPU's memory, or mapped from the
    file; from ``file``, if it has been read."""
    allow_runner_checkpoints()
    with explained(path):
        content = torch.load(
            file or path, map_location='cpu', weights_only=True, mmap=mmap)
    if not isinstance(content, dict):
        raise ValueError(f'{path}: the checkpoint holds a '
                         f'{type(content).__name__}, expected a dict, '
                         'such as a state_dict')
    return content


def read_checkpoint(path: PathLike) -> Dict[str, Any]:
    """The content of a checkpoint, file or URL, in the CPU's memory; a
    ValueError says what it is if it is none."""
    path = fetch(path)
    if not (HAS_ALLOW_LIST and os.path.isfile(path)):
        with explained(path):
            return CheckpointLoader.load_checkpoint(
                str(path), map_location='cpu')
    content = Path(path).read_bytes()
    file_digest(path, content)  # which need not read it again
    return load(path, io.BytesIO(content))


def check_checkpoint(path: PathLike) -> None:
    """Refuse a local file that the host could not load, of which nothing
    stays in memory; weights are not even read."""
    if Path(path).is_file() and (HAS_ALLOW_LIST or _kind(path)):
        load(path, mmap=zipfile.is_zipfile(path))


def publish(path: PathLike, out: PathLike, drop: Sequence[str] = ()) -> Path:
    """Write what of a checkpoint, or of a bare state dict, is to be published.

    Gives the file, ``<out>-<hash>_<date>.pth``. Weights whose names begin
    with one of ``drop`` are left out; none may be infinite or NaN. Those of a
    training with an exponential moving average are the averaged ones:
    MMEngine's hook stores them as ``state_dict``.
    """
    path, out = Path(path), Path(out)
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    content = load(path)
    weights = content.get('state_dict', content)
    if not isinstance(weights, dict) or not weights or not all(
            isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f'{path}: expected a checkpoint with the tensors of '
                         'a model (state_dict)')
    for prefix in drop:
        if not any(name.startswith(prefix) for name in weights):
            raise ValueError(f'{path}: no weight begins with {prefix!r}')
    weights = {
        name: value.detach().clone().contiguous()
        for name, value in weights.items() if not name.startswith(tuple(drop))
    }
    for name, value in weights.items():
        bad = int((~torch.isfinite(value)).sum())
        if bad:
            raise ValueError(f'{path}: {name} has {bad} values that are not '
                             'finite')
    meta = content.get('meta', {})
    meta = {key: meta[key] for key in META_KEYS if key in meta}
    # through memory: the name, which depends on the content, is not known
    # before, and torch stores the name of a file that it writes itself
    buffer = io.BytesIO()
    torch.save(dict(meta=meta, state_dict=weights), buffer)
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
    # what is published already has an ending
    stem = re.sub(r'-[0-9a-f]{8}_\d{8}$', '',
                  out.stem if out.suffix == '.pth' else out.name)
    final = out.with_name(f'{stem}-{digest[:8]}_{date.today():%Y%m%d}.pth')
    if final.is_file() and final.read_bytes() == buffer.getbuffer():
        return final
    with atomic_path(final) as temporary:
        temporary.write_bytes(buffer.getbuffer())
    return final


# digests of the files that were read, by path, size and time of change
_digests: Dict[Tuple[str, int, int], str] = {}


def file_digest(path: PathLike, content: Optional[bytes] = None) -> str:
    """SHA-256 of a file, of whose ``content`` if it has been read; of a URL,
    that of its text."""
    if not os.path.isfile(path):
        return hashlib.sha256(str(path).encode()).hexdigest()
    state = os.stat(path)
    key = os.path.abspath(path), state.st_size, state.st_mtime_ns
    if content is not None:
        _digests[key] = hashlib.sha256(content).hexdigest()
    elif key not in _digests:
        _digests[key] = hash_file(path)
    return _digests[key]


def find_flaw(path: Path, name: str) -> str:
    """What is wrong with a file of weights that is to be called ``name``: the
    hash in the name, without one whether it is whole. '' if nothing is."""
    flaw, stated = _kind(path), _HASH.search(name)
    if not flaw and stated:
        digest = file_digest(path)[:8]
        if digest != stated[1]:
            flaw = (f'has the SHA-256 {digest}..., but its name says '
                    f'{stated[1]}')
    elif not flaw and zipfile.is_zipfile(path):
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as file:
            return 'is damaged' if file.testzip() else ''
        return 'is damaged'
    return flaw


def list_weights() -> List[Tuple[Path, str]]:
    """The files of weights in the folder that ``MMPOSE_TDMI_WEIGHTS`` names
    and in torch's cache, unfinished ones too, and what is wrong with each."""
    return [(path,
             '' if path.suffix == '.partial' else find_flaw(path, path.name))
            for folder in _folders() for path in sorted(folder.glob('*'))
            if path.suffix in ('.pth', '.pt', '.partial')]


def has_hash(name: str) -> bool:
    """Whether a file's name has eight digits of its SHA-256."""
    return _HASH.search(name) is not None


def _folders() -> List[Path]:
    """Where files of weights are looked for; torch's cache comes last."""
    place = os.environ.get(WEIGHTS, '')
    given = [] if _is_address(place) or not place else [Path(place)]
    return [*given, Path(torch.hub.get_dir(), 'checkpoints')]


def _is_address(path: Any) -> bool:
    return str(path).startswith(('http://', 'https://'))


def fetch(path: PathLike) -> PathLike:
    """The local file of weights that an address is of; other paths as they
    are.

    It comes from the folder that the variable ``MMPOSE_TDMI_WEIGHTS`` names,
    from torch's cache, or is downloaded into that: from the mirror that the
    variable names, which has files at the same paths or all in one place, then
    from the address. What has arrived when a connection breaks is kept, and
    the next try, or the next run, goes on from there.

    Raises:
        ValueError: If a file that is there is not what its name says.
        ConnectionError: If the file cannot be had.
    """
    if not _is_address(path):
        return path
    address, place = str(path), os.environ.get(WEIGHTS, '').rstrip('/')
    inner = urlsplit(address).path.strip('/')
    name = PurePosixPath(inner).name
    if name in ('', '..'):
        raise ValueError(f'{address}: the address names no file')
    addresses = [address]
    if _is_address(place):
        addresses = [f'{place}/{inner}', f'{place}/{name}', address]
    elif place and not Path(place).is_dir():
        raise ValueError(f'{WEIGHTS}: {place} is neither a folder nor an '
                         'address, http:// or https://')
    for file in [folder / name for folder in _folders()]:
        if file.is_file():
            flaw = find_flaw(file, name)
            if flaw:
                raise ValueError(f'{file}: the checkpoint {flaw}. Move it '
                                 f'away, and it is downloaded from {address}')
            return file
    _download(addresses, file)
    return file


def _download(addresses: Sequence[str], path: Path) -> None:
    """Download a file, whole and checked or not at all, from the first address
    that has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.partial')
    told = []
    with open(partial, 'ab') as file:
        with suppress(OSError):  # of file systems without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        for address in [] if path.is_file() else addresses:
            is_resumed = True
            while is_resumed:
                is_resumed = file.seek(0, os.SEEK_END) > 0
                try:
                    _receive(address, file, path.name)
                except (OSError, HTTPException) as error:
                    told.append(f'{address}: {error or type(error).__name__}')
                    break
                flaw = find_flaw(partial, path.name)
                if not flaw:
                    os.replace(partial, path)
                    return
                file.truncate(0)
                # what had arrived before may be of another file
                if not is_resumed:
                    told.append(f'{address}: what arrives {flaw}')
        size = os.fstat(file.fileno()).st_size
    if not size:
        partial.unlink()
    if told:
        kept = (f' {size / 1e6:.1f} MB have arrived and are kept: another run '
                'goes on from there.' if size else '')
        raise ConnectionError(
            f'the weights {path.name} cannot be had ({"; ".join(told)}).{kept}'
            f' Or download {addresses[-1]} elsewhere and put it into '
            f'{path.parent} or into a folder that {WEIGHTS} names')


def _receive(address: str, file: BinaryIO, name: str) -> None:
    """Append to a file what it lacks of what is at an address; goes on after a
    broken connection for as long as each brings something."""
    while True:
        start = file.seek(0, os.SEEK_END)
        headers = {'User-Agent': 'mmpose_tdmi'}
        if start:
            headers['Range'] = f'bytes={start}-'
        try:
            with urlopen(Request(address, headers=headers), None,
                         TIMEOUT) as answer:
                rest = answer.headers.get('Content-Length')
                begin = start if answer.status == 206 else 0
                file.truncate(begin)
                total = None if rest is None else begin + int(rest)
                with tqdm.wrapattr(
                        file,
                        'write',
                        total,
                        bytes=False,
                        desc=name,
                        initial=begin,
                        unit='B',
                        unit_scale=True) as received:
                    shutil.copyfileobj(answer, received)
            size = file.seek(0, os.SEEK_END)
            if total in (None, size):
                return
            broken: Exception = ConnectionError(
                f'broke off after {size} of {total} bytes')
        except HTTPError as error:
            if error.code != 416 or not start:
                raise
            # nothing is there beyond what has arrived
            if error.headers.get('Content-Range') != f'bytes */{start}':
                file.truncate(0)
                continue
            return
        except (OSError, HTTPException) as error:
            broken = error
        if file.seek(0, os.SEEK_END) <= start:
            raise broken
