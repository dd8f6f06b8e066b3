"""Checkpoints: read without pickles, and made ready to be published.

Since torch 2.6, ``torch.load`` builds only objects whose types are on an
allow-list. A checkpoint of MMEngine's Runner holds a few others: the log
history (``HistoryBuffer`` and references to its methods), and numpy arrays
and scalars in there and in ``dataset_meta``. Exactly these are added to the
list; none of them can run code from the file.

What is published has the weights and what loading them needs, and its name
ends in eight digits of its SHA-256, which torch's and MMEngine's downloads
check.

What is called a checkpoint is often something else: a pointer to it, the page
that a server sent instead, half of it. An error says what it is.
"""
import hashlib
import io
import pickle
import re
import zipfile
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import (Any, BinaryIO, Callable, Dict, Iterator, Optional,
                    Sequence, Union)

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

from .files import atomic_path

# Booleans, integers, floats and strings. Object arrays are left out on
# purpose.
_DTYPES = ('?', 'b', 'h', 'i', 'l', 'q', 'B', 'H', 'I', 'L', 'Q', 'e', 'f',
           'd', 'U', 'S')
# The statistics with which every HistoryBuffer is pickled.
_STATISTICS = ('min', 'max', 'current', 'mean')
#: Older ones load everything, and of a Runner's checkpoint nothing plain.
HAS_ALLOW_LIST = tuple(int(n)
                       for n in torch.__version__.split('.')[:2]) >= (2, 6)
#: What of ``meta`` is published: no host names, no seeds, no paths.
META_KEYS = ('dataset_meta', 'mmengine_version', 'epoch', 'iter')


def allow_runner_checkpoints() -> None:
    """Extend torch's allow-list; harmless to call twice."""
    if not HAS_ALLOW_LIST:
        return
    # numpy < 1.25 has no public np.dtypes, so the classes are taken from
    # dtypes themselves; likewise the functions that rebuild an array and a
    # scalar, whose module moved in numpy 2.
    allowed = [HistoryBuffer, np.ndarray, np.dtype]
    allowed += sorted({type(np.dtype(code)) for code in _DTYPES}, key=repr)
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
def explained(path: Union[str, Path]) -> Iterator[None]:
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
        if what:
            pass
        elif found:
            what = ('holds more than tensors, numbers and plain containers: '
                    f'{found.group().rstrip(";")}. Ask who made it for one '
                    'with the weights alone (state_dict)')
        elif isinstance(error, EOFError) or 'unexpected EOF' in text:
            what = _CUT_OFF
        else:
            what = f'is damaged, or no checkpoint of torch. {_AGAIN}'
        # not torch's error with it, for its advice
        raise ValueError(f'{path}: the checkpoint {what}') from None


_AGAIN = 'Download it again and compare its size with the source\'s'
_CUT_OFF = f'is cut off, as by a download that broke. {_AGAIN}'


def _kind(path: Union[str, Path]) -> str:
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


def load(path: Union[str, Path],
         file: Optional[BinaryIO] = None,
         mmap: bool = False) -> Dict[str, Any]:
    """What a checkpoint's file holds, in the CPU's memory, or mapped from the
    file; from ``file``, if it has been read."""
    with explained(path):
        content = torch.load(
            file or path, map_location='cpu', weights_only=True, mmap=mmap)
    if not isinstance(content, dict):
        raise ValueError(f'{path}: the checkpoint holds a '
                         f'{type(content).__name__}, expected a dict, '
                         'such as a state_dict')
    return content


def check_checkpoint(path: Union[str, Path]) -> None:
    """Refuse a local file that the host could not load, of which nothing
    stays in memory; weights are not even read."""
    if Path(path).is_file() and (HAS_ALLOW_LIST or _kind(path)):
        load(path, mmap=zipfile.is_zipfile(path))


def publish(path: Union[str, Path],
            out: Union[str, Path],
            drop: Sequence[str] = ()) -> Path:
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
