#!/usr/bin/env python
"""Plot a config's learning rates over its training, without training.

::

    python tools/visualizations/vis_scheduler.py CONFIG --out lr.png
    python tools/visualizations/vis_scheduler.py CONFIG --dataset-size 97174

With ``--dataset-size`` no data is needed. The weight alpha of the mutual
information objective is plotted as well where the model has one.
"""
import argparse
from pathlib import Path

from mmengine.config import Config, DictAction

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.tooling.schedules import (epoch_length_of, plot_schedule,
                                           training_schedule)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--out', type=Path, default=Path('schedule.png'))
    parser.add_argument(
        '--dataset-size',
        type=int,
        help='samples of an epoch (default: those of the training data)')
    parser.add_argument(
        '--ngpus', type=int, default=1, help='processes (default 1)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='overrides of the config, key=value')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        config = Config.fromfile(args.config)
        if args.cfg_options is not None:
            config.merge_from_dict(args.cfg_options)
        if args.dataset_size is None:
            length = epoch_length_of(config, args.ngpus)
        else:
            batch = args.ngpus * config.train_dataloader.batch_size
            length = -(-args.dataset_size // batch)
        schedule = training_schedule(config, length)
        plot_schedule(schedule, args.out, Path(args.config).stem)
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    for name, values in schedule.lr.items():
        print(f'{name}: lr {values[0]:.3g} at first, {values.max():.3g} at '
              f'most, {values[-1]:.3g} at last')
    print(f'{length} iterations an epoch: {args.out}')


if __name__ == '__main__':
    main()
