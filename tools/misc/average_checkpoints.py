#!/usr/bin/env python
"""Average the weights of several checkpoints of one model.

::

    python tools/misc/average_checkpoints.py a.pth b.pth c.pth --out mean.pth
    python tools/misc/average_checkpoints.py --work-dir work_dirs/x --last 5 \
--out mean.pth

Running statistics of normalisation layers are averaged as well.
"""
import argparse
from pathlib import Path

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.tooling.checkpoints import last_checkpoints, save_average


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoints', nargs='*', help='the files')
    parser.add_argument(
        '--work-dir', type=Path, help='a training, in place of files')
    parser.add_argument(
        '--last', type=int, help='its last so many checkpoints')
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument(
        '--weights',
        type=float,
        nargs='+',
        help='how much each counts (default: equally)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if bool(args.checkpoints) == bool(args.work_dir):
        raise SystemExit('error: give checkpoints, or --work-dir with --last')
    if (args.work_dir is None) != (args.last is None):
        raise SystemExit('error: --work-dir and --last go together')
    try:
        paths = args.checkpoints or last_checkpoints(args.work_dir, args.last)
        save_average(paths, args.out, args.weights)
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    print(f'{args.out}: average of {", ".join(map(str, paths))}')


if __name__ == '__main__':
    main()
