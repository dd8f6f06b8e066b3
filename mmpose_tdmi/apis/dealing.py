"""Work dealt out: tasks, each to the next worker that is free, a process of
this machine or an actor of Ray's; or to ranks, each its share; long videos in
pieces; and the folder of results, in which all see what is done.

A worker may die. Then only the task at hand has failed, and another worker
takes its place. What a task is is the caller's: ``make_run`` gives, once in
each worker for its device, what runs a task and the number of the try there.
"""
import json
import logging
import math
import multiprocessing
import os
import sys
import time
import traceback
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import (Any, Callable, Deque, Dict, Iterable, Iterator, List,
                    Mapping, Optional, Sequence, Tuple, Union)

import numpy as np
import torch
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from mmengine.logging import print_log

from mmpose_tdmi.utils.files import remove_outputs, write_json
from mmpose_tdmi.video.decoding import (DecodedFrame, VideoSource, open_video,
                                        read_ahead, result_name)
from mmpose_tdmi.video.results import load_results, open_writers
from mmpose_tdmi.video.results.resume import InUseError
from mmpose_tdmi.video.structures import (Crop, FramePoses, PersonPose,
                                          TrackedBox)
from mmpose_tdmi.video.tracks import box_iou
from .boxes import FileBoxes
from .inferencer import VideoPoseInferencer, VideoSummary
from .settings import InferenceSettings

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
#: How a process ends whose GPU gives nothing but errors from then on.
BROKEN = 70
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
                    if again:
                        running[worker.start()] = Attempt(
                            worker, number=attempt.number + 1)
                    elif running or idle:
                        print_log(
                            f'{worker.name} cannot start: {content}; the '
                            'others go on without it', 'current',
                            logging.WARNING)
                    else:
                        raise ValueError(
                            f'{worker.name} cannot start: {content}')
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
    except RuntimeError:  # so will all further calls
        print(text, file=sys.stderr, flush=True)
        os._exit(BROKEN)
    return 'failed', text


_SPAWN: Any = multiprocessing.get_context('spawn')


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
        self._pipe, other = _SPAWN.Pipe()
        self._process = _SPAWN.Process(
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


#: Frames that a piece sees beyond its ends: trackers remember 30, smoothing
#: settles in 60, crops are renewed after 60, the window reaches a few.
CONTEXT = 120


class Piece(VideoSource):
    """The frames of a video around ``first`` to ``end`` - 1, under their own
    indices, which start at a multiple of ``step`` if ``first`` is one. What is
    before is decoded and dropped: an index is a count."""

    def __init__(self, whole: VideoSource, first: int, end: Optional[int],
                 step: int) -> None:
        super().__init__(whole.name, whole.input, whole.fps, whole.on_corrupt)
        self._whole = whole
        self._range = (first - math.ceil(CONTEXT / step) * step,
                       math.inf if end is None else end + CONTEXT)
        self.frame_step, self.paths = whole.frame_step, whole.paths
        self._length = whole.num_frames
        self._size = whole.size

    @property
    def pixel_aspect(self) -> Fraction:
        return self._whole.pixel_aspect

    def _frames(self) -> Iterator[DecodedFrame]:
        for frame in self._whole:
            self.num_skipped = self._whole.num_skipped
            if frame.index >= self._range[1]:
                return
            if frame.index >= self._range[0]:
                yield frame

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._whole.__exit__(*error)


def split(job: Any, minutes: Optional[float], call: Dict[str, Any]) -> list:
    """A long video's pieces, as jobs; none for a short one, nor one that
    cannot be opened, of which its own run tells."""
    if minutes is None:
        return []
    try:
        with open_video(job.input, call.get('fps')) as source:
            number, rate = source.num_frames or 0, source.fps
    except (OSError, ValueError):
        return []
    # as without pieces, detections are at its multiples
    step = call.get('det_interval', 1)
    length = math.ceil(max(minutes * 60 * rate, CONTEXT) / step) * step
    # none of less than half the length
    starts = list(range(0, number - length // 2, length))
    if len(starts) < 2:
        return []
    return [
        job._replace(
            name=result_name(f'{job.name}~{first}'),
            size=job.size // len(starts),
            fingerprint=f'{job.fingerprint} {first} {end}',
            whole=job.name,
            span=(first, end))
        for first, end in zip(starts, [*starts[1:], None])
    ]


#: A piece's first frame, end and records.
PieceRecords = Tuple[int, Optional[int], Sequence[Dict[str, Any]]]


def stitch(pieces: Iterable[PieceRecords],
           has_ids: bool = False) -> Iterator[Dict[str, Any]]:
    """The records of a whole video from its pieces': who is the same is told
    by the boxes in the frames that two pieces have both seen; others get the
    next ids. With ``has_ids`` all ids are given, and kept."""
    before: Dict[int, List[Dict[str, Any]]] = {}
    next_id = 0
    for first, end, records in pieces:
        ids = _same_persons(before, records)
        before = {}
        for record in records:
            index = record['frame']
            is_within = first <= index and (end is None or index < end)
            for person in record['persons']:
                here = person['track_id']
                if has_ids:
                    ids[here] = here
                if is_within:
                    ids.setdefault(here, next_id if first else here)
                    next_id = max(next_id, ids[here] + 1)
            persons = [
                dict(person, track_id=ids[person['track_id']])
                for person in record['persons'] if person['track_id'] in ids
            ]
            if is_within:
                yield dict(record, persons=persons)
            if end is not None and index >= end - CONTEXT:
                before[index] = persons


def _same_persons(before: Dict[int, List[Dict[str, Any]]],
                  records: Sequence[Dict[str, Any]]) -> Dict[int, int]:
    """Ids of the last piece by those of this one."""
    overlaps: Dict[Tuple[int, int], List[float]] = {}
    for record in records:
        there, here = before.get(record['frame'], []), record['persons']
        if there and here:
            found = box_iou(*(_corners(persons) for persons in (here, there)))
            for (i, j), overlap in np.ndenumerate(found):
                overlaps.setdefault(
                    (here[i]['track_id'], there[j]['track_id']),
                    []).append(overlap)
    # those first that agree best, for longest
    ids: Dict[int, int] = {}
    for pair in sorted(overlaps, key=lambda pair: -sum(overlaps[pair])):
        if np.mean(overlaps[pair]) >= .5 and pair[0] not in ids \
                and pair[1] not in ids.values():
            ids[pair[0]] = pair[1]
    return ids


def _corners(persons: Sequence[Dict[str, Any]]) -> np.ndarray:
    boxes = np.array([p['bbox'] for p in persons], float).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def join(inferencer: VideoPoseInferencer, job: Any, call: Dict[str, Any],
         files: Sequence[Path],
         summaries: Sequence[Dict[str, Any]]) -> VideoSummary:
    """Write the results of a video from those of its pieces, files."""
    settings = InferenceSettings(**call)
    outputs = settings.output_settings()
    contents = (load_results(path)['frames'] for path in files)
    spans = (piece.span for piece in job.parts)
    with ExitStack() as stack:
        source = stack.enter_context(
            open_video(job.input, settings.fps, settings.on_corrupt))
        summary = VideoSummary(
            job.name,
            source.input,
            num_skipped=summaries[-1]['num_skipped'],
            num_detector_failures=sum(s['num_detector_failures']
                                      for s in summaries))
        estimator = settings.build_estimator(inferencer.model)
        writer = stack.enter_context(
            open_writers(
                inferencer.describe(job.name, source, estimator, settings),
                outputs))
        frames: Optional[Iterator[DecodedFrame]] = None
        if {'overlay', 'report'}.intersection(outputs.files('')):
            frames = iter(stack.enter_context(read_ahead(source)))
        # boxes of many videos are files
        has_ids = isinstance(settings.boxes, (str, Path)) and FileBoxes(
            settings.boxes, source, settings.bbox_thr).is_tracked
        for record in stitch(
            ((*span, found) for span, found in zip(spans, contents)), has_ids):
            width, height = record.get('size', source.size)
            image = np.broadcast_to(np.uint8(0), (height, width, 3))
            if frames is not None:
                image = next(frames).image
            persons = [
                PersonPose(
                    TrackedBox(person['track_id'], tuple(box),
                               person['bbox_score'], person['source']),
                    np.array(person['keypoints']),
                    np.array(person['keypoint_scores']), Crop((0, 0), (1, 1)))
                for person, box in zip(record['persons'],
                                       _corners(record['persons']).tolist())
            ]
            writer.write(
                FramePoses(record['frame'], record['timestamp'], image,
                           persons, None, record.get('file_name')),
                record.get('image_id'))
            summary.num_frames += 1
            summary.num_persons += len(persons)
    summary.outputs = [str(path) for path in writer.outputs]
    return summary
