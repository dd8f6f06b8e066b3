#!/usr/bin/env python
"""Poses of all people along many videos, by several processes or machines.

INPUTS are video files, folders of videos, folders of frames and globs in
quotes. On one machine a process per device takes one video after the other::

    python tools/infer_videos.py videos/ --config CONFIG --checkpoint W.pth \
--det-config DET_CONFIG --det-checkpoint DET_W.pth --out-dir out \
--devices cuda:0 cuda:1

Over machines that share the folders, each rank takes its share::

    srun --ntasks 16 --gres gpu:8 --ntasks-per-node 8 --kill-on-bad-exit=0 \
python tools/infer_videos.py ... --launcher slurm
    torchrun --nnodes 2 --nproc_per_node 8 tools/infer_videos.py ... \
--launcher pytorch

A video that is finished with the same model and settings is not done again,
one that was interrupted goes on where it was, and one that fails does not stop
the others. OUT_DIR/status has a file for each. The exit code is 0 if all
videos are finished, 3 if some failed, 1 if nothing could be started.
docs/video_results.md explains everything.
"""
import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import torch

import mmpose_tdmi  # noqa: F401  lets torch load the Runner's checkpoints
from mmpose_tdmi.apis import VideoPoseInferencer, find_config, require_file
from mmpose_tdmi.apis.settings import (add_output_options, add_people_options,
                                       add_pose_options, call_arguments,
                                       check_people, model_arguments)
from mmpose_tdmi.version import __version__
from mmpose_tdmi.video.results.meta import (digest_of, identify_config,
                                            identify_input, identify_weights)
from mmpose_tdmi.video.sharding import (LAUNCHERS, Companions, JobStatus,
                                        Outcome, Rank, StatusFolder, VideoJob,
                                        deal_out, file_sizes, find_jobs,
                                        find_rank, run_pool)

SOME_FAILED = 3


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('inputs', nargs='+', help='videos, folders or globs')
    parser.add_argument('--config', required=True, help='of the pose model')
    parser.add_argument('--checkpoint', required=True, help='its weights')
    parser.add_argument('--out-dir', type=Path, required=True)

    people = add_people_options(parser)
    people.add_argument(
        '--boxes',
        type=Path,
        metavar='FOLDER',
        help="boxes instead of a detector: <name>.json per video, COCO-style")
    add_pose_options(parser)
    add_output_options(parser)

    work = parser.add_argument_group('work')
    work.add_argument(
        '--devices',
        nargs='+',
        help='a process for each (default: all GPUs, or the CPU; with a '
        "launcher the rank's GPU)")
    work.add_argument(
        '--workers',
        type=int,
        default=1,
        help='processes per device (default 1)')
    work.add_argument(
        '--retries',
        type=int,
        default=1,
        help='how often a video that failed is tried again, unless its file '
        'is bad (default 1)')
    work.add_argument('--launcher', choices=list(LAUNCHERS), default='none')
    work.add_argument(
        '--redo', action='store_true', help='also do finished videos again')
    args = parser.parse_args()
    check_people(parser, args)
    if args.workers < 1 or args.retries < 0:
        parser.error('--workers must be at least 1, --retries at least 0')
    return args


@dataclasses.dataclass(frozen=True)
class InferVideo:
    """Makes, in each process, what infers on a video.

    Args:
        init (dict): Arguments of :class:`VideoPoseInferencer`.
        call (dict): Arguments of its calls.
        boxes (Path, optional): Folder of the videos' boxes.
        num_threads (int): Threads of a process on a CPU.
    """
    init: Dict[str, Any]
    call: Dict[str, Any]
    boxes: Optional[Path]
    num_threads: int

    def __call__(self, device: str) -> Callable[[VideoJob], Dict[str, Any]]:
        torch.set_num_threads(self.num_threads)
        inferencer = VideoPoseInferencer(device=device, **self.init)

        def run(job: VideoJob) -> Dict[str, Any]:
            call = dict(self.call)
            if self.boxes is not None:
                call['boxes'] = self.boxes / f'{job.name}.json'
            inferencer.run(job.input, name=job.name, **call)
            return dataclasses.asdict(inferencer.summary)

        return run


def choose_devices(args: argparse.Namespace, rank: Rank) -> List[str]:
    """The devices of this process's workers, each as often as asked for."""
    devices = args.devices
    if devices is None:
        count = torch.cuda.device_count()
        devices = [f'cuda:{i}' for i in range(count)] or ['cpu']
        if args.launcher != 'none' and count:
            # with one GPU made visible per rank that is the only one
            devices = [devices[rank.local_rank % count]]
    return devices * args.workers


def make_worker(args: argparse.Namespace, num_workers: int) -> InferVideo:
    return InferVideo(
        init=model_arguments(args),
        call=dict(call_arguments(args), out_dir=args.out_dir, resume=True),
        boxes=args.boxes,
        num_threads=max(1, (os.cpu_count() or 1) // num_workers))


def fingerprint(job: VideoJob, worker: InferVideo) -> str:
    """What a video's results depend on."""
    init = worker.init
    boxes = None
    if worker.boxes is not None:
        boxes = identify_input(str(worker.boxes / f'{job.name}.json'))
    return digest_of(
        dict(
            input=identify_input(job.input),
            boxes=boxes,
            config=[init['pose2d'],
                    identify_config(init['pose2d'])],
            weights=identify_weights(init['pose2d_weights']),
            detector=None if init['det_model'] is None else [
                init['det_model'],
                identify_config(init['det_model']),
                identify_weights(init['det_weights']), init['det_cat_ids']
            ],
            call=worker.call,
            version=__version__))


class Progress:
    """Stores each outcome and prints a line about it.

    Args:
        folder (StatusFolder): Where statuses go.
        fingerprints (dict[str, str]): Of the videos, by name.
    """

    def __init__(self, folder: StatusFolder, fingerprints: Dict[str,
                                                                str]) -> None:
        self.folder = folder
        self.fingerprints = fingerprints
        self.count = 0

    def __call__(self, outcome: Outcome) -> None:
        job, summary = outcome.task, outcome.result or {}
        failed = outcome.error is not None
        self.folder.write(
            JobStatus(
                name=job.name,
                input=job.input,
                fingerprint=self.fingerprints[job.name],
                state='failed' if failed else 'finished',
                attempts=outcome.attempts,
                seconds=round(outcome.seconds, 3),
                outputs=file_sizes(summary.get('outputs', [])),
                summary=summary,
                error=outcome.error))
        self.count += 1
        if failed:
            told = f'failed: {outcome.error.strip().splitlines()[-1]}'
        else:
            told = (f'{summary["num_frames"]} frames, '
                    f'{summary["num_persons"]} poses, '
                    f'{outcome.seconds:.1f} s')
        print(
            f'[{self.count}/{len(self.fingerprints)}] {job.name}: {told}'
            f'{"" if outcome.attempts == 1 else f" (try {outcome.attempts})"}',
            flush=True)


def infer(args: argparse.Namespace) -> int:
    """Do this process's share; the exit code."""
    find_config(args.config, 'the config')
    require_file(args.checkpoint, 'the checkpoint')
    rank = find_rank(args.launcher)
    jobs = deal_out(find_jobs(args.inputs), rank)
    devices = choose_devices(args, rank)
    worker = make_worker(args, len(devices))
    folder = StatusFolder(args.out_dir / 'status')
    fingerprints = {job.name: fingerprint(job, worker) for job in jobs}
    if not args.redo:
        skipped = [
            job for job in jobs
            if folder.is_finished(job.name, fingerprints[job.name])
        ]
        jobs = [job for job in jobs if job not in skipped]
        if skipped:
            print(f'already finished: {len(skipped)}')
    fingerprints = {job.name: fingerprints[job.name] for job in jobs}
    with Companions(args.launcher, rank):
        outcomes = run_pool(jobs, worker, devices, args.retries,
                            Progress(folder, fingerprints))
    failed = sorted(o.task.name for o in outcomes if o.error is not None)
    if failed:
        print(
            f'{len(failed)} of {len(outcomes)} videos failed: '
            f'{", ".join(failed)}; see {folder.path}',
            file=sys.stderr)
    return SOME_FAILED if failed else 0


def main() -> None:
    args = parse_args()
    try:
        code = infer(args)
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    raise SystemExit(code)


if __name__ == '__main__':
    main()
