"""Many videos over processes, devices and machines.

On one machine a pool of processes, one per device, takes one video after the
other. Over machines the videos are dealt out by the rank that torchrun or
SLURM gives: videos have nothing to do with each other, so that nothing needs
to be exchanged, and no engine needs to be installed that clusters do not have
already.

Which videos there are, and what their results are called.

What became of each video, in a file per video beside the results.

This process's share of the work, from what started it.

Processes that take one task after the other and may die.

``concurrent.futures`` gives all tasks up when a process dies, which is what a
process does that the system kills for its memory. Here only the task at hand
has failed, and another process takes its place.
"""
import glob
import json
import multiprocessing
import os
import time
import traceback
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import (Any, Callable, Deque, Dict, List, Mapping, Optional,
                    Sequence, Tuple, TypeVar)

import torch.distributed

from mmpose_tdmi.utils.files import write_json

__all__ = [
    'JobStatus', 'Outcome', 'Rank', 'StatusFolder', 'VideoJob', 'deal_out',
    'find_jobs', 'find_rank', 'run_pool'
]

#: Files of a folder that are taken for videos, lower case.
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg',
                  '.mpeg', '.ts')


@dataclass(frozen=True)
class VideoJob:
    """A video to be done.

    Args:
        input (str): A video file or a folder of frames.
        name (str): What its results are called.
        size (int): Bytes, by which work is dealt out. Defaults to 0.
    """
    input: str
    name: str
    size: int = 0


def find_jobs(inputs: Sequence[str]) -> List[VideoJob]:
    """The videos that paths and globs stand for.

    Args:
        inputs (Sequence[str]): Video files, folders and globs of these. A
            folder stands for the videos in it or, if it has none, for one
            video whose frames it holds.

    Returns:
        list[VideoJob]: The videos, the largest first, and each once. A
        result is called as its file or folder; if several videos of different
        folders are called the same, the folder's name comes before,
        ``folder__name``.

    Raises:
        FileNotFoundError: If an input stands for nothing.
        ValueError: If two results would be called the same even so.
    """
    found: Dict[str, Path] = {}
    for text in inputs:
        paths = [text] if Path(text).exists() else glob.glob(text)
        if not paths:
            raise FileNotFoundError(f'{text}: no such file or folder, and no '
                                    'file that it matches')
        for path in map(Path, paths):
            for video in _videos_of(path):
                found[str(video.resolve())] = video
    videos = list(found.values())
    names = _names(videos)
    jobs = [
        VideoJob(str(video), name, _size(video))
        for video, name in zip(videos, names)
    ]
    # the same order on every machine
    return sorted(jobs, key=lambda job: (-job.size, job.name))


def _videos_of(path: Path) -> List[Path]:
    if not path.is_dir():
        return [path]
    videos = [
        entry for entry in sorted(path.iterdir())
        if entry.suffix.lower() in VIDEO_SUFFIXES and entry.is_file()
    ]
    return videos or [path]


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def _names(videos: Sequence[Path]) -> List[str]:
    names = [_stem(video) for video in videos]
    counts = Counter(names)
    names = [
        name if counts[name] == 1 else f'{video.resolve().parent.name}__{name}'
        for video, name in zip(videos, names)
    ]
    taken: Dict[str, Path] = {}
    for name, video in zip(names, videos):
        if name in taken:
            raise ValueError(
                f'the results of {taken[name]} and {video} would both be '
                f'called {name!r}; run them into different folders')
        taken[name] = video
    return names


def _stem(video: Path) -> str:
    return video.resolve().name if video.is_dir() else video.stem


@dataclass
class JobStatus:
    """What became of a video.

    Args:
        name (str): The video's name.
        input (str): The video.
        fingerprint (str): What the results depend on.
        state (str): ``'finished'`` or ``'failed'``.
        attempts (int): How often it was tried.
        seconds (float): How long the last try took.
        outputs (dict[str, int]): Sizes of the written files in bytes.
        summary (dict): Counts of a finished video; plain values.
        error (str, optional): Why it failed.
    """
    name: str
    input: str
    fingerprint: str
    state: str
    attempts: int
    seconds: float
    outputs: Dict[str, int] = field(default_factory=dict)
    summary: Dict[str, Any] = field(default_factory=dict)
    error: Optional[str] = None


class StatusFolder:
    """The folder of the statuses, ``<name>.json`` each.

    Args:
        path (Path): The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, status: JobStatus) -> None:
        """Store a status in place of the video's former one.

        Args:
            status (JobStatus): The status.
        """
        write_json(self._file(status.name), asdict(status), indent=1)

    def read(self, name: str) -> Optional[JobStatus]:
        """The status of a video.

        Args:
            name (str): The video's name.

        Returns:
            JobStatus | None: None if there is none.

        Raises:
            ValueError: If the file is no status.
        """
        path = self._file(name)
        if not path.is_file():
            return None
        try:
            return JobStatus(**json.loads(path.read_text(encoding='utf-8')))
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f'{path} is no status of a video ({error}); '
                             'remove it to have the video done') from error

    def is_finished(self, name: str, fingerprint: str) -> bool:
        """Whether a video need not be done again.

        Args:
            name (str): The video's name.
            fingerprint (str): What its results would depend on now.

        Returns:
            bool: Whether it was finished with this fingerprint and all its
            files are there in the size that they had.
        """
        status = self.read(name)
        return (status is not None and status.state == 'finished'
                and status.fingerprint == fingerprint
                and status.outputs == file_sizes(list(status.outputs)))

    def _file(self, name: str) -> Path:
        return self.path / f'{name}.json'


def file_sizes(paths: Sequence[str]) -> Dict[str, int]:
    """dict[str, int]: The sizes in bytes of those files that exist."""
    return {
        str(path): Path(path).stat().st_size
        for path in paths if Path(path).is_file()
    }


T = TypeVar('T')

#: What may have started the process, called as in MMEngine's and mim's
#: ``--launcher``, and its variables: rank, number of ranks, rank on the node.
LAUNCHERS = {
    'none': None,
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
}


@dataclass(frozen=True)
class Rank:
    """A process among those that share the work.

    Args:
        rank (int): Its number, 0 <= rank < world_size. Defaults to 0.
        world_size (int): The number of processes. Defaults to 1.
        local_rank (int): Its number on its machine. Defaults to 0.
    """
    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f'rank {self.rank} of {self.world_size}: '
                             'expected 0 <= rank < number of ranks')


def find_rank(launcher: str,
              environment: Optional[Mapping[str, str]] = None) -> Rank:
    """The rank that a launcher gave.

    Args:
        launcher (str): One of :data:`LAUNCHERS`.
        environment (Mapping[str, str], optional): Variables. Defaults to the
            process's own.

    Returns:
        Rank: The rank; that of a single process with ``'none'``.

    Raises:
        ValueError: If the launcher is unknown or its variables are missing.
    """
    if launcher not in LAUNCHERS:
        raise ValueError(f'launcher must be one of {list(LAUNCHERS)}, got '
                         f'{launcher!r}')
    names = LAUNCHERS[launcher]
    if names is None:
        return Rank()
    environment = os.environ if environment is None else environment
    missing = [name for name in names if name not in environment]
    if missing:
        raise ValueError(
            f'launcher {launcher!r}: the variables {missing} are not set; was '
            'this started by '
            f'{"torchrun" if launcher == "pytorch" else "srun"}?')
    return Rank(*(int(environment[name]) for name in names))


def deal_out(jobs: Sequence[T], rank: Rank) -> List[T]:
    """A rank's share of jobs.

    Args:
        jobs (Sequence): All jobs, the largest first, in the same order on
            every rank.
        rank (Rank): Whose share.

    Returns:
        list: Every n-th of them, in turns that change direction, so that the
        first ranks do not get the larger one each time.
    """
    share = []
    for start in range(0, len(jobs), rank.world_size):
        turn = list(jobs[start:start + rank.world_size])
        place = rank.rank
        if (start // rank.world_size) % 2:
            place = rank.world_size - 1 - place
        share += turn[place:place + 1]
    return share


class Companions:
    """Keeps ranks of torchrun until all are done.

    torchrun ends all others as soon as one ends with an error code, which
    would stop their videos. SLURM does not (``--kill-on-bad-exit=0``).

    Args:
        launcher (str): One of :data:`LAUNCHERS`.
        rank (Rank): This process.
    """

    def __init__(self, launcher: str, rank: Rank) -> None:
        self._wait = launcher == 'pytorch' and rank.world_size > 1

    def __enter__(self) -> 'Companions':
        if self._wait:
            torch.distributed.init_process_group(
                'gloo', timeout=timedelta(days=30))
        return self

    def __exit__(self, *_) -> None:
        if self._wait:
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()


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
