#!/usr/bin/env python
"""What a crop shared by many frames does to accuracy, and what it saves.

Poses of the persons of an annotated set (the generator makes one),
with the annotated boxes: once with a crop for every box, once for each
tolerance with crops that are kept (docs/performance.md says by which rule)::

    python projects/performance/shared_crops.py CONFIG CHECKPOINT \
--ann-file clips/annotations/synthetic_val.json --data-root clips

Prints, for each: AP (PoseTrack's), how far the joints are from those of the
crop for every box in pixels and in head sizes, backbone passes and frames per
crop.
"""
import argparse
import sys
from typing import Dict, List, Optional, Sequence

from mmengine.logging import MMLogger
from torch import nn

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.video import CropPolicy, StreamingPoseEstimator
from projects.performance.accuracy import (estimate_videos, mean_distances,
                                           posetrack_ap)
from projects.performance.annotated_video import (AnnotatedVideo,
                                                  load_annotated_videos)
from projects.performance.machine import describe_machine
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)


def compare(model: nn.Module, videos: Dict[str, AnnotatedVideo], ann_file: str,
            policies: Sequence[CropPolicy], batch_size: int,
            jitter: float) -> List[list]:
    """The table's rows."""

    def run(mode: str, policy: Optional[CropPolicy] = None):
        estimator = StreamingPoseEstimator(model, mode, batch_size, policy)
        poses, stats = estimate_videos(estimator, videos, jitter)
        return poses, stats, posetrack_ap(poses, ann_file, model.dataset_meta)

    reference, stats, ap = run('naive')
    rows = [[
        'every box', '', f'{ap:.2f}', '', '', '',
        stats.passes_per_person_frame, ''
    ]]
    for policy in policies:
        poses, stats, policy_ap = run('offline', policy)
        pixels, heads = mean_distances(poses, reference, videos)
        rows.append([
            f'{policy.max_shift:g}', f'{policy.max_scale:g}',
            f'{policy_ap:.2f}', f'{policy_ap - ap:+.2f}', pixels, heads,
            stats.passes_per_person_frame, stats.person_frames_per_crop
        ])
    return rows


def parse_policy(text: str) -> CropPolicy:
    """``0.1:1.25`` -> shift and scale.

    Raises:
        ValueError: If it is something else.
    """
    try:
        max_shift, max_scale = map(float, text.split(':'))
        return CropPolicy(max_shift, max_scale)
    except ValueError as error:
        raise ValueError('--policies: expected SHIFT:SCALE, got '
                         f'{text!r}: {error}') from error


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('config', help='config of a model of this package')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--ann-file', required=True)
    parser.add_argument('--data-root', required=True)
    parser.add_argument(
        '--policies',
        nargs='+',
        default=['0.05:1.1', '0.025:1.05', '0.01:1.02'],
        metavar='SHIFT:SCALE')
    parser.add_argument(
        '--jitter',
        type=float,
        nargs='+',
        default=[0.],
        help='noise of the boxes\' sides, as a share of the box (default 0);\n'
        'one table for each')
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--device', default='cpu')
    add_out_argument(parser)
    return parser.parse_args(args)


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    machine = describe_machine(args.device)
    # the entry points need MMDetection, which nothing else here does
    from mmpose_tdmi.apis import init_pose_model
    try:
        policies = [parse_policy(text) for text in args.policies]
        model = init_pose_model(args.config, args.checkpoint, args.device)
        videos = load_annotated_videos(args.ann_file, args.data_root)
    except (OSError, ValueError, TypeError) as error:
        raise SystemExit(f'error: {error}') from error
    MMLogger.get_current_instance().setLevel('WARNING')
    tables, values = [], {}
    for jitter in args.jitter:
        rows = compare(model, videos, args.ann_file, policies, args.batch_size,
                       jitter)
        tables.append(
            Table([
                'max_shift', 'max_scale', 'AP', 'change', 'pixels',
                'head sizes', 'passes per person-frame', 'frames per crop'
            ], rows, f'Boxes moved by {jitter:g} of their sides'))
        # of the policy that is the default, the worst of all tables
        for policy, row in zip(policies, rows[1:]):
            if policy == CropPolicy():
                values['passes'] = max(values.get('passes', 0.), row[6])
                values['change'] = min(
                    values.get('change', float('inf')), float(row[3]))
    publish(
        Report(
            f'{args.config}, {len(videos)} videos, annotated boxes, '
            'distances to the poses of a crop for every box.', tables, values),
        args.out, argv, machine)


if __name__ == '__main__':
    main()
