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

import numpy as np
from matplotlib.figure import Figure

from mmpose_tdmi.evaluation.functional import PRESENCE_RULES
from mmpose_tdmi.evaluation.pose_errors import (NEAR_LIMIT, OUTCOMES, SLICINGS,
                                                ErrorRow, collect_errors,
                                                error_rows, format_rows,
                                                write_csv)
from mmpose_tdmi.tooling import short_errors
from mmpose_tdmi.utils.files import atomic_path, check_outputs

#: Colours of the outcomes; hits are grey, errors stand out.
COLOURS = ('#d9d9d9', '#4d4d4d', '#8c8c8c', '#d7301f', '#fdbb84', '#7b3294',
           '#2166ac')


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


def plot_rows(path: Path, rows: Sequence[ErrorRow]) -> None:
    """A bar for each slice of a slicing that has annotated joints: which share
    of them became what."""
    rows = [row for row in rows if row.num_gt and row.is_shown]
    figure = Figure(figsize=(9, 1.5 + 0.35 * len(rows)), layout='constrained')
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    left = np.zeros(len(rows))
    for name, colour in zip(OUTCOMES, COLOURS):
        widths = np.array([row.share(name) for row in rows])
        label = name.replace('_', ' ')
        axes.barh(places, widths, left=left, color=colour, label=label)
        left += widths
    axes.set_yticks(places, [
        f'{row.slice} ({row.num_gt}' +
        ('' if np.isnan(row.ap) else f', AP {row.ap:.1f}') + ')'
        for row in rows
    ])
    axes.set_xlim(0, 100)
    axes.set_xlabel('% of the annotated joints')
    axes.set_title(f'by {rows[0].by}' if rows else 'no annotated joints')
    figure.legend(loc='outside lower center', ncols=len(OUTCOMES), fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


@short_errors()
def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    pictures = {by: f'errors_by_{by}.png' for by in args.by}
    if args.out is not None:
        check_outputs([
            args.out / name for name in ('pose_errors.csv', *pictures.values())
        ], [*args.predictions.glob('*.json'), args.ann_file])
    errors = collect_errors(args.predictions, args.ann_file, args.presence,
                            args.near)
    print(f'{len(errors.videos)} videos, {errors.num_frames} scored frames, '
          f'presence rule: {args.presence}')
    rows = {by: error_rows(errors, by) for by in args.by}
    for table in rows.values():
        print(f'\n{format_rows(table)}')
    if args.out is not None:
        write_csv(args.out / 'pose_errors.csv',
                  [row for table in rows.values() for row in table])
        for by, table in rows.items():
            plot_rows(args.out / pictures[by], table)
        print(f'\n{args.out}: pose_errors.csv and {len(rows)} pictures')


if __name__ == '__main__':
    main()
