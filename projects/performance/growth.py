#!/usr/bin/env python
"""How time and memory grow: people, frames, resolution.

Streaming along videos of noise with people who keep still, random weights;
each table varies one thing. Times are medians of repetitions in turn, of the
estimator alone (frames are there). Memory is the peak of a process of its own
that makes the video's frames as it goes::

    python projects/performance/growth.py --model w32 --input 96 128
"""
import argparse
import json
import subprocess
import sys
from functools import partial
from typing import Callable, Dict, List, Optional, Tuple

import torch
from mmengine.registry import DefaultScope
from torch import nn

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.video import StreamingPoseEstimator
from projects.performance.machine import describe_machine, peak_memory
from projects.performance.models import (MODEL_CONFIGS, build_random_model,
                                         resize_input, tdmi_config)
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.performance.still_video import still_video
from projects.performance.timing import (add_clock_argument, chosen_clock,
                                         clock_name, median_times)

Size = Tuple[int, int]

FRAME_SIZES: List[Size] = [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)]


def build(args: argparse.Namespace, size: Size) -> nn.Module:
    config = tdmi_config(args.model)
    resize_input(config, size)
    config.model.test_cfg.flip_test = False
    return build_random_model(config, args.device)


def run(model: nn.Module, frames: int, persons: int, size: Size) -> None:
    estimator = StreamingPoseEstimator(model)
    for _ in estimator.iterate_poses(still_video(frames, persons, size)):
        pass


def make_only(frames: int, persons: int, size: Size) -> None:
    for _ in still_video(frames, persons, size):
        pass


def timed(args: argparse.Namespace,
          cases: Dict[str, Tuple[nn.Module, int, int, Size]]) -> List[list]:
    """Milliseconds per person-frame and frame, first ones the measure."""
    runs: Dict[str, Callable[[], None]] = {}
    for name, case in cases.items():
        runs[name] = partial(run, *case)
        # what it takes to make the frames is taken off
        runs[f'{name} frames'] = partial(make_only, *case[1:])
    times = median_times(runs, args.repeats, clock=chosen_clock(args))
    rows = []
    for name, (_, frames, persons, _) in cases.items():
        spent = times[name] - times[f'{name} frames']
        rows.append(
            [name, 1000 * spent / (frames * persons), 1000 * spent / frames])
    first = rows[0]
    return [[name, own / first[1], whole / first[2], own]
            for name, own, whole in rows]


def peak_of(frames: int, argv: List[str]) -> int:
    """Peak memory in bytes of a process that runs along so many frames."""
    done = subprocess.run([
        sys.executable, '-W', 'ignore', __file__, *argv, '--measure',
        str(frames)
    ],
                          stdout=subprocess.PIPE,
                          text=True,
                          check=True)
    return json.loads(done.stdout.splitlines()[-1])['peak']


def report(args: argparse.Namespace, argv: List[str]) -> Report:
    """All tables."""
    model = build(args, args.input)
    frame = tuple(args.frame_size)
    header = ['', 'a person-frame', 'a frame', 'ms a person-frame']
    people = {f'{n}': (model, args.frames, n, frame) for n in args.people}
    lengths = {f'{n}': (model, n, 1, frame) for n in args.lengths}
    frame_sizes = {
        f'{w}x{h}': (model, args.frames, 2, (w, h))
        for w, h in FRAME_SIZES[:2 if args.quick else None]
    }
    inputs = {
        f'{h}x{w}': (build(args, (w, h)), args.frames, 2, frame)
        for h, w in ((128, 96), (256, 192), (384, 288))
        if h <= args.largest_input
    }
    varied = {
        'persons in a frame': people,
        'frames, one person': lengths,
        'frame size': frame_sizes,
        'input': inputs
    }
    tables = [
        Table([name, *header[1:]], timed(args, cases),
              f'Time over the first row\'s, by {name}')
        for name, cases in varied.items()
    ]
    peaks = {n: peak_of(n, argv) for n in args.memory_lengths}
    first = next(iter(peaks.values()))
    tables.append(
        Table(['frames', 'peak over the first row\'s', 'peak, MB'],
              [[n, peak / first, peak / 1e6] for n, peak in peaks.items()],
              'Memory by the video\'s length, one person'))
    width, height = args.input
    return Report(
        f'{args.model}, input {height}x{width}, frames of '
        f'{frame[0]}x{frame[1]}, {args.frames} frames of two people unless '
        f'said otherwise, no flip test, {args.device}, '
        f'{torch.get_num_threads()} thread(s), medians of {args.repeats} '
        f'repetition(s) in turn, {clock_name(args)}.', tables,
        {'memory ratio': list(peaks.values())[-1] / first})


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--model', choices=MODEL_CONFIGS, default='w32')
    parser.add_argument(
        '--input',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        default=[96, 128])
    parser.add_argument(
        '--frame-size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        default=[1280, 720])
    parser.add_argument(
        '--people', type=int, nargs='+', default=[1, 3, 5, 10, 20])
    parser.add_argument('--lengths', type=int, nargs='+', default=[8, 16, 32])
    parser.add_argument(
        '--memory-lengths', type=int, nargs='+', default=[50, 100, 400])
    parser.add_argument('--frames', type=int, default=6)
    parser.add_argument(
        '--largest-input',
        type=int,
        default=384,
        help='height of the largest input (default 384)')
    parser.add_argument('--repeats', type=int, default=2)
    parser.add_argument('--device', default='cpu')
    add_clock_argument(parser)
    parser.add_argument(
        '--quick', action='store_true', help='little: whether it runs')
    parser.add_argument('--measure', type=int, help=argparse.SUPPRESS)
    add_out_argument(parser)
    args = parser.parse_args(args)
    if args.quick:
        args.people, args.lengths = [1, 2], [4, 8]
        args.memory_lengths = [6, 12]
        args.input, args.largest_input = [64, 96], 128
        args.frames, args.repeats = 4, 1
    return args


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    machine = describe_machine(args.device)
    with DefaultScope.overwrite_default_scope('mmpose'):
        if args.measure:
            run(
                build(args, args.input), args.measure, 1,
                tuple(args.frame_size))
            print(json.dumps(dict(peak=peak_memory())))
            return
        found = report(args, argv)
    publish(found, args.out, argv, machine)


if __name__ == '__main__':
    main()
