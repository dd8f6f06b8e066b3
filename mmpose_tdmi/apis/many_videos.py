"""Many videos: which there are, inference on each, and what became of it.

Inputs and results are files here, or objects behind addresses of fsspec's
such as ``s3://bucket/videos``. Who does which video is dealt out in
:mod:`.dealing`; the truth is in a file per video beside the results, so that
a video that is done twice does no harm.
"""
import glob
import logging
import mimetypes
import os
import re
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import (Any, Callable, Dict, List, NamedTuple, Optional, Sequence,
                    Set, Tuple, Union)

import av
import torch
from av.stream import Disposition
from mmengine.logging import print_log

from mmpose_tdmi.utils.files import check_outputs
from mmpose_tdmi.video.decoding import (IMAGE_SUFFIXES, VideoSource,
                                        open_video, result_name, video_files)
from mmpose_tdmi.video.results.resume import digest_of, fingerprint, versions
from .dealing import Attempt, MakeRun, Report, Results, file_system, is_remote
from .inferencer import VideoPoseInferencer
from .pieces import Piece, join, split
from .settings import InferenceSettings, ModelSettings

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
    kinds = {f'.{e}': mimetypes.guess_type(f'a.{e}')[0] or '' for e in found}
    return {s for s, kind in kinds.items() if not re.match('audio|text', kind)}


class VideoJob(NamedTuple):
    """What results are called, and the video file or folder of frames."""
    name: str
    input: str  #: A path or an address.
    size: int = 0  #: Bytes, by which it is told what is long.
    #: Of all that the results depend on.
    fingerprint: Optional[str] = None
    #: Of a piece, the whole's name, and its first frame and that after it.
    whole: Optional[str] = None
    span: Tuple[int, Optional[int]] = (0, None)
    parts: Tuple[Any, ...] = ()  #: Pieces that are to be joined, as jobs.


def find_jobs(inputs: Sequence[str]) -> List[VideoJob]:
    """The videos that paths, globs and addresses stand for, each once, largest
    first.

    A folder stands for the videos in it (:func:`is_video`) or, if it has none,
    for one video whose frames it holds; ``**`` in a glob descends. What else
    there is in a folder, or matches a glob, is named in the log; behind an
    address videos are told by their suffixes. A link's own name counts. Of
    several that are called the same, the folder's name comes before,
    ``folder__name``, then the folder's above it.
    """
    found: Dict[str, Path] = {}  # by where links lead
    left_out: Set[Path] = set()
    remote: Dict[Path, Tuple[str, int]] = {}  # addresses and sizes
    for text in inputs:
        if is_remote(text):
            for address, size in _remote_videos(text):
                remote[Path(address)] = address, size
                found[str(Path(address))] = Path(address)
            continue
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
    jobs = []
    for name, path in _name_results([*found.values()]).items():
        size = sum(f.stat().st_size for f in _files(path) if f.is_file())
        jobs.append(VideoJob(name, *remote.get(path, (str(path), size))))
    # the same order on every machine
    return sorted(jobs, key=lambda job: (-job.size, job.name))


def _remote_videos(text: str) -> List[Tuple[str, int]]:
    """The addresses and sizes of the videos behind an address."""
    files, path = file_system(text)
    if files.isdir(path):
        found = files.find(path, maxdepth=1, detail=True)
    elif glob.has_magic(path):
        found = files.glob(path, detail=True)
    else:
        return [(text, files.size(path))]
    videos = [(files.unstrip_protocol(path), info['size'])
              for path, info in found.items() if info['type'] == 'file'
              and os.path.splitext(path)[1].lower() in _video_suffixes()]
    if not videos:
        raise FileNotFoundError(f'{text}: no video there')
    return videos


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


@dataclass(frozen=True)
class VideoWorker:
    """Makes, in each process, what infers on a video: from arguments of
    :class:`VideoPoseInferencer` and of its calls, from the folder of results
    and that of the videos' boxes, <name>.json."""
    models: Dict[str, Any]
    call: Dict[str, Any]
    out_dir: str
    boxes: Optional[Path] = None
    num_threads: int = 1
    redo: bool = False

    def arguments(self, job: VideoJob, out_dir: Any) -> Dict[str, Any]:
        boxes = self.boxes and self.boxes / f'{job.whole or job.name}.json'
        found = dict(self.call, out_dir=out_dir, name=job.name, boxes=boxes)
        if job.whole:
            found.update(formats=('json', ), overlay=False, report=False)
        return found

    def results(self, job: VideoJob) -> Results:
        """The folder of a video's results, or of its pieces'."""
        return Results(f'{self.out_dir}/.{job.whole}.pieces' if job.
                       whole else self.out_dir)

    def __call__(self, device: str) -> Callable[[VideoJob, int], Any]:
        torch.set_num_threads(self.num_threads)
        if device.startswith('cuda'):
            torch.cuda.set_device(device)
        return partial(self.run,
                       VideoPoseInferencer(device=device, **self.models))

    def run(self, inferencer: VideoPoseInferencer, job: VideoJob,
            attempt: int) -> Dict[str, Any]:
        """Do a video, unless another run has done it; its status."""
        results = self.results(job)
        if not self.redo:
            for status in results.finished([job]).values():
                return status
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch if results.is_remote else results.root)
            arguments = self.arguments(job, folder)
            if job.parts:
                summary = join(
                    inferencer, job, arguments,
                    *self.results(job.parts[0]).get(job.parts, scratch))
            else:
                video: Any = job.input
                if job.whole or is_remote(job.input):
                    video = self.open(job, scratch)
                summary = inferencer.run(video, **arguments)[0]
            outputs = results.put(folder, summary.outputs)
        status = results.tell(
            job,
            state='finished',
            attempts=attempt,
            seconds=round(time.monotonic() - started, 3),
            outputs=outputs,
            summary=dict(asdict(summary), outputs=[*outputs]),
            error=None)
        if job.parts:
            self.results(job.parts[0]).remove()
        return status

    def open(self, job: VideoJob, scratch: str) -> VideoSource:
        """A piece of a video, or one that is elsewhere, copied here."""
        path = job.input
        if is_remote(path):
            files, there = file_system(path)
            path = os.path.join(scratch, os.path.basename(there))
            files.get_file(there, path)
        source = open_video(path, self.call.get('fps'),
                            self.call.get('on_corrupt', 'skip'))
        source.input = job.input  # what the results say
        if not job.whole:
            return source
        return Piece(source, *job.span, self.call.get('det_interval', 1))

    def check_outputs(self, jobs: Sequence[VideoJob]) -> None:
        """Refuse results that would be written over what was given, or over
        what is not known as results."""
        results = Results(self.out_dir)
        outputs: List[Any] = []
        inputs = ModelSettings(**self.models).input_files()
        known = results.statuses([job.name for job in jobs])
        for job in jobs:
            settings = InferenceSettings(**self.arguments(job, self.out_dir))
            files = settings.output_settings().files(job.name).values()
            inputs += settings.input_files()
            if not is_remote(job.input):
                inputs += video_files(job.input)
            if not results.is_remote:
                outputs += [*files, results.status(job.name)]
                continue
            names = [os.path.relpath(path, self.out_dir) for path in files]
            for name in () if job.name in known else results.sizes(names):
                raise ValueError(
                    f'{self.out_dir}/{name} is there, but nothing tells that '
                    'mmpose_tdmi wrote it: it is not overwritten')
        check_outputs(outputs, inputs)

    def identify(self, jobs: Sequence[VideoJob]) -> List[VideoJob]:
        """Jobs with fingerprints: of what their results depend on, the run,
        and of what is written."""
        models = ModelSettings(**self.models)
        contents, found = models.contents(), []
        for job in jobs:
            settings = InferenceSettings(**self.arguments(job, self.out_dir))
            run = settings.describe_run(models, contents)
            known: Any = None
            with suppress(OSError):  # its own run tells what is wrong
                if is_remote(job.input):
                    files, path = file_system(job.input)
                    known = [files.ukey(path), run, versions()]
                else:
                    known = fingerprint(job.input, job.name, run)
            written = replace(
                settings.output_settings(),
                lock=True,
                pred_out_dir='predictions',
                vis_out_dir='visualizations')
            found.append(
                job._replace(
                    fingerprint=digest_of([known, asdict(written)])))
        return found


class Progress:
    """How many videos are done, how fast, and the time left by their sizes."""

    def __init__(self, jobs: Sequence[VideoJob]) -> None:
        self._start = time.monotonic()
        self._left = self._size = sum(job.size for job in jobs)
        self._total, self._ended, self._frames = len(jobs), 0, 0

    def add(self, job: VideoJob, num_frames: int) -> str:
        """Take in a video, or a piece of one, that is done with."""
        self._ended += not job.whole
        if not job.parts:
            self._left -= job.size
            self._frames += num_frames
        passed = time.monotonic() - self._start
        left = passed * self._left / max(self._size - self._left, 1)
        return (f'[{self._ended}/{self._total}, '
                f'{self._frames / passed:.1f} frames/s, '
                f'{timedelta(seconds=round(left))} left]')


def infer_videos(jobs: Sequence[VideoJob],
                 worker: VideoWorker,
                 run: Callable[[Sequence[VideoJob], MakeRun, Report], None],
                 split_minutes: Optional[float] = None) -> int:
    """Infer on the videos that are not finished; how many of them fail.
    ``run`` deals them out, such as :func:`.dealing.run_processes`; long ones
    in pieces of ``split_minutes``."""
    results = Results(worker.out_dir)
    jobs = worker.identify(jobs)
    finished = {} if worker.redo else results.finished(jobs)
    left = {job.name: job for job in jobs if job.name not in finished}
    if finished:
        print(f'already finished: {len(finished)}')
    worker.check_outputs([*left.values()])
    tasks: List[VideoJob] = []
    open_pieces: Dict[str, Set[str]] = {}
    for job in left.values():
        pieces = split(job, split_minutes, worker.call)
        tasks += pieces or [job]
        if pieces:
            left[job.name] = job._replace(parts=tuple(pieces))
            open_pieces[job.name] = {piece.name for piece in pieces}
    progress = Progress([*left.values()])
    failed: Set[str] = set()

    def report(attempt: Attempt) -> List[VideoJob]:
        job, status, error = attempt.task, attempt.result, attempt.error
        seconds = time.monotonic() - attempt.started
        if status is None:
            failed_job = left[job.whole or job.name]
            try:
                # another run may have done it meanwhile
                status = results.finished([failed_job]).get(failed_job.name)
                status = status or results.tell(
                    failed_job,
                    state='failed',
                    attempts=attempt.number,
                    seconds=round(seconds, 3),
                    outputs={},
                    summary={},
                    error=error)
            except OSError as full:
                print(
                    f'{job.name}: its status is not written: {full}',
                    file=sys.stderr)
                status = dict(state='failed', summary={})
        summary = status['summary']
        is_finished = status['state'] == 'finished'
        told = (f'{summary["num_frames"]} frames, {summary["num_persons"]} '
                f'poses, {seconds:.1f} s' if is_finished else
                f'failed: {str(error).strip().splitlines()[-1]}')
        tried = '' if attempt.number == 1 else f' (try {attempt.number})'
        where = progress.add(job, summary.get('num_frames', 0))
        print(f'{where} {job.name}: {told}{tried}', flush=True)
        if not is_finished:
            failed.add(job.whole or job.name)
        elif job.whole:
            open_pieces[job.whole].discard(job.name)
            if not open_pieces[job.whole]:
                return [left[job.whole]]
        return []

    run(tasks, worker, report)
    if failed:
        print(
            f'{len(failed)} of {len(left)} videos failed: '
            f'{", ".join(sorted(failed))}; see {worker.out_dir}/status',
            file=sys.stderr)
    return len(failed)
