#!/usr/bin/env python
"""What a sample costs to load: decoded frames and milliseconds.

On generated clips (made in a temporary folder unless ``--data-root`` has them
from the generator), with the pipelines of a config; the stock single
frame is MMPose's own pipeline on the same boxes. Everything in one process,
the workers' shares one after the other, medians of repetitions in turn::

    python projects/performance/dataset_speed.py
    python projects/performance/dataset_speed.py --config CONFIG \
--checkpoint CHECKPOINT --trained-data-root work_dirs/demo/clips

"decodes per frame" are those per frame that any sample needs. With a trained
model the AP of tests with whole and with reduced frames follows, both with
the config's input.
"""
import argparse
import copy
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

from mmpose_tdmi.datasets import BaseSequenceDataset
from mmpose_tdmi.evaluation import PoseTrackMetric
# yapf: disable
from projects.performance.dataset_loading import (Case, Cost, build_pipeline,
                                                  cached, in_order, measure,
                                                  raw_sample, reduced,
                                                  reduced_share, resized,
                                                  shuffled, single_frame)
# yapf: enable
from projects.performance.machine import describe_machine
from projects.performance.models import ROOT, load_config
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.synthetic.generator import generate
from projects.synthetic.settings import ClipSettings

CONFIG = ROOT / ('configs/tdmi/posetrack18/'
                 'tdmi_hrnet-w48_2xb24-20e_posetrack18-384x288.py')
VAL = 'annotations/synthetic_val.json'


def build_dataset(config: Config, data_root: Path,
                  ann_file: str) -> BaseSequenceDataset:
    """The config's test dataset on other files, with annotated boxes."""
    dataset = copy.deepcopy(config.test_dataloader.dataset)
    dataset.update(
        data_root=str(data_root), ann_file=ann_file, bbox_file='', pipeline=[])
    return DATASETS.build(dataset)


def table_of(costs: Dict[str, Cost], title: str) -> Table:
    """Costs, the first being what times are compared with."""
    first = next(iter(costs.values()))
    rows = [[
        name, (cost.seconds / cost.samples) / (first.seconds / first.samples),
        cost.decodes / cost.frames, cost.decodes / cost.samples,
        1000 * cost.seconds / cost.samples
    ] for name, cost in costs.items()]
    return Table([
        'loading', 'time over first row', 'decodes per frame',
        'decodes per sample', 'ms a sample'
    ], rows, title)


def test_table(config: Config, dataset: BaseSequenceDataset,
               args: argparse.Namespace) -> Tuple[Table, float]:
    pipeline = cached(
        [dict(t) for t in config.test_dataloader.dataset.pipeline], 0)
    size, batch, workers = len(dataset), args.batch_size, args.workers
    one = in_order(size, batch, 1, False)
    kept = cached(pipeline, args.cache_frames)
    cases = [
        Case('single frame, stock', single_frame(pipeline), one),
        Case('clip', pipeline, one),
        Case('clip, cache', kept, one),
        Case(f'clip, cache, {workers} workers', kept,
             in_order(size, batch, workers, False), workers),
        Case(f'clip, cache, {workers} workers with runs', kept,
             in_order(size, batch, workers, True), workers),
    ]
    costs = measure(cases, dataset, args.repeats)
    last = costs[cases[-1].name]
    return table_of(
        costs, f'In the order of a test, {size} persons in {last.frames} '
        f'frames, batches of {batch}'), last.decodes / last.frames


def train_table(config: Config, dataset: BaseSequenceDataset,
                args: argparse.Namespace, size: Tuple[int, int]) -> Table:
    pipeline = resized(
        [dict(t) for t in config.train_dataloader.dataset.pipeline], size)
    batch, group = args.batch_size, args.group_size
    single, grouped = shuffled(dataset, batch,
                               1), shuffled(dataset, batch, group)
    cases = [
        Case('single frame, stock', single_frame(pipeline), single),
        Case('clip', pipeline, single),
        Case('clip, reduced', reduced(pipeline), single),
        Case(f'clip, groups of {group}, cache',
             cached(pipeline, args.cache_frames), grouped),
        Case(f'clip, groups of {group}, cache, reduced',
             cached(reduced(pipeline), args.cache_frames), grouped),
    ]
    costs = measure(cases, dataset, args.repeats, args.train_samples)
    share = reduced_share(reduced(pipeline), dataset, args.train_samples)
    return table_of(
        costs, f'In training, input {size[1]}x{size[0]}; the crops of '
        f'{100 * share:.0f} % of the samples allow reduced frames')


def accuracy_table(args: argparse.Namespace) -> Table:
    """AP of a trained model with whole and with reduced frames."""
    from mmpose_tdmi.apis import init_pose_model
    model = init_pose_model(str(args.config), args.checkpoint)
    dataset = build_dataset(model.cfg, args.trained_data_root, args.ann_file)
    pipeline = [dict(t) for t in model.cfg.test_dataloader.dataset.pipeline]
    rows: List[list] = []
    for name, transforms in (('whole', pipeline), ('reduced',
                                                   reduced(pipeline))):
        compose = build_pipeline(transforms)
        metric = PoseTrackMetric(
            ann_file=str(args.trained_data_root / args.ann_file),
            box_source='gt')
        metric.dataset_meta = model.dataset_meta
        reductions = []
        for start in range(0, len(dataset), 16):
            samples = [
                compose(raw_sample(dataset, index))
                for index in range(start, min(start + 16, len(dataset)))
            ]
            found = model.test_step(pseudo_collate(samples))
            metric.process(None, [sample.to_dict() for sample in found])
            reductions += [
                max(sample.input_scale / sample.input_size) >= 2
                for sample in found
            ]
        ap = metric.evaluate(len(dataset))['posetrack/mAP']
        rows.append([
            name, f'{ap:.2f}',
            '' if not rows else f'{ap - float(rows[0][1]):+.2f}'
        ])
    return Table(['frames', 'AP', 'change'], rows,
                 f'AP with reduced frames, {args.config.stem}; '
                 f'{100 * np.mean(reductions):.0f} % of the crops are twice '
                 'the input or more')


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        '--data-root', type=Path, help='generated clips (default: made)')
    parser.add_argument('--ann-file', default=VAL)
    parser.add_argument(
        '--frame-size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        default=[1280, 720],
        help='of the clips that are made (default 1280 720)')
    parser.add_argument('--videos', type=int, default=5)
    parser.add_argument('--frames', type=int, default=24)
    parser.add_argument('--batch-size', type=int, default=24)
    parser.add_argument('--workers', type=int, default=4)
    parser.add_argument('--cache-frames', type=int, default=8)
    parser.add_argument('--group-size', type=int, default=4)
    parser.add_argument(
        '--train-samples',
        type=int,
        default=60,
        help='how many are loaded in the order of training (default 60)')
    parser.add_argument(
        '--inputs',
        type=int,
        nargs='+',
        default=[384, 256],
        help='heights of the training inputs; width is 3/4 of it')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument(
        '--config', type=Path, help='of a trained model, for the AP')
    parser.add_argument('--checkpoint', help='its weights')
    parser.add_argument(
        '--trained-data-root', type=Path, help='clips to test it on')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='small frames, one repetition: whether it runs')
    add_out_argument(parser)
    args = parser.parse_args(args)
    trained = (args.config, args.checkpoint, args.trained_data_root)
    if any(trained) != all(trained):
        parser.error('--config, --checkpoint and --trained-data-root belong '
                     'together')
    if args.quick:
        args.frame_size, args.videos, args.frames = [320, 240], 1, 8
        args.repeats, args.train_samples = 1, 12
    return args


def report(args: argparse.Namespace, data_root: Path) -> Report:
    """Measure on the clips of a folder."""
    config = load_config(CONFIG)
    dataset = build_dataset(config, data_root, args.ann_file)
    tables = []
    table, decodes = test_table(config, dataset, args)
    tables.append(table)
    for height in args.inputs:
        tables.append(
            train_table(config, dataset, args, (height * 3 // 4, height)))
    if args.config:
        tables.append(accuracy_table(args))
    image = cv2.imread(str(dataset.get_data_info(0)['img_path'])).shape
    return Report(
        f'JPEG frames of {image[1]}x{image[0]}, cache of '
        f'{args.cache_frames} frames, medians of {args.repeats} repetitions '
        'in turn, one process.', tables, {'test decodes per frame': decodes})


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    init_default_scope('mmpose')
    MMLogger.get_current_instance().setLevel('WARNING')
    cv2.setNumThreads(1)
    machine = describe_machine()
    try:
        if args.data_root:
            found = report(args, args.data_root)
        else:
            with tempfile.TemporaryDirectory() as folder:
                settings = ClipSettings.preset(
                    'default',
                    width=args.frame_size[0],
                    height=args.frame_size[1],
                    frames=args.frames)
                generate(folder, settings, dict(val=args.videos))
                found = report(args, Path(folder))
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    publish(found, args.out, argv, machine)


if __name__ == '__main__':
    main()
