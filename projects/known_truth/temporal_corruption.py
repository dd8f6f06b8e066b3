"""Test a model on clips with corrupted frames: the relative robustness.

Example::

    python projects/known_truth/temporal_corruption.py CONFIG CHECKPOINT \
        --out projects/known_truth/results/corruption/tdmi_seed0.json
"""
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmengine.config import Config, DictAction

from mmpose_tdmi.utils.files import write_json
from projects.known_truth.corruption import (CORRUPTIONS, fewer_videos,
                                             run_corruptions)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', type=Path, help='config with a test set')
    parser.add_argument('checkpoint', type=Path, help='the trained weights')
    parser.add_argument('--out', type=Path, help='json to write')
    parser.add_argument(
        '--only',
        nargs='+',
        default=list(CORRUPTIONS),
        choices=list(CORRUPTIONS),
        metavar='NAME',
        help=f'corruptions, of: {", ".join(CORRUPTIONS)} (default: all)')
    parser.add_argument(
        '--videos',
        type=int,
        help='test on so many videos, evenly taken (default: all)')
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/temporal_corruption'),
        help='folder for logs')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='overrides of the config, key=value')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    for path in (args.config, args.checkpoint):
        if not path.is_file():
            raise SystemExit(f'error: {path} does not exist')
    config = Config.fromfile(str(args.config))
    config.merge_from_dict(args.cfg_options or {})
    # whatever else is looked at, the ratios need it
    names = list(dict.fromkeys(['clean', *args.only]))
    try:
        if args.videos is not None:
            config = fewer_videos(config, args.videos, args.work_dir)
        results = run_corruptions(config, args.checkpoint, args.work_dir,
                                  names)
    except ValueError as error:
        raise SystemExit(f'error: {error}') from error
    print(f'{"frames":14}{"AP":>8}{"of clean":>10}')
    for name, value in results.items():
        share = 100 * value / results['clean'] if results['clean'] else 0
        print(f'{name:14}{value:8.2f}{share:9.1f}%')
    if args.out is not None:
        write_json(
            args.out,
            dict(
                config=args.config.name,
                checkpoint=args.checkpoint.name,
                videos=args.videos,
                AP=results),
            indent=1)


if __name__ == '__main__':
    main()
