"""Smoothers by name.

Shape shorthand: none.
"""
import inspect
from typing import Callable, Dict, Union

from .one_euro import OneEuroSmoother
from .pose_smoother import NoSmoother, PoseSmoother
from .window_smoothers import GaussianSmoother, SavitzkyGolaySmoother

_CLASSES: Dict[str, Callable[..., PoseSmoother]] = {
    'none': NoSmoother,
    'one_euro': OneEuroSmoother,
    'savgol': SavitzkyGolaySmoother,
    'gaussian': GaussianSmoother
}
#: The names of all smoothers.
SMOOTHERS = tuple(_CLASSES)


def build_smoother(smoother: Union[str, dict, None] = None) -> PoseSmoother:
    """A smoother from its name or its settings.

    Args:
        smoother (str | dict, optional): One of :data:`SMOOTHERS`, or a dict
            with such a ``type`` and the smoother's options. Defaults to
            ``None``, which is ``'none'``.

    Returns:
        PoseSmoother: The smoother.

    Raises:
        ValueError: If there is no such smoother or option, or a value is out
            of its range.
    """
    options = dict(smoother) if isinstance(smoother, dict) else {
        'type': 'none' if smoother is None else smoother
    }
    name = options.pop('type', None)
    if name not in _CLASSES:
        raise ValueError(f'unknown smoother {name!r}, expected one of '
                         f'{", ".join(SMOOTHERS)}')
    known = [] if name == 'none' else list(
        inspect.signature(_CLASSES[name]).parameters)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f'smoother {name!r} has no option '
                         f'{", ".join(unknown)}, expected some of '
                         f'{", ".join(known) or "none"}')
    return _CLASSES[name](**options)
