"""Many videos: processes that take one after the other, ranks that share.

On one machine each device has processes of its own; over machines the rank
that torchrun or SLURM gives deals the videos out, and nothing is exchanged.
What became of each video is in a file per video beside the results.
"""
import glob
import json
import logging
import mimetypes
import multiprocessing
import os
import re
import sys
import time
import traceback
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import (Any, Callable, Deque, Dict, Iterable, List, Mapping,
                    NamedTuple, Optional, Sequence, Set, Tuple, Union)

import av
import torch
from av.stream import Disposition
from mmengine.logging import print_log

from mmpose_tdmi.utils.files import check_outputs, write_json
from mmpose_tdmi.video.decoding import IMAGE_SUFFIXES, result_name, video_files
from mmpose_tdmi.video.results.resume import digest_of, fingerprint
from .inferencer import VideoPoseInferencer
from .settings import InferenceSettings, ModelSettings

#: What may have started the process, called as in MMEngine's and mim's
#: ``--launcher``, and its variables: rank, number of ranks, rank on the node.
LAUNCHERS = dict(
    none=(),
    pytorch=('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'))
#: Errors that another try would meet again: the input or an argument is bad.
LASTING_ERRORS = (ValueError, FileNotFoundError, IsADirectoryError,
                  NotADirectoryError, PermissionError)
#: Codecs of texts and pictures of letters, which FFmpeg opens as videos.
_TEXT_ART = ('ansi', 'bintext', 'xbin', 'idf')
#: How many of the files that are left out are named in the log.
_MAX_NAMED = 20


def is_video(path: Union[str, Path]) -> bool:
    """Whether a file is a video, as FFmpeg finds by its content.

    Pictures, the cover of a piece of music among them, and texts are none. A
    file that FFmpeg cannot open is one if its suffix is a video's, and one
    that cannot be read if its suffix is no image's: its error comes when it
    is read.
    """
    path = Path(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return False
    if not path.is_file():
        return path.is_symlink() and not path.exists()
    try:
        # a playlist of a folder must not reach into the network
        with av.open(
                str(path),
                options=dict(protocol_whitelist='file')) as container:
            return not re.search('_pipe$|^image2$', container.format.name) \
                and any(stream.codec_context is None
                        or stream.codec_context.name not in _TEXT_ART
                        and not stream.disposition & Disposition.attached_pic
                        for stream in container.streams.video)
    except PermissionError:
        return True
    except av.FFmpegError:
        return path.suffix.lower() in _video_suffixes()


@lru_cache(maxsize=None)
def _video_suffixes() -> Set[str]:
    """Those of the formats that FFmpeg writes, but of sound, texts, lists."""
    found: Set[str] = set()
    for name in av.formats_available - {'hls', 'dash'}:
        with suppress(ValueError):  # it only reads this one
            found |= av.format.ContainerFormat(name, 'w').extensions
    suffixes = {f'.{suffix}' for suffix in found}
    return {
        suffix
        for suffix in suffixes
        if not re.match('audio|text',
                        mimetypes.guess_type(f'a{suffix}')[0] or '')
    }


class VideoJob(NamedTuple):
    """What results are called, and the video file or folder of frames."""
    name: str
    input: str


def find_jobs(inputs: Sequence[str]) -> List[VideoJob]:
    """The videos that paths and globs stand for, each once, largest first.

    A folder stands for the videos in it (:func:`is_video`) or, if it has none,
    for one video whose frames it holds; ``**`` in a glob descends. What else
    there is in a folder, or matches a glob, is named in the log. A link's own
    name counts. Of several that are called the same, the folder's name comes
    before, ``folder__name``, then the folder's above it.
    """
    found: Dict[str, Path] = {}  # by where links lead
    left_out: Set[Path] = set()
    for text in inputs:
        is_named = os.path.lexists(text)
        matches = [text] if is_named else glob.glob(text, recursive=True)
        if not matches:
            raise FileNotFoundError(f'{text}: no such file or folder, and no '
                                    'file that it matches')
        paths = sorted({Path(os.path.abspath(path)) for path in matches})
        folders = {path for path in paths if path.is_dir()}
        for path in paths:
            files = _files(path)
            videos = list(filter(is_video, files))
            if not videos and (
                    is_named or any(map(_is_image, files)) and
                (path in folders or path.parent not in folders)):
                videos = [path]  # of frames, if it is a folder
            if videos != [path] or path not in folders:
                left_out.update(set(files).difference(videos))
            for video in videos:
                found.setdefault(os.path.realpath(video), video)
    left_out.difference_update(found.values())
    if left_out:
        texts = [
            str(path).encode(errors='backslashreplace').decode()
            for path in sorted(left_out)
        ]
        print_log(
            f'{len(texts)} files are left out, as no videos: '
            f'{", ".join(texts[:_MAX_NAMED])}'
            f'{", ..." if len(texts) > _MAX_NAMED else ""}', 'current',
            logging.INFO)
    if not found:
        raise FileNotFoundError(f'{", ".join(inputs)}: no video there')
    named = _name_results(list(found.values()))
    sizes = {
        name: sum(file.stat().st_size for file in _files(path)
                  if file.is_file())
        for name, path in named.items()
    }
    # the same order on every machine
    return [
        VideoJob(name, str(named[name]))
        for name in sorted(named, key=lambda name: (-sizes[name], name))
    ]


def _files(path: Path) -> List[Path]:
    """A file, or those of a folder that are not hidden; none of a folder that
    cannot be listed, of which its own run tells."""
    if not path.is_dir():
        return [path]
    with suppress(PermissionError):
        return sorted(entry for entry in path.iterdir()
                      if not (entry.is_dir() or entry.name.startswith('.')))
    return []


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _name_results(videos: Sequence[Path]) -> Dict[str, Path]:
    """Names for the results of videos, all different."""
    depths = dict.fromkeys(videos, 0)
    while True:
        named: Dict[str, List[Path]] = {}
        for video, depth in depths.items():
            name = video.name if video.is_dir() else video.stem
            folders = video.parent.parts[1:]
            parts = folders[max(len(folders) - depth, 0):] + (name, )
            named.setdefault(result_name('__'.join(parts)), []).append(video)
        same = {name: group for name, group in named.items() if group[1:]}
        if not same:
            return {name: video for name, (video, ) in named.items()}
        for name, (first, *others) in same.items():
            second = next((v for v in others if v.parent == first.parent),
                          others[0])
            depth = depths[first]
            if depth and (second.parent == first.parent
                          or depth > len(first.parts)):
                raise ValueError(
                    f'the results of {first} and {second} would both be '
                    f'called {name!r}; run them into different folders')
            depths.update((video, depths[video] + 1) for video in same[name])


def find_rank(
        launcher: str,
        environment: Mapping[str, str] = os.environ) -> Tuple[int, int, int]:
    """A launcher's rank, the number of ranks, and the rank on the node."""
    names = LAUNCHERS[launcher]
    missing = [name for name in names if name not in environment]
    if missing:
        starter = 'torchrun' if launcher == 'pytorch' else 'srun'
        raise ValueError(f'launcher {launcher!r}: the variables {missing} are '
                         f'not set; was this started by {starter}?')
    rank, size, local = [int(environment[n]) for n in names] or (0, 1, 0)
    if not 0 <= rank < size:
        raise ValueError(f'rank {rank} of {size}: expected 0 <= rank < number '
                         'of ranks')
    return rank, size, local


@dataclass
class Attempt:
    """A try at a task in a process, and what came of it at last."""
    process: Any
    device: str
    task: Any = None
    number: int = 0  # 0: the process is starting
    started: float = 0.
    result: Any = None
    error: Optional[str] = None


def run_pool(tasks: Sequence[Any],
             make_run: Callable[[str], Callable],
             devices: Sequence[str],
             retries: int = 1,
             report: Callable[[Attempt], None] = lambda attempt: None,
             start_method: str = 'spawn') -> None:
    """Run tasks in processes, one per device, which may die.

    Unlike with ``concurrent.futures``, when a process is killed only the task
    at hand has failed, and another process takes its place. A task that
    failed is tried again after the others, unless its error is one of
    :data:`LASTING_ERRORS`. ``make_run`` gives what runs a task, once in each
    process; ``report`` gets the last try at each task.
    """
    context: Any = multiprocessing.get_context(start_method)
    waiting: Deque[Tuple[Any, int]] = deque((task, 1) for task in tasks)
    running: Dict[Any, Attempt] = {}

    def start(device: str) -> None:
        connection, other = context.Pipe()
        process = context.Process(
            target=_work, args=(other, make_run, device), daemon=True)
        process.start()
        other.close()  # so that it is seen if the process has gone
        running[connection] = Attempt(process, device)

    try:
        for device in devices[:len(tasks)]:
            start(device)
        while running:
            ready: List[Any] = wait(list(running))
            for connection in ready:
                attempt = running.pop(connection)
                try:
                    kind, content = connection.recv()
                except (EOFError, OSError):
                    kind, content = 'died', _ending(attempt.process)
                if not attempt.number:
                    if kind != 'done':
                        raise ValueError(f'a process for {attempt.device} '
                                         f'cannot start: {content}')
                elif kind in ('died', 'failed') and attempt.number <= retries:
                    waiting.append((attempt.task, attempt.number + 1))
                else:
                    key = 'result' if kind == 'done' else 'error'
                    setattr(attempt, key, content)
                    report(attempt)
                if kind == 'died' and waiting:
                    start(attempt.device)
                elif kind != 'died' and waiting:
                    running[connection] = Attempt(attempt.process,
                                                  attempt.device,
                                                  *waiting.popleft(),
                                                  time.monotonic())
                    try:
                        connection.send((running[connection].task, ))
                    except OSError:
                        pass  # it has died, which is seen at its answer
                else:
                    _stop(connection, attempt.process)
    finally:
        for connection, attempt in running.items():
            _stop(connection, attempt.process)


def _ending(process: Any) -> str:
    process.join()
    code = process.exitcode
    return (f'its process was killed by signal {-code}'
            if code < 0 else f'its process ended with code {code}')


def _stop(connection: Connection, process: Any) -> None:
    try:
        connection.send(None)
    except OSError:
        pass  # it has ended by itself
    connection.close()
    process.join(10)
    process.terminate()
    process.join()


def _work(connection: Connection, make_run: Callable[[str], Callable],
          device: str) -> None:
    """What a process does: answers the pipe until its other end closes."""
    run: Any = None
    answer: Tuple[str, Any]
    task: Any = device
    try:
        while True:
            try:
                if run is None:
                    run, answer = make_run(task), ('done', None)
                else:
                    answer = 'done', run(task)
            except LASTING_ERRORS as error:
                answer = 'bad', f'{type(error).__name__}: {error}'
            except Exception:  # whatever it is, the next task can do without
                answer = 'failed', traceback.format_exc(limit=-4)
            connection.send(answer)
            message = connection.recv()
            if message is None:
                return
            task, = message
    except (EOFError, BrokenPipeError):
        return


@dataclass(frozen=True)
class VideoWorker:
    """Makes, in each process, what infers on a video: from arguments of
    :class:`VideoPoseInferencer` and of its calls, and from the folder of the
    videos' boxes, <name>.json."""
    models: Dict[str, Any]
    call: Dict[str, Any]
    boxes: Optional[Path]
    num_threads: int

    def arguments(self, job: VideoJob) -> Dict[str, Any]:
        boxes = None if self.boxes is None else self.boxes / f'{job.name}.json'
        return dict(self.call, name=job.name, boxes=boxes)

    def __call__(self, device: str) -> Callable[[VideoJob], Dict[str, Any]]:
        torch.set_num_threads(self.num_threads)
        inferencer = VideoPoseInferencer(device=device, **self.models)
        return lambda job: asdict(
            inferencer.run(job.input, **self.arguments(job))[0])

    def check_outputs(self, jobs: Sequence[VideoJob],
                      others: Iterable[Path]) -> None:
        """Refuse results, and other files, that would be written over what
        was given."""
        outputs, inputs = list(others), ModelSettings(
            **self.models).input_files()
        for job in jobs:
            settings = InferenceSettings(**self.arguments(job))
            outputs += settings.output_settings().files(job.name).values()
            inputs += [*settings.input_files(), *video_files(job.input)]
        check_outputs(outputs, inputs)

    def fingerprints(self, jobs: Sequence[VideoJob]) -> Dict[str, str]:
        """What videos' results depend on: the run, and what is written."""
        models = ModelSettings(**self.models)
        contents, found = models.contents(), {}
        for job in jobs:
            settings = InferenceSettings(**self.arguments(job))
            run = settings.describe_run(models, contents)
            try:
                known = fingerprint(job.input, job.name, run)
            except OSError:  # its own run tells what is wrong
                known = None
            written = replace(settings.output_settings(), lock=True)
            found[job.name] = digest_of([known, asdict(written)])
        return found


def infer_videos(jobs: Sequence[VideoJob],
                 worker: VideoWorker,
                 devices: Sequence[str],
                 folder: Path,
                 retries: int = 1,
                 redo: bool = False) -> int:
    """Infer on the videos that are not finished; how many of them fail.
    ``folder`` gets a status for each, ``<name>.json``."""
    prints = worker.fingerprints(jobs)
    status = {job.name: folder / f'{job.name}.json' for job in jobs}
    left = [
        job for job in jobs
        if redo or not is_finished(status[job.name], prints[job.name])
    ]
    if len(left) < len(jobs):
        print(f'already finished: {len(jobs) - len(left)}')
    worker.check_outputs(left, [status[job.name] for job in left])
    ended: Dict[str, bool] = {}

    def report(attempt: Attempt) -> None:
        job, summary, error = attempt.task, attempt.result or {}, attempt.error
        seconds = time.monotonic() - attempt.started
        ended[job.name] = error is None
        write_json(
            status[job.name],
            dict(
                **job._asdict(),
                fingerprint=prints[job.name],
                state='finished' if error is None else 'failed',
                attempts=attempt.number,
                seconds=round(seconds, 3),
                outputs=_sizes(summary.get('outputs', [])),
                summary=summary,
                error=error),
            indent=1)
        told = (f'{summary["num_frames"]} frames, {summary["num_persons"]} '
                f'poses, {seconds:.1f} s' if error is None else
                f'failed: {error.strip().splitlines()[-1]}')
        tried = '' if attempt.number == 1 else f' (try {attempt.number})'
        print(
            f'[{len(ended)}/{len(left)}] {job.name}: {told}{tried}',
            flush=True)

    run_pool(left, worker, devices, retries, report)
    failed = sorted(name for name, is_good in ended.items() if not is_good)
    if failed:
        print(
            f'{len(failed)} of {len(left)} videos failed: '
            f'{", ".join(failed)}; see {folder}',
            file=sys.stderr)
    return len(failed)


def is_finished(path: Path, now: str) -> bool:
    """Whether a status says that results are those of a fingerprint, and
    their files are there in the size that they had."""
    if not path.is_file():
        return False
    try:
        status = json.loads(path.read_text(encoding='utf-8'))
        return (status['state'] == 'finished' and status['fingerprint'] == now
                and status['outputs'] == _sizes(status['outputs']))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f'{path} is no status of a video ({error!r}); '
                         'remove it to have the video done') from error


def _sizes(paths: Iterable[str]) -> Dict[str, int]:
    """The sizes in bytes of those files that exist."""
    return {p: os.path.getsize(p) for p in paths if os.path.isfile(p)}
