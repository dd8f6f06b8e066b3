#!/usr/bin/env python
"""Poses of all people along many videos, by several processes or machines.

INPUTS are video files, folders of videos, folders of frames, globs in quotes,
addresses of fsspec's (s3://bucket/videos), and @list.txt with one of these in
each line. On one machine a process per device takes one video after the
other::

    python tools/infer_videos.py videos/ --config CONFIG --checkpoint W.pth \
--det-config DET_CONFIG --det-checkpoint DET_W.pth --out-dir out \
--devices cuda:0 cuda:1
    python tools/infer_videos.py videos/ --pose vitpose-b --out-dir out

Ray deals the videos out on a machine or, started once, on its cluster::

    python tools/infer_videos.py ... --launcher ray --address auto

Without it each rank, or job of an array, takes a share that is fixed::

    srun --ntasks 16 --gres gpu:8 --ntasks-per-node 8 --kill-on-bad-exit=0 \
python tools/infer_videos.py ... --launcher slurm
    sbatch --array 0-15 ...   # --launcher slurm-array
    torchrun --nnodes 2 --nproc_per_node 8 tools/infer_videos.py ... \
--launcher pytorch

A video that is finished with the same model and settings is not done again,
one that was interrupted goes on where it was, and one that fails does not stop
the others. OUT_DIR/status has a file for each. The exit code is 0 if all
videos are finished, 3 if some failed, 1 if nothing could be started.
docs/video_results.md explains everything.
"""
import argparse
import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import List

import torch
import torch.distributed

import mmpose_tdmi  # noqa: F401  lets torch load the Runner's checkpoints
from mmpose_tdmi.apis import find_config
from mmpose_tdmi.apis.dealing import (LAUNCHERS, find_rank, is_remote,
                                      run_processes, run_ray)
from mmpose_tdmi.apis.many_videos import VideoWorker, find_jobs, infer_videos
from mmpose_tdmi.apis.settings import (InferenceSettings, ModelSettings,
                                       add_options, check_people, read_options)
from mmpose_tdmi.tooling import short_errors

SOME_FAILED = 3


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        fromfile_prefix_chars='@')
    parser.convert_arg_line_to_args = lambda line: [line] * bool(line.strip())
    parser.add_argument(
        'inputs', nargs='+', help='videos, folders, globs, addresses, @lists')
    parser.add_argument(
        '--out-dir', required=True, help='a folder, or an address')
    add_options(
        parser,
        ModelSettings,
        InferenceSettings,
        without=('ann_file', 'name', 'resume'),
        boxes=dict(
            metavar='FOLDER',
            help='boxes instead of a detector: <name>.json per video, '
            'COCO-style'))

    work = parser.add_argument_group('work')
    work.add_argument(
        '--devices',
        nargs='+',
        help='a process for each (default: all GPUs, or the CPU; with a '
        "launcher the rank's GPU)")
    work.add_argument(
        '--workers',
        type=int,
        help='processes per device (default 1), or actors of Ray (default: as '
        'many as fit)')
    work.add_argument(
        '--retries',
        type=int,
        default=1,
        help='how often a video that failed is tried again, unless its file '
        'is bad (default 1)')
    work.add_argument('--launcher', choices=list(LAUNCHERS), default='none')
    work.add_argument(
        '--address', help="of Ray's cluster, or auto (default: this machine)")
    work.add_argument(
        '--num-gpus',
        type=float,
        help='GPUs of an actor of Ray, also less than 1 (default: 1 if there '
        'are any)')
    work.add_argument(
        '--num-cpus',
        type=float,
        default=1,
        help='CPUs of an actor of Ray (default 1)')
    work.add_argument(
        '--split-minutes',
        type=float,
        metavar='N',
        help='deal longer videos out in pieces of N minutes')
    work.add_argument(
        '--redo', action='store_true', help='also do finished videos again')
    args = parser.parse_args()
    check_people(parser, args)
    if args.retries < 0 or args.workers is not None and args.workers < 1:
        parser.error('--workers must be at least 1, --retries at least 0')
    if args.split_minutes is not None:
        if not args.split_minutes > 0:
            parser.error('--split-minutes must be above 0')
        if args.draw_heatmap or args.draw_motion or any(
                map(is_remote, args.inputs)):
            parser.error('--split-minutes goes without --draw-heatmap and '
                         '--draw-motion, and for videos on this machine')
    return args


def choose_devices(args: argparse.Namespace, local_rank: int) -> List[str]:
    """The devices of this process's workers, each as often as asked for."""
    devices = args.devices
    if devices is None:
        count = torch.cuda.device_count()
        devices = [f'cuda:{i}' for i in range(count)] or ['cpu']
        if args.launcher != 'none' and count:
            # with one GPU made visible per rank that is the only one
            devices = [devices[local_rank % count]]
    return devices * (args.workers or 1)


def infer(args: argparse.Namespace) -> int:
    """Do this process's share; the exit code."""
    find_config(args.config, 'the config')
    models = ModelSettings(**read_options(args, ModelSettings)).resolved(
        people=not args.boxes)
    out_dir = args.out_dir
    if not is_remote(out_dir):
        out_dir = os.path.abspath(out_dir)
    call = dict(read_options(args, InferenceSettings), resume=True)
    boxes = call.pop('boxes')
    rank, num_ranks, local_rank = find_rank(args.launcher)
    jobs = find_jobs(args.inputs)[rank::num_ranks]
    if args.launcher == 'ray':
        run = partial(run_ray, args.address, args.num_gpus, args.num_cpus,
                      args.workers)
        threads = args.num_cpus
    else:
        devices = choose_devices(args, local_rank)
        run = partial(run_processes, devices)
        threads = (os.cpu_count() or 1) / len(devices)
    worker = VideoWorker(
        vars(models), call, out_dir, boxes and Path(boxes),
        max(1, int(threads)), args.redo)
    # torchrun ends all ranks as soon as one ends with an error code, which
    # would stop their videos: they wait for each other. SLURM does not
    # (--kill-on-bad-exit=0)
    together = args.launcher == 'pytorch' and num_ranks > 1
    if together:
        torch.distributed.init_process_group(
            'gloo', timeout=timedelta(days=30))
    num_failed = infer_videos(jobs, worker, partial(run, args.retries),
                              args.split_minutes)
    if together:
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    return SOME_FAILED if num_failed else 0


@short_errors()
def main() -> None:
    raise SystemExit(infer(parse_args()))


if __name__ == '__main__':
    main()
