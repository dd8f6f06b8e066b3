"""Work dealt out: tasks, each to the next worker that is free, a process of
this machine or an actor of Ray's; or to ranks, each its share; and the folder
of results, in which all see what is done.

A worker may die. Then only the task at hand has failed, and another worker
takes its place. What a task is is the caller's: ``make_run`` gives, once in
each worker for its device, what runs a task and the number of the try there.
"""
import json
import logging
import multiprocessing
import os
import sys
import time
import traceback
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import (Any, Callable, Deque, Dict, Iterable, List, Mapping,
                    Optional, Sequence, Tuple, Union)

import torch
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from mmengine.logging import print_log

from mmpose_tdmi.utils.files import remove_outputs, write_json
from mmpose_tdmi.video.results.resume import InUseError

#: What may have started the process, and its variables: rank, number of ranks
#: and, where several share a machine, rank on it.
LAUNCHERS: Dict[str, Sequence[str]] = {
    'none': (),
    'ray': (),
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'slurm-array': ('SLURM_ARRAY_TASK_ID', 'SLURM_ARRAY_TASK_COUNT')
}
#: Errors that another try would meet again: the input or an argument is bad.
LASTING_ERRORS = (ValueError, FileNotFoundError, IsADirectoryError,
                  NotADirectoryError, PermissionError)
#: Seconds before a task that another run is at is looked at again.
PAUSE = 1.
MakeRun = Callable[[str], Callable]
#: 'done' and the result; 'bad' or 'failed', the latter worth another try, or
#: 'died', and the error; 'busy'.
Answer = Tuple[str, Any]


def find_rank(
        launcher: str,
        environment: Mapping[str, str] = os.environ) -> Tuple[int, int, int]:
    """A launcher's rank, the number of ranks, and the rank on the machine."""
    names = LAUNCHERS[launcher]
    missing = [name for name in names if name not in environment]
    if missing:
        raise ValueError(f'launcher {launcher!r}: the variables {missing} are '
                         'not set; was this started by torchrun, srun, or '
                         'sbatch --array?')
    numbers = [int(environment[name]) for name in names]
    rank, size, local = (numbers + [0])[:3] if names else (0, 1, 0)
    if launcher == 'slurm-array':  # which may begin at any number
        rank -= int(environment.get('SLURM_ARRAY_TASK_MIN', 0))
    if not 0 <= rank < size:
        raise ValueError(f'rank {rank} of {size}: expected 0 <= rank < number '
                         'of ranks')
    return rank, size, local


@dataclass
class Attempt:
    """A try at a task, or without one at starting the worker, and what came
    of it."""
    worker: Any
    task: Any = None
    number: int = 1
    started: float = field(default_factory=time.monotonic)
    result: Any = None
    error: Optional[str] = None


#: Gets the last try at each task; may give more tasks, which come next.
Report = Callable[[Attempt], Optional[Iterable[Any]]]


def deal(tasks: Sequence[Any], workers: Sequence[Any],
         wait_for: Callable[[List[Any]], Iterable[Any]], retries: int,
         report: Report) -> None:
    """Deal tasks out in their order.

    One that failed, but not by :data:`LASTING_ERRORS`, is tried again after
    the others, ``retries`` times. A worker that cannot start is left out; if
    none can, that is a ValueError. Workers keep until the end: one that has
    nothing to do takes over what another fails at.
    """
    waiting: Deque[Tuple[Any, int]] = deque((task, 1) for task in tasks)
    left = len(waiting)
    idle: List[Any] = []
    running: Dict[Any, Attempt] = {}
    workers = workers[:left]
    try:
        for worker in workers:
            running[worker.start()] = Attempt(worker)
        while left:
            while waiting and idle:
                worker, (task, number) = idle.pop(), waiting.popleft()
                running[worker.submit(task,
                                      number)] = Attempt(worker, task, number)
            for handle in wait_for(list(running)):
                attempt = running.pop(handle)
                worker, task = attempt.worker, attempt.task
                kind, content = worker.answer(handle)
                again = (
                    kind in ('failed', 'died') and attempt.number <= retries)
                if task is None and kind != 'done':
                    told = f'{worker.name} cannot start: {content}'
                    if again:
                        running[worker.start()] = Attempt(
                            worker, number=attempt.number + 1)
                    elif not (running or idle):
                        raise ValueError(told)
                    else:
                        print_log(f'{told}; the others go on without it',
                                  'current', logging.WARNING)
                    continue
                if kind == 'busy':
                    waiting.append((task, attempt.number))
                elif again:
                    waiting.append((task, attempt.number + 1))
                elif task is not None:
                    setattr(attempt, 'result' if kind == 'done' else 'error',
                            content)
                    more = list(report(attempt) or ())
                    waiting.extendleft((task, 1) for task in more)
                    left += len(more) - 1
                if kind != 'died':
                    idle.append(worker)
                elif left:
                    running[worker.start()] = Attempt(worker)
    finally:
        for worker in workers:
            worker.stop()


def attempt(function: Callable, *arguments: Any) -> Answer:
    """What comes of a call, in a worker."""
    try:
        return 'done', function(*arguments)
    except InUseError:
        time.sleep(PAUSE)
        return 'busy', None
    except LASTING_ERRORS as error:
        return 'bad', f'{type(error).__name__}: {error}'
    except Exception:  # whatever it is, the next task can do without
        text = traceback.format_exc(limit=-4)
    try:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
    except RuntimeError:  # the GPU gives nothing but errors from here on
        print(text, file=sys.stderr, flush=True)
        os._exit(os.EX_SOFTWARE)
    return 'failed', text


class Process:
    """A process of this machine, which runs tasks for a device."""

    def __init__(self, make_run: MakeRun, device: str) -> None:
        self.name = f'a process for {device}'
        self._arguments = make_run, device
        self._pipe: Any = None
        self._process: Any = None

    def start(self) -> Connection:
        """Start it, anew if it has ended; what its answers come by."""
        self.stop()
        context: Any = multiprocessing.get_context('spawn')
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, *self._arguments), daemon=True)
        self._process.start()
        other.close()  # so that it is seen if the process has gone
        return self._pipe

    def submit(self, *task: Any) -> Connection:
        """Have it run a task, with the number of the try."""
        with suppress(OSError):  # it has died, which its answer tells
            self._pipe.send(task)
        return self._pipe

    def answer(self, pipe: Connection) -> Answer:
        """What came of the start, or of a task."""
        try:
            return pipe.recv()
        except (EOFError, OSError):
            self._process.join()
        code = self._process.exitcode
        return 'died', (f'its process was killed by signal {-code}'
                        if code < 0 else f'its process ended with code {code}')

    def stop(self) -> None:
        """End it, whatever it is at."""
        if self._process is not None:
            self._pipe.close()
            self._process.terminate()
            self._process.join()
            self._process = None


def _serve(pipe: Connection, make_run: MakeRun, device: str) -> None:
    """What a process does until the other end of its pipe closes."""
    with suppress(EOFError, OSError):
        kind, run = attempt(make_run, device)
        pipe.send((kind, None if kind == 'done' else run))
        while kind == 'done':
            pipe.send(attempt(run, *pipe.recv()))
        pipe.recv()


def run_processes(devices: Sequence[str], retries: int, tasks: Sequence[Any],
                  make_run: MakeRun, report: Report) -> None:
    """Run tasks in processes of this machine, one for each device named."""
    deal(tasks, [Process(make_run, device) for device in devices], wait,
         retries, report)


def run_ray(address: Optional[str], num_gpus: Optional[float], num_cpus: float,
            num_actors: Optional[int], retries: int, tasks: Sequence[Any],
            make_run: MakeRun, report: Report) -> None:
    """Run tasks in actors of Ray's, on this machine or, with an ``address``,
    on a cluster. Each takes ``num_gpus``, by default one where there are any,
    and ``num_cpus``; by default there are as many as fit."""
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    try:
        import ray
        from ray import exceptions as errors
    except ImportError as error:
        raise ValueError("launcher 'ray' needs the package ray: pip install "
                         f"'mmpose-tdmi[ray]' ({error})") from error

    class Actor:
        """What an actor does."""

        def start(self, folder: str) -> Answer:
            with suppress(OSError):  # only paths from the root lead somewhere
                os.chdir(folder)
            device = 'cuda:0' if ray.get_gpu_ids() else 'cpu'
            kind, self._run = attempt(make_run, device)
            return kind, None if kind == 'done' else self._run

        def run(self, *task: Any) -> Answer:
            return attempt(self._run, *task)

    class RayWorker:
        """An actor, and the next one when that has died."""
        name = "an actor of Ray's"
        actor: Any = None

        def start(self) -> Any:
            self.stop()
            self.actor = ray.remote(
                num_gpus=num_gpus, num_cpus=num_cpus)(Actor).remote()
            return self.actor.start.remote(os.getcwd())

        def submit(self, *task: Any) -> Any:
            return self.actor.run.remote(*task)

        def answer(self, handle: Any) -> Answer:
            try:
                return ray.get(handle)
            except (errors.ActorDiedError, errors.ActorUnavailableError,
                    errors.OutOfMemoryError) as error:
                return 'died', f'its actor is gone: {error}'

        def stop(self) -> None:
            if self.actor is not None:
                ray.kill(self.actor)

    # nothing but statuses goes through the store
    ray.init(
        address or 'local', object_store_memory=None if address else 2**27)
    try:
        found = ray.cluster_resources()
        if num_gpus is None:
            num_gpus = min(1, found.get('GPU', 0))
        asked = dict(GPU=num_gpus, CPU=num_cpus)
        fitting = int(
            min(
                found.get(kind, 0) / number for kind, number in asked.items()
                if number))
        if not (num_actors or fitting):
            raise ValueError(f'an actor of Ray asks for {asked}, but all '
                             f'machines together have {found}')
        deal(tasks, [RayWorker() for _ in range(num_actors or fitting)],
             lambda handles: ray.wait(handles)[0], retries, report)
    finally:
        ray.shutdown()


def is_remote(path: Union[str, Path]) -> bool:
    """Whether it is an address of fsspec's."""
    return '://' in str(path)


def file_system(path: str) -> Tuple[Any, str]:
    """fsspec's file system for a path or an address, and its path there."""
    if not is_remote(path):
        return LocalFileSystem(), os.path.abspath(path)
    try:
        return url_to_fs(path)
    except ImportError as error:  # of the package for such addresses
        raise ValueError(f'{path}: {error}') from error


class Results:
    """The folder of results, and of a status for each video in it."""

    def __init__(self, folder: str) -> None:
        self.is_remote = is_remote(folder)
        self.files, self.root = file_system(folder)

    def status(self, name: str) -> str:
        """Where a video's status is."""
        return f'{self.root}/status/{name}.json'

    def statuses(self, names: Sequence[str]) -> Dict[str, Dict[str, Any]]:
        """What became of videos, as far as it is known."""
        self.files.invalidate_cache()
        contents = self.files.cat_ranges(
            list(map(self.status, names)), None, None, on_error='return')
        found = {}
        for name, content in zip(names, contents):
            if isinstance(content, FileNotFoundError):
                continue
            if isinstance(content, Exception):
                raise content
            try:
                found[name] = json.loads(content)
                found[name]['state'], found[name]['outputs'].items()
            except (KeyError, AttributeError, TypeError, ValueError) as error:
                raise ValueError(
                    f'{self.status(name)} is no status of a video '
                    f'({error!r}); remove it to have the video done'
                ) from error
        return found

    def finished(self, jobs: Sequence[Any]) -> Dict[str, Any]:
        """The statuses of those videos whose results are those of their
        fingerprints, with all files there in the size that they had."""
        prints = {job.name: job.fingerprint for job in jobs}
        return {
            name: status
            for name, status in self.statuses([*prints]).items()
            if status['state'] == 'finished' and status['fingerprint'] ==
            prints[name] and status['outputs'] == self.sizes(status['outputs'])
        }

    def sizes(self, names: Iterable[str]) -> Dict[str, int]:
        """The sizes in bytes of those files of the folder that exist."""
        found = {}
        for name in names:
            with suppress(FileNotFoundError):
                found[name] = self.files.size(f'{self.root}/{name}')
        return found

    def put(self, folder: Path, paths: Sequence[str]) -> Dict[str, int]:
        """Put files of a folder of this machine there; their sizes."""
        names = [Path(os.path.relpath(p, folder)).as_posix() for p in paths]
        for path, name in zip(paths, names):
            if self.is_remote:
                self.files.put_file(path, f'{self.root}/{name}')
        return self.sizes(names)

    def get(self, jobs: Sequence[Any],
            scratch: str) -> Tuple[List[Path], List[Dict[str, Any]]]:
        """Of videos that have one file each the files, on this machine, and
        the summaries."""
        statuses = self.statuses([job.name for job in jobs])
        paths = []
        for number, status in enumerate(statuses.values()):
            path = f'{self.root}/{"".join(status["outputs"])}'
            if self.is_remote:
                self.files.get_file(path, f'{scratch}/{number}')
                path = f'{scratch}/{number}'
            paths.append(Path(path))
        return paths, [status['summary'] for status in statuses.values()]

    def remove(self) -> None:
        """Remove what this package wrote there."""
        if self.is_remote:
            self.files.rm(self.root, recursive=True)
        else:
            remove_outputs(self.root)

    def tell(self, job: Any, **content: Any) -> Dict[str, Any]:
        """Write a video's status."""
        status = dict(
            name=job.name,
            input=job.input,
            fingerprint=job.fingerprint,
            **content)
        path = self.status(job.name)
        if self.is_remote:
            self.files.pipe_file(path, json.dumps(status, indent=1).encode())
        else:
            write_json(path, status, indent=1)
        return status
