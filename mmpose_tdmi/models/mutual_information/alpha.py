"""The weight alpha of the mutual information objective, Eq. 15.

The paper uses alpha = 1 throughout. A linear change over the training is an
option; progress is read from mmengine's message hub, where the Runner keeps
it.
"""
from typing import Mapping, Union

from mmengine.logging import MessageHub

from ..layers.checks import merge_options


class AlphaSchedule:
    """Constant or linearly changing alpha.

    Args:
        alpha (float | dict): A number >= 0, or ``dict(type='linear',
            start=0., end=1., begin=0, stop=1000, by_epoch=False)``: alpha is
            ``start`` up to iteration (epoch) ``begin``, ``end`` from
            ``stop`` on, and in between linear.

    Raises:
        ValueError: If a value is invalid.
    """

    LINEAR_DEFAULTS = dict(
        type='linear', start=0., end=1., begin=0, stop=1000, by_epoch=False)

    def __init__(self, alpha: Union[float, Mapping]) -> None:
        if not isinstance(alpha, Mapping):
            alpha = dict(start=alpha, end=alpha)
        options = merge_options('alpha', alpha, self.LINEAR_DEFAULTS)
        if options['type'] != 'linear':
            raise ValueError("alpha must be a number or a dict of type "
                             f"'linear', got type {options['type']!r}")
        for key in ('start', 'end'):
            value = options[key]
            if isinstance(value, bool) or not isinstance(
                    value, (int, float)) or not 0 <= value < float('inf'):
                raise ValueError(f'alpha must be a finite number >= 0, got '
                                 f'{value!r} (alpha.{key})')
        if not options['begin'] < options['stop']:
            raise ValueError('alpha.begin must be before alpha.stop, got '
                             f'{options["begin"]} and {options["stop"]}')
        self.start, self.end = float(options['start']), float(options['end'])
        self.begin, self.stop = options['begin'], options['stop']
        self.by_epoch = options['by_epoch']

    def value(self) -> float:
        """Alpha now; outside of a Runner's training, that at time 0."""
        if self.start == self.end:
            return self.end
        now = MessageHub.get_current_instance().get_info(
            'epoch' if self.by_epoch else 'iter', 0)
        progress = (now - self.begin) / (self.stop - self.begin)
        progress = min(max(progress, 0.), 1.)
        return self.start + (self.end - self.start) * progress
