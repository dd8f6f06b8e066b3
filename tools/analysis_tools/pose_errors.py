#!/usr/bin/env python
"""Which errors a model makes, and on which joints.

PREDICTIONS is the folder of official per-video json that ``PoseTrackMetric``
writes (``out_dir``), ANN_FILE the annotation file they were made for::

    python tools/analysis_tools/pose_errors.py work_dirs/tdmi/predictions \
data/posetrack18/annotations/posetrack18_val.json --by joint speed \
--out work_dirs/tdmi/errors

A table for each slicing is printed; with ``--out`` also written are
``pose_errors.csv`` and a picture for each slicing. What is counted how:
docs/metrics.md.
"""
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmpose_tdmi.evaluation.functional import PRESENCE_RULES
from mmpose_tdmi.evaluation.pose_errors import (NEAR_LIMIT, SLICINGS,
                                                collect_errors, error_rows,
                                                format_rows, plot_rows,
                                                write_csv)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('predictions', type=Path, help='folder of predictions')
    parser.add_argument('ann_file', type=Path, help='annotation file')
    parser.add_argument(
        '--by',
        nargs='+',
        choices=SLICINGS,
        default=list(SLICINGS),
        help='what to slice by (default: all)')
    parser.add_argument(
        '--out', type=Path, help='folder for the csv and the pictures')
    parser.add_argument(
        '--near',
        type=float,
        default=NEAR_LIMIT,
        help='up to how many head sizes a miss is near (default '
        f'{NEAR_LIMIT:g})')
    parser.add_argument(
        '--presence',
        choices=PRESENCE_RULES,
        default=PRESENCE_RULES[0],
        help='which frames and joints count (default %(default)s)')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    try:
        errors = collect_errors(args.predictions, args.ann_file, args.presence,
                                args.near)
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    print(f'{len(errors.videos)} videos, {errors.num_frames} scored frames, '
          f'presence rule: {args.presence}')
    rows = {by: error_rows(errors, by) for by in args.by}
    for table in rows.values():
        print(f'\n{format_rows(table)}')
    if args.out is not None:
        write_csv(args.out / 'pose_errors.csv',
                  [row for table in rows.values() for row in table])
        for by, table in rows.items():
            plot_rows(args.out / f'errors_by_{by}.png', table)
        print(f'\n{args.out}: pose_errors.csv and {len(rows)} pictures')


if __name__ == '__main__':
    main()
