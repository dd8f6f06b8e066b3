#!/usr/bin/env python
"""What TDMI's modules add to a training step, and the memory it takes.

Time: forward and backward pass of neck, head and losses over those of the
backbone in the same steps; medians. Memory: the peak of a process that does
one step (of the GPU with ``--device cuda``), and what is kept for the backward
pass, for each way of recomputing activations::

    python projects/performance/training_step.py --model w48 --clips 1
    python projects/performance/training_step.py --quick

``--bf16`` is autocast.
"""
import argparse
import json
import subprocess
import sys
from contextlib import nullcontext
from statistics import median
from typing import Callable, Dict, List, Optional

import torch
from mmengine.registry import DefaultScope
from mmpose.testing import get_packed_inputs
from torch import Tensor

import mmpose_tdmi  # noqa: F401
from projects.performance.machine import describe_machine, peak_memory
from projects.performance.models import (MODEL_CONFIGS, build_random_model,
                                         resize_input, tdmi_config)
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.performance.timing import (add_clock_argument, chosen_clock,
                                         clock_name)

#: What is recomputed in the backward pass: config options by name.
CHECKPOINTING: Dict[str, Dict[str, dict]] = {
    'nothing': {},
    'neck and head':
    dict(neck=dict(with_cp=True), head=dict(with_cp=True)),
    'all':
    dict(
        backbone=dict(with_cp=True),
        neck=dict(with_cp=True),
        head=dict(with_cp=True)),
}
QUICK_SIZE = (96, 128)


class Step:
    """A training step of a model on made-up clips."""

    def __init__(self, args: argparse.Namespace, checkpointing: str) -> None:
        config = tdmi_config(args.model)
        if args.size:
            resize_input(config, args.size)
        for part, options in CHECKPOINTING[checkpointing].items():
            config.model[part].update(options)
        self.model = build_random_model(
            config, args.device,
            torch.channels_last if args.channels_last else None).train()
        self._cast = torch.autocast(
            torch.device(args.device).type,
            torch.bfloat16) if args.bf16 else nullcontext()
        decoder = config.model.head.decoder
        width, height = decoder.input_size
        data = get_packed_inputs(
            args.clips,
            num_keypoints=17,
            img_shape=(height, width),
            input_size=(width, height),
            heatmap_size=tuple(decoder.heatmap_size))
        num_frames = self.model.neck.window.num_frames
        data['inputs'] = [
            torch.randint(256, (num_frames, 3, height, width)).byte()
            for _ in range(args.clips)
        ]
        self._data = self.model.data_preprocessor(data, True)

    def loss(self) -> Tensor:
        """The model's loss."""
        with self._cast:
            losses = self.model(**self._data, mode='loss')
            return self.model.parse_losses(losses)[0]

    def run(self) -> None:
        """Forward and backward pass."""
        self.loss().backward()
        self.model.zero_grad(set_to_none=True)

    def run_in_parts(self, clock: Callable[[], float]) -> Dict[str, float]:
        """The same step, cut where the backbone's maps are given on.

        Args:
            clock (Callable): Seconds.

        Returns:
            dict[str, float]: Seconds of the forward (``'... forward'``) and
            backward pass of the ``'backbone'`` and of the ``'modules'``.
        """
        times = [self._now(clock)]
        with self._cast:
            maps = self.model.backbone(self._data['inputs'])
        times.append(self._now(clock))
        cut = tuple(x.detach().requires_grad_() for x in maps)
        with self._cast:
            losses = self.model.head.loss(
                self.model.neck(cut),
                self._data['data_samples'],
                train_cfg=self.model.train_cfg)
            total = self.model.parse_losses(losses)[0]
        times.append(self._now(clock))
        total.backward()
        times.append(self._now(clock))
        used = [(x, y.grad) for x, y in zip(maps, cut) if y.grad is not None]
        torch.autograd.backward(*zip(*used))
        times.append(self._now(clock))
        self.model.zero_grad(set_to_none=True)
        names = ('backbone forward', 'modules forward', 'modules backward',
                 'backbone backward')
        return {
            name: end - start
            for name, start, end in zip(names, times, times[1:])
        }

    def _now(self, clock: Callable[[], float]) -> float:
        if self._data['inputs'].is_cuda:
            torch.cuda.synchronize()
        return clock()


def kept_bytes(step: Step) -> int:
    """What the forward pass keeps for the backward pass, without weights."""
    weights = {x.untyped_storage().data_ptr() for x in step.model.parameters()}
    kept: Dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        total = step.loss()
    # alive until here, so that no storage was counted twice
    del total
    return sum(kept.values())


def peak_bytes(device: str) -> int:
    """The highest use of memory so far."""
    if torch.device(device).type == 'cuda':
        return torch.cuda.max_memory_allocated()
    return peak_memory()


def memory(args: argparse.Namespace) -> None:
    """Measure in this process; prints json."""
    step = Step(args, args.measure)
    kept = kept_bytes(step)
    step.run()
    print(json.dumps(dict(kept=kept, peak=peak_bytes(args.device))))


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--model', choices=MODEL_CONFIGS, default='w48')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help='of the input (default: the config\'s)')
    parser.add_argument('--clips', type=int, default=1)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument(
        '--no-warm-up',
        dest='warm_up',
        action='store_false',
        help='time the first step, too')
    parser.add_argument('--channels-last', action='store_true')
    parser.add_argument('--bf16', action='store_true')
    parser.add_argument('--device', default='cpu')
    add_clock_argument(parser)
    parser.add_argument(
        '--no-memory', dest='memory', action='store_false', help='times only')
    parser.add_argument(
        '--quick',
        action='store_true',
        help=f'input {QUICK_SIZE[0]}x{QUICK_SIZE[1]}, one repetition')
    parser.add_argument('--measure', help=argparse.SUPPRESS)
    add_out_argument(parser)
    args = parser.parse_args(args)
    if args.quick:
        args.size, args.repeats = list(QUICK_SIZE), 1
    return args


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    machine = describe_machine(args.device)
    with DefaultScope.overwrite_default_scope('mmpose'):
        if args.measure:
            memory(args)
            return
        step = Step(args, 'nothing')
        if args.warm_up:
            step.run()
        found = [
            step.run_in_parts(chosen_clock(args)) for _ in range(args.repeats)
        ]
    times = {name: median(x[name] for x in found) for name in found[0]}
    shape = step.model.cfg.model.head.decoder.input_size
    settings = (f'{args.model}, {args.clips} clip(s) of '
                f'{step.model.neck.window.num_frames} frames of '
                f'{shape[1]}x{shape[0]}, {args.device}, '
                f'{torch.get_num_threads()} thread(s), '
                f'{"bfloat16" if args.bf16 else "float32"}, '
                f'{"channels-last" if args.channels_last else "contiguous"}, '
                f'{args.repeats} repetitions, {clock_name(args)}.')
    whole = {
        part: times[f'{part} forward'] + times[f'{part} backward']
        for part in ('modules', 'backbone')
    }
    added = 100 * whole['modules'] / whole['backbone']
    tables = [
        Table(['part', 'over the backbone', 'forward, s', 'backward, s'], [[
            name, f'{100 * whole[part] / whole["backbone"]:.0f} %',
            times[f'{part} forward'], times[f'{part} backward']
        ] for name, part in (('backbone, all frames', 'backbone'),
                             ('neck, head, losses', 'modules'))])
    ]
    if args.memory:
        tables.append(
            Table(['recomputed', 'kept for backward, GB', 'peak memory, GB'],
                  [memory_of(name, argv) for name in CHECKPOINTING]))
    publish(
        Report(settings, tables, {f'{args.model} added, %': added}), args.out,
        argv, machine)


def memory_of(checkpointing: str, argv: List[str]) -> list:
    """A row of the table of memory, measured in a process of its own."""
    done = subprocess.run([
        sys.executable, '-W', 'ignore', __file__, *argv, '--measure',
        checkpointing
    ],
                          stdout=subprocess.PIPE,
                          text=True,
                          check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return [checkpointing, found['kept'] / 1e9, found['peak'] / 1e9]


if __name__ == '__main__':
    main()
