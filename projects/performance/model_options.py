#!/usr/bin/env python
"""Memory format, bfloat16 and torch.compile: speed, and what they change.

TDMI's whole forward pass on clips, random weights; medians of repetitions in
turn, ratios to float32 as built::

    python projects/performance/model_options.py --model w48 --compile
    python projects/performance/model_options.py --quick

"heatmap change" is the largest difference, as a share of the highest value.
With ``--config`` and ``--checkpoint`` of a trained model and an annotated set
(of the generator) the AP with and without bfloat16 follows.
"""
import argparse
import sys
import time
from contextlib import nullcontext
from typing import Callable, Dict, List, Optional

import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.video import StreamingPoseEstimator
from projects.performance.accuracy import (estimate_videos, mean_distances,
                                           posetrack_ap)
from projects.performance.annotated_video import load_annotated_videos
from projects.performance.machine import describe_machine
from projects.performance.models import (MODEL_CONFIGS, build_random_model,
                                         resize_input, tdmi_config)
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.performance.timing import (add_clock_argument, chosen_clock,
                                         clock_name, median_times)

QUICK_SIZE = (96, 128)


class Option:
    """A way to run the model.

    Args:
        model (nn.Module): The model.
        frames (Tensor): Folded clips, (B * T, 3, H, W).
        channels_last (bool): Whether in the channels-last memory format.
        bf16 (bool): Whether with autocast.
        compiled (bool): Whether compiled, each phase as one graph.
    """

    def __init__(self,
                 model: nn.Module,
                 frames: Tensor,
                 channels_last: bool = False,
                 bf16: bool = False,
                 compiled: bool = False) -> None:
        self._frames = frames
        if channels_last:
            self._frames = frames.contiguous(memory_format=torch.channels_last)
        self._cast = torch.autocast(frames.device.type, torch.bfloat16) \
            if bf16 else nullcontext()
        self._phases: List[Callable] = [model.backbone, model.neck, model.head]
        if compiled:
            # the head's forward, not its __call__: nothing else is needed
            self._phases = [
                torch.compile(phase, fullgraph=True, dynamic=False)
                for phase in self._phases
            ]

    @torch.no_grad()
    def __call__(self) -> Tensor:
        """Heatmaps (B, K, H', W')."""
        with self._cast:
            x = self._frames
            for phase in self._phases:
                x = phase(x)
        if x.is_cuda:
            torch.cuda.synchronize()
        return x


def measure(args: argparse.Namespace) -> List[list]:
    """The table's rows."""

    def build(channels_last: bool) -> nn.Module:
        config = tdmi_config(args.model)
        if args.size:
            resize_input(config, args.size)
        return build_random_model(
            config, args.device,
            torch.channels_last if channels_last else None)

    models = {False: build(False), True: build(True)}
    width, height = models[False].cfg.model.head.decoder.input_size
    frames = torch.randn(
        args.clips * models[False].neck.window.num_frames,
        3,
        height,
        width,
        generator=torch.Generator().manual_seed(0)).to(args.device)
    chosen = {'float32': {}, 'channels_last': dict(channels_last=True)}
    if args.bf16:
        chosen['bfloat16'] = dict(bf16=True)
        chosen['channels_last, bfloat16'] = dict(channels_last=True, bf16=True)
    if args.compile:
        chosen['compiled'] = dict(compiled=True)
        chosen['channels_last, compiled'] = dict(
            channels_last=True, compiled=True)
    options = {
        name: Option(models[kwargs.get('channels_last', False)], frames,
                     **kwargs)
        for name, kwargs in chosen.items()
    }
    # the first run of each compiles; the compiler has processes of its own,
    # whose time only a clock on the wall shows
    outputs: Dict[str, Tensor] = {}
    first: Dict[str, float] = {}
    for name, option in options.items():
        start = time.perf_counter()
        outputs[name] = option()
        first[name] = time.perf_counter() - start
    times = median_times(
        options, args.repeats, warm_up=False, clock=chosen_clock(args))
    base, expected = times['float32'], outputs['float32']
    args.size = [width, height]
    return [[
        name, base / times[name], times[name] / args.clips,
        float((outputs[name] - expected).abs().max() / expected.abs().max()),
        max(0., first[name] - times[name]) if 'compiled' in name else ''
    ] for name in options]


def accuracy(args: argparse.Namespace) -> List[list]:
    """AP of a trained model without and with bfloat16."""
    from mmpose_tdmi.apis import init_pose_model
    model = init_pose_model(args.config, args.checkpoint, args.device)
    videos = load_annotated_videos(args.ann_file, args.data_root)
    rows, reference = [], None
    for name, cast in (('float32', nullcontext()),
                       ('bfloat16',
                        torch.autocast(
                            torch.device(args.device).type, torch.bfloat16))):
        with cast:
            poses, _ = estimate_videos(
                StreamingPoseEstimator(model, batch_size=16), videos)
        reference = reference or poses
        pixels, heads = mean_distances(poses, reference, videos)
        ap = posetrack_ap(poses, args.ann_file, model.dataset_meta)
        rows.append([name, f'{ap:.2f}', pixels, heads])
    return rows


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
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--no-bf16', dest='bf16', action='store_false')
    parser.add_argument('--device', default='cpu')
    add_clock_argument(parser)
    parser.add_argument('--config', help='of a trained model')
    parser.add_argument('--checkpoint', help='its weights')
    parser.add_argument('--ann-file', help='an annotated set')
    parser.add_argument('--data-root', help='its folder')
    parser.add_argument(
        '--quick',
        action='store_true',
        help=f'input {QUICK_SIZE[0]}x{QUICK_SIZE[1]}, one repetition')
    add_out_argument(parser)
    args = parser.parse_args(args)
    trained = (args.config, args.checkpoint, args.ann_file, args.data_root)
    if any(trained) != all(trained):
        parser.error('--config, --checkpoint, --ann-file and --data-root '
                     'belong together')
    if args.quick:
        args.size, args.repeats = list(QUICK_SIZE), 1
    return args


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    init_default_scope('mmpose')
    MMLogger.get_current_instance().setLevel('WARNING')
    machine = describe_machine(args.device)
    tables = [
        Table([
            'option', 'times faster', 's a clip', 'heatmap change',
            'compilation, s'
        ], measure(args))
    ]
    try:
        if args.config:
            tables.append(
                Table(['type', 'AP', 'pixels', 'head sizes'], accuracy(args),
                      f'Accuracy of {args.config}, distances to float32\'s '
                      'poses'))
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    publish(
        Report(
            f'{args.model}, input {args.size[1]}x{args.size[0]}, '
            f'{args.clips} clip(s), {args.device}, '
            f'{torch.get_num_threads()} thread(s), {args.repeats} '
            f'repetitions, {clock_name(args)}.', tables), args.out, argv,
        machine)


if __name__ == '__main__':
    main()
