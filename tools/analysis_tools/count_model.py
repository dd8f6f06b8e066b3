r"""Print the parameters and multiply-accumulates of configs' models.

Examples:
    python tools/analysis_tools/count_model.py CONFIG --depth 2
    python tools/analysis_tools/count_model.py \
        --table configs/ablations/posetrack17
"""
import argparse
from pathlib import Path
from typing import List, Optional, Sequence

from mmengine.config import DictAction
from tabulate import tabulate

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.models.cost import clip_cost
from mmpose_tdmi.tooling import short_errors


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


def find_configs(paths: Sequence[str]) -> List[Path]:
    """Configs by file name, or all below a folder, sorted by name."""
    found = []
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f'no such config or folder: {path}')
        below = sorted(path.rglob('*.py')) if path.is_dir() else [path]
        if not below:
            raise FileNotFoundError(f'no config (*.py) in folder {path}')
        found.extend(below)
    return found


def print_modules(args: argparse.Namespace) -> None:
    """One model, module by module."""
    config, = args.configs
    cost = clip_cost(config, args.shape, args.depth, args.cfg_options)
    height, width = cost.shape
    print(f'{config}: {cost.num_frames} frame(s) of {height}x{width}')
    rows = [(x.name or '(all)', f'{x.params:,}', f'{x.trainable:,}',
             f'{x.macs / 1e9:.3f}') for x in cost.modules]
    print_rows(rows, ['module', 'params', 'trainable', 'GMAC'], 'plain')


def print_table(args: argparse.Namespace) -> None:
    """A row for each model."""
    rows = []
    for path in find_configs(args.configs):
        cost = clip_cost(path, args.shape, 1, args.cfg_options)
        total = cost.modules[0]
        own_params, own_macs = cost.without_backbone()
        height, width = cost.shape
        rows.append(
            (path.stem, cost.num_frames, f'{height}x{width}',
             f'{total.params:,}', f'{total.trainable:,}', f'{own_params:,}',
             f'{total.macs / 1e9:.3f}', f'{own_macs / 1e9:.3f}'))
    print_rows(rows, [
        'config', 'T', 'input', 'params', 'trained', 'without backbone',
        'GMAC per clip', 'without backbone'
    ], 'pipe')


def print_rows(rows: Sequence[tuple], header: List[str], layout: str) -> None:
    """Names on the left, figures on the right, as they are."""
    print(
        tabulate(
            rows,
            header,
            tablefmt=layout,
            disable_numparse=True,
            colalign=['left'] + ['right'] * (len(header) - 1)))


@short_errors()
def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    if not args.table and len(args.configs) > 1:
        raise SystemExit('error: several configs are counted with --table, '
                         f'got {len(args.configs)} without it')
    print_table(args) if args.table else print_modules(args)


if __name__ == '__main__':
    main()
