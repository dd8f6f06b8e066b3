"""Lets torch load the Runner's checkpoints with ``weights_only`` left on.

Since torch 2.6, ``torch.load`` builds only objects whose types are on an
allow-list. A checkpoint of MMEngine's Runner holds a few others: the log
history (``HistoryBuffer`` and references to its methods), and numpy arrays
and scalars in there and in ``dataset_meta``. Exactly these are added to the
list; none of them can run code from the file.
"""
import pickle
from typing import Any, Callable, List, Tuple, Union

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

# Booleans, integers, floats and strings. Object arrays are left out on
# purpose.
_DTYPES = ('?', 'b', 'h', 'i', 'l', 'q', 'B', 'H', 'I', 'L', 'Q', 'e', 'f',
           'd', 'U', 'S')
# The statistics with which every HistoryBuffer is pickled.
_STATISTICS = ('min', 'max', 'current', 'mean')


def runner_checkpoint_globals() -> List[Union[Any, Tuple[Any, str]]]:
    """What a Runner checkpoint holds besides tensors and plain containers.

    Returns:
        list: Types and functions; as a pair with the name by which a
        checkpoint refers to them where that is not their own.
    """
    # numpy < 1.25 has no public np.dtypes, so the classes are taken from
    # dtypes themselves; likewise the functions that rebuild an array and a
    # scalar, whose module moved in numpy 2.
    allowed = [HistoryBuffer, np.ndarray, np.dtype]
    allowed += sorted({type(np.dtype(code)) for code in _DTYPES}, key=repr)
    rebuild = {
        '_reconstruct': np.zeros(1).__reduce__()[0],
        'scalar': np.float64(0).__reduce__()[0],
    }
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        for name, function in rebuild.items():
            allowed.append((function, f'{module}.{name}'))
    allowed.append((_statistics_method, 'builtins.getattr'))
    return allowed


def allow_runner_checkpoints() -> None:
    """Extend torch's allow-list; harmless to call twice.

    Torch before 2.6 loads everything by default and needs no list.
    """
    version = tuple(int(n) for n in torch.__version__.split('.')[:2])
    if version >= (2, 6):
        torch.serialization.add_safe_globals(runner_checkpoint_globals())


def _statistics_method(owner: Any, name: str) -> Callable:
    """Stand in for ``getattr``, by which a method is pickled.

    Args:
        owner (type): Must be ``HistoryBuffer``.
        name (str): One of its statistics.

    Returns:
        Callable: The method.

    Raises:
        pickle.UnpicklingError: If anything else is asked for; the real
            ``getattr`` would open a door to everything.
    """
    if owner is HistoryBuffer and name in _STATISTICS:
        return getattr(owner, name)
    raise pickle.UnpicklingError(
        f'a checkpoint asks for attribute {name!r} of {owner!r}; only '
        f'{_STATISTICS} of HistoryBuffer are allowed with weights_only')
