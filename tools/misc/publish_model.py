#!/usr/bin/env python
"""Make a training's checkpoint ready to be published.

::

    python tools/misc/publish_model.py work_dirs/x/epoch_20.pth tdmi.pth

writes ``tdmi-<first 8 digits of its SHA-256>_<date>.pth`` with the weights
and the dataset's metainfo alone, after a check that they are finite.
"""
import argparse

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.tooling import short_errors
from mmpose_tdmi.utils.checkpoints import publish


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('in_file', help="the training's checkpoint")
    parser.add_argument('out_file', help='the name without hash and date')
    parser.add_argument(
        '--drop',
        nargs='+',
        default=[],
        metavar='PREFIX',
        help='leave out weights whose names begin so, e.g. head.mi_loss.')
    return parser.parse_args()


@short_errors()
def main() -> None:
    args = parse_args()
    final = publish(args.in_file, args.out_file, args.drop)
    print(f'{final}: {final.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
