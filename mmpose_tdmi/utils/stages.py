"""Where the time goes: named stages, measured only where someone asks.

Code says which stage it is in, ``with stage('crop'): ...``. Outside of a
:class:`StageTimes` block that does nothing. A stage's time does not count
what other stages inside of it take, so that the times of one thread never
add up to more than have passed.

Shape shorthand: none.
"""
import threading
import time
from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Dict, List, Optional

_NOTHING = nullcontext()
_active: 'Optional[StageTimes]' = None


def stage(name: str) -> ContextManager:
    """The context of a stage.

    Args:
        name (str): What times are added up under.

    Returns:
        ContextManager: To be entered once.
    """
    return _NOTHING if _active is None else _Stage(_active, name)


class StageTimes:
    """Adds up the time of all stages, of any thread, while it is entered.

    Args:
        clock (Callable): Seconds. Defaults to :func:`time.perf_counter`.
        wait (Callable, optional): Called at a stage's ends, e.g.
            :func:`torch.cuda.synchronize`, without which the time of kernels
            is counted where they are waited for. Defaults to ``None``.

    Attributes:
        seconds (dict[str, float]): By stage, without stages inside of it.
        calls (dict[str, int]): By stage.

    Raises:
        RuntimeError: When it is entered while another one is.
    """

    def __init__(self,
                 clock: Callable[[], float] = time.perf_counter,
                 wait: Optional[Callable[[], Any]] = None) -> None:
        self.seconds: Dict[str, float] = {}
        self.calls: Dict[str, int] = {}
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
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

    def _now(self) -> float:
        if self._wait is not None:
            self._wait()
        return self._clock()

    def _start(self) -> None:
        # when the stage began, and what stages inside of it took
        self._stack().append([self._now(), 0.])

    def _stop(self, name: str) -> None:
        stack = self._stack()
        start, inside = stack.pop()
        spent = self._now() - start
        if stack:
            stack[-1][1] += spent
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.) + spent - inside
            self.calls[name] = self.calls.get(name, 0) + 1

    def _stack(self) -> List[list]:
        if not hasattr(self._local, 'stack'):
            self._local.stack = []
        return self._local.stack


class _Stage:
    """One time in a stage."""

    def __init__(self, times: StageTimes, name: str) -> None:
        self._times = times
        self._name = name

    def __enter__(self) -> None:
        self._times._start()

    def __exit__(self, *error) -> None:
        self._times._stop(self._name)
