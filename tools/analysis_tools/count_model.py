r"""Print the parameters and multiply-accumulates of configs' models.

Examples:
    python tools/analysis_tools/count_model.py CONFIG --depth 2
    python tools/analysis_tools/count_model.py \
        --table configs/ablations/posetrack17
"""
import argparse
from typing import Optional, Sequence

from mmengine.config import DictAction

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.models.cost import (build_from_config, clip_length,
                                     config_cost, count_model, find_configs,
                                     markdown_header, markdown_row)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'configs',
        nargs='+',
        help='config; with --table also several, '
        'and folders of configs')
    parser.add_argument(
        '--table',
        action='store_true',
        help='one row of a Markdown table for each config')
    parser.add_argument(
        '--shape',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='size of the crops; default: the decoder\'s input size')
    parser.add_argument(
        '--depth',
        type=int,
        default=2,
        help='how deep modules are listed (without --table)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='overrides of the config, key=value')
    return parser.parse_args(args)


def print_modules(args: argparse.Namespace) -> None:
    """One model, module by module."""
    config, = args.configs
    model, shape = build_from_config(config, args.cfg_options, args.shape)
    num_frames = clip_length(model)
    counts = count_model(model, shape, num_frames, depth=args.depth)
    print(f'{config}: {num_frames} frame(s) of {shape[0]}x{shape[1]}')
    print(f'{"module":44}{"params":>14}{"trainable":>14}{"GMAC":>10}')
    for count in counts:
        print(f'{count.name or "(all)":44}{count.params:14,}'
              f'{count.trainable:14,}{count.macs / 1e9:10.3f}')


def print_table(args: argparse.Namespace) -> None:
    """A row for each model, as soon as it is counted."""
    configs = find_configs(args.configs)
    width = max(len(path.stem) for path in configs)
    print('\n'.join(markdown_header(width)))
    for path in configs:
        cost = config_cost(path, args.cfg_options, args.shape)
        print(markdown_row(cost.cells(), width), flush=True)


def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    if not args.table and len(args.configs) > 1:
        raise SystemExit('error: several configs are counted with --table, '
                         f'got {len(args.configs)} without it')
    try:
        print_table(args) if args.table else print_modules(args)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
    main()
