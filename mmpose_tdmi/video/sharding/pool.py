"""Processes that take one task after the other and may die.

``concurrent.futures`` gives all tasks up when a process dies, which is what a
process does that the system kills for its memory. Here only the task at hand
has failed, and another process takes its place.

Shape shorthand: none.
"""
import multiprocessing
import time
import traceback
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple

#: Errors that another try would meet again: the input or an argument is bad.
LASTING_ERRORS = (ValueError, FileNotFoundError, IsADirectoryError,
                  NotADirectoryError)

Run = Callable[[Any], Any]


@dataclass
class Outcome:
    """What became of a task.

    Args:
        task: The task.
        result: What running it gave; None if it failed.
        error (str, optional): Why it failed at last; None if it did not.
        attempts (int): How often it was tried.
        seconds (float): How long the last try took.
    """
    task: Any
    result: Any
    error: Optional[str]
    attempts: int
    seconds: float


def run_pool(tasks: Sequence[Any],
             make_run: Callable[[str], Run],
             devices: Sequence[str],
             retries: int = 1,
             report: Optional[Callable[[Outcome], None]] = None,
             start_method: str = 'spawn') -> List[Outcome]:
    """Run tasks in processes, one per device.

    A task that fails, or whose process dies, is tried again, after the other
    tasks; one that fails for an error of :data:`LASTING_ERRORS` is not.

    Args:
        tasks (Sequence): The tasks, which can be pickled.
        make_run (Callable): Called once in each process with its device;
            returns the function that runs a task. It can be pickled.
        devices (Sequence[str]): A process is started for each; the same may
            be there several times.
        retries (int): How often a failed task is tried again. Defaults to 1.
        report (Callable, optional): Called with each outcome as it comes.
        start_method (str): How processes are started. Defaults to
            ``'spawn'``, which GPUs need.

    Returns:
        list[Outcome]: One per task, in the order in which they ended.

    Raises:
        ValueError: If a process cannot make its function, or there is no
            device or a negative number of retries.
    """
    if not devices or retries < 0:
        raise ValueError('expected at least one device and retries of at '
                         f'least 0, got {list(devices)} and {retries}')
    return _Pool(tasks, make_run, devices, retries, report,
                 multiprocessing.get_context(start_method)).run()


class _Worker:
    """A process and what it is doing."""

    def __init__(self, context: Any, make_run: Callable[[str], Run],
                 device: str) -> None:
        self.device = device
        self.connection, other = context.Pipe()
        # processes that are left when this one is killed end by themselves:
        # their end of the pipe closes
        self.process = context.Process(
            target=_work, args=(other, make_run, device), daemon=True)
        self.process.start()
        other.close()
        self.task: Optional[Tuple[Any, int]] = None
        self.started = 0.
        self.ready = False

    def give(self, task: Tuple[Any, int]) -> None:
        self.task, self.started = task, time.monotonic()
        try:
            self.connection.send((task[0], ))
        except OSError:
            pass  # it has died; that is seen when its answer is awaited

    def stop(self) -> None:
        try:
            self.connection.send(None)
        except OSError:
            pass  # it has ended by itself
        self.connection.close()
        self.process.join(10)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()


class _Pool:
    """The state of :func:`run_pool`."""

    def __init__(self, tasks: Sequence[Any], make_run: Callable[[str], Run],
                 devices: Sequence[str], retries: int,
                 report: Optional[Callable[[Outcome],
                                           None]], context: Any) -> None:
        # each with the number of tries before
        self.waiting: Deque[Tuple[Any, int]] = deque((t, 0) for t in tasks)
        self.make_run = make_run
        self.devices = list(devices)[:max(1, len(tasks))]
        self.retries = retries
        self.report = report
        self.context = context
        self.outcomes: List[Outcome] = []
        self.workers: Dict[Any, _Worker] = {}
        # processes in a row that died before they were ready
        self.stillborn = 0

    def run(self) -> List[Outcome]:
        try:
            for device in self.devices if self.waiting else ():
                self._start(device)
            while self.workers:
                for connection in wait(list(self.workers)):
                    self._hear(self.workers[connection])
        finally:
            for worker in self.workers.values():
                worker.stop()
        return self.outcomes

    def _start(self, device: str) -> None:
        worker = _Worker(self.context, self.make_run, device)
        self.workers[worker.connection] = worker

    def _hear(self, worker: _Worker) -> None:
        try:
            kind, content, again = worker.connection.recv()
        except (EOFError, OSError):
            self._died(worker)
            return
        if kind == 'broken':
            raise ValueError(
                f'a process for {worker.device} cannot start: {content}')
        if kind == 'ready':
            worker.ready, self.stillborn = True, 0
        elif kind == 'done':
            self._end(worker, content, None, False)
        else:
            self._end(worker, None, content, again)
        self._next(worker)

    def _next(self, worker: _Worker) -> None:
        if self.waiting:
            worker.give(self.waiting.popleft())
        else:
            del self.workers[worker.connection]
            worker.stop()

    def _died(self, worker: _Worker) -> None:
        del self.workers[worker.connection]
        worker.process.join()
        worker.connection.close()
        code = worker.process.exitcode
        text = (f'its process was killed by signal {-code}'
                if code < 0 else f'its process ended with code {code}')
        if worker.task is not None:
            self._end(worker, None, text, True)
        elif not worker.ready:
            self.stillborn += 1
            if self.stillborn > self.retries:
                raise ValueError(
                    f'a process for {worker.device} cannot start: {text}')
        if self.waiting:
            self._start(worker.device)

    def _end(self, worker: _Worker, result: Any, error: Optional[str],
             again: bool) -> None:
        (task, tried), worker.task = worker.task, None
        if error is not None and again and tried < self.retries:
            self.waiting.append((task, tried + 1))
            return
        outcome = Outcome(task, result, error, tried + 1,
                          time.monotonic() - worker.started)
        self.outcomes.append(outcome)
        if self.report is not None:
            self.report(outcome)


def _work(connection: Connection, make_run: Callable[[str], Run],
          device: str) -> None:
    """What a process does; ends when the other end of the pipe closes."""
    try:
        run = make_run(device)
    except LASTING_ERRORS as error:
        connection.send(('broken', f'{type(error).__name__}: {error}', False))
        return
    connection.send(('ready', None, False))
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        if message is None:
            return
        try:
            answer = ('done', run(*message), False)
        except LASTING_ERRORS as error:
            answer = ('failed', f'{type(error).__name__}: {error}', False)
        except Exception:  # whatever it is, the next task can do without
            answer = ('failed', traceback.format_exc(limit=-4), True)
        try:
            connection.send(answer)
        except BrokenPipeError:
            return
