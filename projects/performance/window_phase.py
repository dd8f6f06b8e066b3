#!/usr/bin/env python
"""Where the window phase's time goes, by its parts.

What TDMI does for each window, neck and head on kept features, one person who
keeps still, random weights: each part's multiply-accumulates and CPU time, as
shares of the whole phase. A part that takes more time than its share of
multiply-accumulates is one to look at::

    python projects/performance/window_phase.py

Shape shorthand: none.
"""
import argparse
import sys
import time
from collections import defaultdict
from typing import Dict, List, Optional

import torch
from mmengine.registry import DefaultScope, init_default_scope
from torch import nn

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.models.cost import clip_length, count_model, fold_batch_norms
from mmpose_tdmi.video import StreamingPoseEstimator
from projects.performance.machine import describe_machine
from projects.performance.models import (MODEL_CONFIGS, build_random_model,
                                         resize_input, tdmi_config)
from projects.performance.person_frame_cost import QUICK_SIZE, run_all
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.performance.still_video import still_video

#: The neck's modules, and what the table calls them.
PARTS = {
    'intra_stage': 'differences, residual blocks (Eq. 1, 2)',
    'offset_blocks': 'blocks before the offsets (Eq. 3)',
    'mask_blocks': 'blocks before the modulation (Eq. 3)',
    'estimator': 'offsets and modulation (Eq. 3)',
    'conv': 'deformable convolution (Eq. 4)',
    'fusion': 'accumulation (Eq. 5)',
}


def parts_of(model: nn.Module) -> Dict[str, str]:
    """Names of the modules that are measured, and their part."""
    found = {'head': 'disentanglement, fusion, heatmaps'}
    for name, _ in model.neck.named_modules():
        words = name.split('.')
        if name in PARTS or (words[0] == 'modulation' and len(words) == 3):
            found[f'neck.{name}'] = PARTS[words[-1]]
    return found


class Clock:
    """CPU time of calls of modules, by part."""

    def __init__(self) -> None:
        self.seconds: Dict[str, float] = defaultdict(float)

    def watch(self,
              module: nn.Module,
              part: str,
              name: str = 'forward') -> None:
        """Have the time of a module's method counted."""
        call = getattr(module, name)

        def timed(*args, **kwargs):
            start = time.process_time()
            result = call(*args, **kwargs)
            self.seconds[part] += time.process_time() - start
            return result

        setattr(module, name, timed)


def measure(name: str, args: argparse.Namespace) -> List[list]:
    """A row for each part of a model."""
    config = tdmi_config(name)
    if args.size:
        resize_input(config, args.size)
    config.model.test_cfg.flip_test = False
    model = build_random_model(config)
    width, height = model.head.decoder.input_size
    parts = parts_of(model)
    macs: Dict[str, float] = defaultdict(float)
    for count in count_model(
            model, (height, width), clip_length(model), depth=4):
        if count.name in parts:
            macs[parts[count.name]] += count.macs
    fold_batch_norms(model, (height, width))
    estimator = StreamingPoseEstimator(model)
    frames = list(still_video(args.frames, 1))
    run_all(estimator, frames)
    clock, modules = Clock(), dict(model.named_modules())
    for module, part in parts.items():
        found = modules[module]
        # a dict of modules is not called itself
        is_dict = isinstance(found, nn.ModuleDict)
        for called in found.values() if is_dict else [found]:
            clock.watch(called, part)
    clock.watch(estimator.window_model, 'all', 'predict_windows')
    run_all(estimator, frames)
    whole, in_all = clock.seconds.pop('all'), sum(macs.values())
    clock.seconds['the rest: windows put together, decoding'] = \
        whole - sum(clock.seconds.values())
    return [[
        name, part,
        macs.get(part, 0.) / 1e9,
        macs.get(part, 0.) / in_all, spent / whole, 1000 * spent / args.frames
    ] for part, spent in clock.seconds.items()]


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        '--models',
        nargs='+',
        choices=MODEL_CONFIGS,
        default=list(MODEL_CONFIGS))
    parser.add_argument('--frames', type=int, default=8)
    parser.add_argument(
        '--quick', action='store_true', help='little: whether it runs')
    add_out_argument(parser)
    args = parser.parse_args(args)
    args.size = None
    if args.quick:
        args.size, args.frames = QUICK_SIZE, 2
    return args


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    torch.set_num_threads(1)
    init_default_scope('mmpose')
    rows = []
    with DefaultScope.overwrite_default_scope('mmpose'):
        for name in args.models:
            rows += measure(name, args)
    publish(
        Report(
            f'1 person, {args.frames} frames, no flip test, 1 thread, CPU '
            'time.', [
                Table([
                    'model', 'part', 'GMACs', 'share of MACs', 'share of time',
                    'ms a window'
                ], rows)
            ], {}), args.out, argv, describe_machine())


if __name__ == '__main__':
    main()
