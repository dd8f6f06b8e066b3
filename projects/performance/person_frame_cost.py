#!/usr/bin/env python
"""What a person in a frame costs: one frame, naive and streaming.

- single: the host's single-frame model on the same crops, batched;
- naive: TDMI, all frames of a window through the backbone for every box;
- streaming: TDMI, each crop through the backbone once.

TDMI runs as ``VideoPoseInferencer`` runs it: batch normalisations folded into
convolutions, frames laid out channels last where streaming. "tuned single" is
the host's model with both of these. With ``--bf16`` TDMI predicts in bfloat16;
the host's model does not, as its head cannot decode what comes of that.

All through their own pipelines, from the frame to the keypoints, flip test
equal on all sides, random weights, people who keep still, of whom a crop
lasts; "moving" is streaming for people whose crops are renewed, who move by
``--speed`` of their width a frame. Medians of repetitions in turn::

    python projects/performance/person_frame_cost.py --models w48 --frames 6
    python projects/performance/person_frame_cost.py --quick

"limit" is the ratio by multiply-accumulates
(tools/analysis_tools/count_model.py), "window share" how much of streaming's
time is neck, head and decoding, beside their share of its
multiply-accumulates.
"""
import argparse
import copy
import sys
from typing import Callable, Dict, List, Optional, Tuple

import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope, init_default_scope
from torch import nn

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.models.cost import clip_length, count_model, fold_batch_norms
from mmpose_tdmi.video import StreamingPoseEstimator, TrackedFrame
from projects.performance.machine import describe_machine
from projects.performance.models import (MODEL_CONFIGS, build_random_model,
                                         resize_input, single_frame_config,
                                         tdmi_config)
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.performance.still_video import still_video
from projects.performance.timing import (add_clock_argument, chosen_clock,
                                         clock_name, median_times)

QUICK_SIZE = (96, 128)


class SingleFrame:
    """The host's model over all boxes of a video, in batches."""

    def __init__(self, model: nn.Module, batch_size: int) -> None:
        self._model = model
        self._batch_size = batch_size
        self._pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)

    @torch.no_grad()
    def __call__(self, frames: List[TrackedFrame]) -> None:
        samples = []
        for frame in frames:
            for box in frame.persons:
                samples.append(
                    self._pipeline({
                        **self._model.dataset_meta, 'img':
                        frame.image,
                        'bbox':
                        np.array([box.bbox], np.float32),
                        'bbox_score':
                        np.array([box.score], np.float32)
                    }))
                if len(samples) == self._batch_size:
                    self._model.test_step(pseudo_collate(samples))
                    samples = []
        if samples:
            self._model.test_step(pseudo_collate(samples))


def run_all(estimator: StreamingPoseEstimator,
            frames: List[TrackedFrame]) -> None:
    for _ in estimator.iterate_poses(frames):
        pass


def window_share(estimator: StreamingPoseEstimator, frames: List[TrackedFrame],
                 clock: Callable[[], float]) -> float:
    """The share of the second phase in a run."""
    phases, spent = estimator.window_model, 0.
    predict = phases.predict_windows

    def timed(windows):
        nonlocal spent
        start = clock()
        poses = predict(windows)
        spent += clock() - start
        return poses

    phases.predict_windows = timed
    start = clock()
    run_all(estimator, frames)
    whole = clock() - start
    phases.predict_windows = predict
    return spent / whole


def measure(name: str, args: argparse.Namespace) -> Tuple[list, list]:
    """A row of ratios and one of times, for one model."""
    configs = dict(single=single_frame_config(name), tdmi=tdmi_config(name))
    models: Dict[str, nn.Module] = {}
    for which, config in configs.items():
        if args.size:
            resize_input(config, args.size)
        config.model.test_cfg.flip_test = args.flip_test
        models[which] = build_random_model(
            config, args.device,
            torch.channels_last if args.channels_last else None)
    width, height = configs['tdmi'].model.head.decoder.input_size
    models['tuned'] = copy.deepcopy(
        models['single']).to(memory_format=torch.channels_last)
    for which in ('tuned', 'tdmi'):
        fold_batch_norms(models[which], (height, width))

    precision = 'bfloat16' if args.bf16 else 'float32'
    naive, streaming = (
        StreamingPoseEstimator(
            models['tdmi'], mode, args.batch_size, precision=precision)
        for mode in ('naive', 'offline'))
    single, tuned = (
        SingleFrame(models[which], args.batch_size)
        for which in ('single', 'tuned'))
    frames = list(still_video(args.frames, args.persons))
    moving = list(still_video(args.frames, args.persons, speed=args.speed))
    few = frames[:args.naive_frames]
    cases: Dict[str, Callable[[], None]] = dict(
        single=lambda: single(frames),
        tuned=lambda: tuned(frames),
        naive=lambda: run_all(naive, few),
        streaming=lambda: run_all(streaming, frames),
        moving=lambda: run_all(streaming, moving))
    clock = chosen_clock(args)
    times = median_times(cases, args.repeats, clock=clock)
    # milliseconds per person and frame
    cost = {
        case:
        1000 * times[case] /
        (len(few if case == 'naive' else frames) * args.persons)
        for case in cases
    }
    passes = streaming.stats.passes_per_person_frame
    share = window_share(streaming, frames, clock)
    assert streaming.stats.passes_per_person_frame == 1

    ratio = cost['streaming'] / cost['single']
    limit, window_macs = mac_ratio(models, (height, width))
    return ([
        name, f'{height}x{width}', ratio, limit,
        cost['moving'] / cost['single'], passes,
        cost['naive'] / cost['streaming'], cost['naive'] / cost['single'],
        cost['tuned'] / cost['single'], share, window_macs
    ], [name, *(cost[case] for case in cases)])


def mac_ratio(models: Dict[str, nn.Module],
              shape: Tuple[int, int]) -> Tuple[float, float]:
    """By multiply-accumulates: streaming over single, and window's share."""
    num_frames = clip_length(models['tdmi'])
    counts = {
        count.name: count.macs
        for count in count_model(models['tdmi'], shape, num_frames)
    }
    backbone = counts['backbone'] / num_frames
    frame_phase = (counts['neck.alignment'] +
                   counts.get('neck.pre_neck', 0)) / num_frames
    window = counts[''] - counts['backbone'] - frame_phase * num_frames
    single = count_model(models['single'], shape)[0].macs
    whole = backbone + frame_phase + window
    return whole / single, window / whole


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        '--models', nargs='+', choices=MODEL_CONFIGS, default=['w48'])
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help='of the input (default: the configs\')')
    parser.add_argument('--frames', type=int, default=8)
    parser.add_argument(
        '--naive-frames',
        type=int,
        default=2,
        help='frames that are run naively (default 2)')
    parser.add_argument('--persons', type=int, default=1)
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument(
        '--no-flip-test', dest='flip_test', action='store_false')
    parser.add_argument('--channels-last', action='store_true')
    parser.add_argument('--bf16', action='store_true', help='TDMI in bfloat16')
    add_clock_argument(parser)
    parser.add_argument(
        '--speed',
        type=float,
        default=0.02,
        help='of people who move, in widths a frame (default 0.02)')
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--quick',
        action='store_true',
        help=f'input {QUICK_SIZE[0]}x{QUICK_SIZE[1]}, 4 frames, 2 repeats: '
        'whether it runs')
    add_out_argument(parser)
    args = parser.parse_args(args)
    if args.quick:
        args.size, args.frames, args.repeats = QUICK_SIZE, 4, 2
        args.naive_frames = 1
    return args


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    init_default_scope('mmpose')
    machine = describe_machine(args.device)
    ratios, times = [], []
    try:
        with DefaultScope.overwrite_default_scope('mmpose'):
            for name in args.models:
                ratio, cost = measure(name, args)
                ratios.append(ratio)
                times.append(cost)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    settings = (f'{args.persons} person(s), moving ones by {args.speed:g} of '
                f'their width a frame, {args.frames} frames, batches of '
                f'{args.batch_size}, flip test {args.flip_test}, '
                f'{torch.get_num_threads()} thread(s), '
                f'TDMI in {"bfloat16" if args.bf16 else "float32"}, '
                f'{"channels-last" if args.channels_last else "contiguous"}, '
                f'{args.repeats} repetitions, {clock_name(args)}.')
    header = [
        'model', 'input', 'streaming / single', 'limit', 'moving / single',
        'passes of moving', 'naive / streaming', 'naive / single',
        'tuned single / single', 'window share', 'window share by MACs'
    ]
    values = {}
    for row in ratios:
        values[f'{row[0]} streaming / single'] = row[2]
        values[f'{row[0]} naive / streaming'] = row[6]
    publish(
        Report(settings, [
            Table(header, ratios),
            Table([
                'model', 'single', 'tuned single', 'naive', 'streaming',
                'moving'
            ], times, 'Milliseconds per person-frame')
        ], values), args.out, argv, machine)


if __name__ == '__main__':
    main()
