"""Where the time goes: named stages, measured only where someone asks.

Code says which stage it is in, ``with stage('crop'): ...``. Outside of a
:class:`StageTimes` block that does nothing. A stage's time does not count
what other stages inside of it take, so that the times of one thread never
add up to more than have passed.
"""
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, nullcontext
from typing import Any, Callable, ContextManager, Dict, Iterator, Optional

_NOTHING = nullcontext()
_active: 'Optional[StageTimes]' = None


def stage(name: str) -> ContextManager:
    """The context of a stage, to be entered once; ``name`` is what its times
    are added up under."""
    return _NOTHING if _active is None else _active.measure(name)


class StageTimes:
    """Adds up the time of all stages, of any thread, while it is entered.

    ``wait`` is called at a stage's ends, e.g. :func:`torch.cuda.synchronize`,
    without which the time of kernels is counted where they are waited for.
    ``seconds`` and ``calls`` are by stage, without stages inside of it.
    """

    def __init__(self,
                 clock: Callable[[], float] = time.perf_counter,
                 wait: Callable[[], Any] = lambda: None) -> None:
        self.seconds: Dict[str, float] = defaultdict(float)
        self.calls: Dict[str, int] = defaultdict(int)
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        # of each thread: what stages inside of the present one took
        self._local = threading.local()

    def __enter__(self) -> 'StageTimes':
        global _active
        if _active is not None:
            raise RuntimeError('stages are being timed already: leave the '
                               'other StageTimes first')
        _active = self
        return self

    def __exit__(self, *error) -> None:
        global _active
        _active = None

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        outside = getattr(self._local, 'inside', 0.)
        self._local.inside = 0.
        start = self._now()
        try:
            yield
        finally:
            spent = self._now() - start
            with self._lock:
                self.seconds[name] += spent - self._local.inside
                self.calls[name] += 1
            self._local.inside = outside + spent

    def _now(self) -> float:
        self._wait()
        return self._clock()
