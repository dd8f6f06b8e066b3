"""Checkpoints: read without pickles, and made ready to be published.

Since torch 2.6, ``torch.load`` builds only objects whose types are on an
allow-list. A checkpoint of MMEngine's Runner holds a few others: the log
history (``HistoryBuffer`` and references to its methods), and numpy arrays
and scalars in there and in ``dataset_meta``. Exactly these are added to the
list; none of them can run code from the file.

What is published has the weights and what loading them needs, and its name
ends in eight digits of its SHA-256, which torch's and MMEngine's downloads
check.
"""
import hashlib
import io
import pickle
import re
from datetime import date
from pathlib import Path
from typing import Any, Callable, Sequence, Union

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
    content = torch.load(path, map_location='cpu', weights_only=True)
    if isinstance(content, dict) and 'state_dict' not in content:
        content = dict(state_dict=content)
    weights = content.get('state_dict') if isinstance(content, dict) else None
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
