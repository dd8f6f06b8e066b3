#!/usr/bin/env python
"""The deformable convolution's backends: forward, and with backward.

On maps as HRNet-W48 gives them at 384x288 unless said otherwise, random
offsets of a few cells; medians of repetitions in turn::

    python projects/performance/dcn_backends.py --maps 1 4

"forward" is without gradients, as at inference; ratios are to ``grid_sample``
as it is trained.
"""
import argparse
import sys
from typing import Callable, Dict, List, Optional, Tuple

import torch
from torch import Tensor

from mmpose_tdmi.models.layers import DeformableConv2d
from mmpose_tdmi.models.layers.deformable import (deform_conv2d_grid_sample,
                                                  mmcv_operator)
from projects.performance.machine import describe_machine
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.performance.timing import (add_clock_argument, chosen_clock,
                                         clock_name, median_times)


def make_inputs(maps: int, args: argparse.Namespace) -> Tuple[Tensor, ...]:
    """A map, offsets and modulation."""
    generator = torch.Generator().manual_seed(0)
    points = 9 * args.groups

    def normal(channels: int) -> Tensor:
        return torch.randn(
            maps, channels, args.height, args.width, generator=generator)

    inputs = (normal(args.channels), normal(2 * points) * 2,
              torch.sigmoid(normal(points)))
    return tuple(x.to(args.device) for x in inputs)


def cases(args: argparse.Namespace,
          maps: int) -> Dict[str, Dict[str, Callable[[], None]]]:
    """What to run: of each backend the forward pass and both."""
    inputs = make_inputs(maps, args)
    leaves = [x.clone().requires_grad_() for x in inputs]
    layers = {
        backend:
        DeformableConv2d(
            args.channels, args.channels, groups=args.groups,
            backend=backend).to(args.device)
        for backend in ('grid_sample', 'torchvision', 'mmcv')
        if backend != 'mmcv' or mmcv_operator() is not None
    }

    def wait() -> None:
        if inputs[0].is_cuda:
            torch.cuda.synchronize()

    def forward(layer: DeformableConv2d) -> None:
        with torch.no_grad():
            layer(*inputs)
        wait()

    def unblocked(layer: DeformableConv2d) -> None:
        with torch.no_grad():
            deform_conv2d_grid_sample(
                *inputs, layer.weight, layer.bias, padding=layer.padding)
        wait()

    def both(layer: DeformableConv2d) -> None:
        torch.autograd.grad(
            layer(*leaves).sum(), [*leaves, *layer.parameters()])
        wait()

    first = layers['grid_sample']
    return dict(
        forward={
            'grid_sample as trained': lambda: unblocked(first),
            **{
                name: (lambda layer=layer: forward(layer))
                for name, layer in layers.items()
            }
        },
        both={
            name: (lambda layer=layer: both(layer))
            for name, layer in layers.items()
        })


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--maps', type=int, nargs='+', default=[1])
    parser.add_argument('--channels', type=int, default=48)
    parser.add_argument('--groups', type=int, default=12)
    parser.add_argument('--height', type=int, default=96)
    parser.add_argument('--width', type=int, default=72)
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--device', default='cpu')
    add_clock_argument(parser)
    add_out_argument(parser)
    return parser.parse_args(args)


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    machine = describe_machine(args.device)
    if args.channels % args.groups:
        raise SystemExit(f'error: --groups {args.groups} must divide '
                         f'--channels {args.channels}')
    rows = []
    for maps in args.maps:
        runs = cases(args, maps)
        forward, both = (
            median_times(runs[which], args.repeats, clock=chosen_clock(args))
            for which in ('forward', 'both'))
        base = forward['grid_sample as trained'], both['grid_sample']
        for name in forward:
            row = [maps, name, forward[name] / base[0]]
            row += [both[name] / base[1]] if name in both else ['']
            row += [1000 * forward[name] / maps]
            row += [1000 * both[name] / maps] if name in both else ['']
            rows.append(row)
    table = Table([
        'maps', 'backend', 'forward, ratio', 'with backward, ratio',
        'forward, ms a map', 'with backward, ms a map'
    ], rows)
    publish(
        Report(
            f'{args.channels} channels, {args.height}x{args.width}, '
            f'{args.groups} groups, {args.device}, '
            f'{torch.get_num_threads()} thread(s), {args.repeats} '
            f'repetitions, {clock_name(args)}.', [table]), args.out, argv,
        machine)


if __name__ == '__main__':
    main()
