#!/usr/bin/env python
"""Streaming in PyTorch and on graphs, beside MMPose's single frame.

Each model's person-frames by the host's single-frame model in PyTorch, by
streaming TDMI in PyTorch, and by the same on graphs in ONNX Runtime
(``backend='onnxruntime'``), as ``VideoPoseInferencer`` runs them; flip test on
all sides, random weights, one person who keeps still. Medians of repetitions
in turn::

    python projects/performance/backends.py --cpu-time
    python projects/performance/backends.py --quick

Shape shorthand: none.
"""
import argparse
import sys
from typing import Dict, List, Optional, Tuple

import torch
from mmengine.registry import DefaultScope, init_default_scope

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.models.cost import fold_batch_norms
from mmpose_tdmi.video import StreamingPoseEstimator
from projects.performance.machine import describe_machine
from projects.performance.models import (MODEL_CONFIGS, build_random_model,
                                         resize_input, single_frame_config,
                                         tdmi_config)
from projects.performance.person_frame_cost import (QUICK_SIZE, SingleFrame,
                                                    run_all, window_share)
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.performance.still_video import still_video
from projects.performance.timing import (add_clock_argument, chosen_clock,
                                         clock_name, median_times)

BACKENDS = dict(pytorch='PyTorch', onnxruntime='ONNX Runtime')


def measure(name: str, args: argparse.Namespace) -> Tuple[list, list]:
    """A row of ratios and one of times, for one model."""
    configs = dict(single=single_frame_config(name), tdmi=tdmi_config(name))
    models = {}
    for which, config in configs.items():
        if args.size:
            resize_input(config, args.size)
        config.model.test_cfg.flip_test = True
        models[which] = build_random_model(config)
    width, height = configs['tdmi'].model.head.decoder.input_size
    fold_batch_norms(models['tdmi'], (height, width))
    estimators = {
        backend: StreamingPoseEstimator(models['tdmi'], backend=backend)
        for backend in BACKENDS
    }
    frames = list(still_video(args.frames, 1))
    clock = chosen_clock(args)
    single = SingleFrame(models['single'], 4)
    times = median_times(
        {
            'single': lambda: single(frames),
            **{
                backend: lambda e=e: run_all(e, frames)
                for backend, e in estimators.items()
            }
        },
        args.repeats,
        clock=clock)
    ratios = [times[backend] / times['single'] for backend in BACKENDS]
    shares = [window_share(e, frames, clock) for e in estimators.values()]
    return ([
        name, f'{height}x{width}', *ratios,
        times['onnxruntime'] / times['pytorch'], *shares
    ], [name, *(1000 * t / args.frames for t in times.values())])


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        '--models',
        nargs='+',
        choices=MODEL_CONFIGS,
        default=list(MODEL_CONFIGS))
    parser.add_argument('--frames', type=int, default=4)
    parser.add_argument('--repeats', type=int, default=5)
    add_clock_argument(parser)
    parser.add_argument(
        '--quick',
        action='store_true',
        help=f'input {QUICK_SIZE[0]}x{QUICK_SIZE[1]}, 2 frames, 1 repeat: '
        'whether it runs')
    add_out_argument(parser)
    args = parser.parse_args(args)
    args.size = None
    if args.quick:
        args.size, args.frames, args.repeats = QUICK_SIZE, 2, 1
    return args


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    torch.set_num_threads(1)
    init_default_scope('mmpose')
    machine = describe_machine()
    ratios, times = [], []
    values: Dict[str, float] = {}
    with DefaultScope.overwrite_default_scope('mmpose'):
        for name in args.models:
            ratio, cost = measure(name, args)
            ratios.append(ratio)
            times.append(cost)
            values[f'{name} ONNX Runtime / single'] = ratio[3]
    publish(
        Report(
            f'1 person, {args.frames} frames, batches of 4, flip test, '
            f'1 thread, float32, {args.repeats} repetitions, '
            f'{clock_name(args)}.', [
                Table([
                    'model', 'input', 'PyTorch / single',
                    'ONNX Runtime / single', 'ONNX Runtime / PyTorch',
                    'window share, PyTorch', 'window share, ONNX Runtime'
                ], ratios),
                Table(['model', 'single', *BACKENDS.values()], times,
                      'Milliseconds per person-frame')
            ], values), args.out, argv, machine)


if __name__ == '__main__':
    main()
