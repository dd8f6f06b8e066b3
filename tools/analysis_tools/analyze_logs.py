#!/usr/bin/env python
"""Curves, times and the objective's terms of trainings.

Each LOG is a work folder or a ``scalars.json`` in one::

    python tools/analysis_tools/analyze_logs.py plot_curve LOG [LOG ...] \
--keys loss_kpt acc_pose --out curves.png
    python tools/analysis_tools/analyze_logs.py cal_train_time LOG
    python tools/analysis_tools/analyze_logs.py mi_terms LOG --out terms.png

``mi_terms`` prints the terms of the mutual information objective at the
start and the end of the training, and plots them with ``--out``.
"""
import argparse
from pathlib import Path

from mmpose_tdmi.tooling.log_plots import plot_curves, plot_mi
from mmpose_tdmi.tooling.training_logs import (mi_table, read_training_log,
                                               train_time)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest='task', required=True)
    plot = tasks.add_parser('plot_curve', help='curves into one picture')
    plot.add_argument('logs', nargs='+')
    plot.add_argument('--keys', nargs='+', default=['loss_kpt'])
    plot.add_argument('--title')
    plot.add_argument('--legend', nargs='+')
    plot.add_argument('--out', type=Path, required=True)
    plot.add_argument('--smooth', type=int, default=1)
    time = tasks.add_parser('cal_train_time', help='time of an iteration')
    time.add_argument('logs', nargs='+')
    time.add_argument('--include-outliers', action='store_true')
    terms = tasks.add_parser('mi_terms', help="the objective's terms")
    terms.add_argument('logs', nargs=1)
    terms.add_argument('--out', type=Path, help='picture to write')
    terms.add_argument('--window', type=int, default=10)
    terms.add_argument('--smooth', type=int, default=1)
    return parser.parse_args()


def run(args: argparse.Namespace) -> None:
    logs = [read_training_log(path) for path in args.logs]
    if args.task == 'plot_curve':
        plot_curves(logs, args.keys, args.out, args.legend, args.title,
                    args.smooth)
        print(args.out)
    elif args.task == 'cal_train_time':
        for log in logs:
            times = train_time(log, args.include_outliers)
            print(f'{log.path}\n'
                  f'  slowest epoch {times.slowest_epoch}: '
                  f'{times.slowest:.4f} s/iter\n'
                  f'  fastest epoch {times.fastest_epoch}: '
                  f'{times.fastest:.4f} s/iter\n'
                  f'  std over epochs: {times.std_over_epochs:.4f} s\n'
                  f'  average: {times.mean:.4f} s/iter')
    else:
        for row in mi_table(logs[0], args.window):
            print(f'{row[0]:34}{row[1]:>14}{row[2]:>14}{row[3]:>9}')
        if args.out is not None:
            plot_mi(logs[0], args.out, args.smooth)
            print(args.out)


def main() -> None:
    try:
        run(parse_args())
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
    main()
