"""Check a converted annotation file and the frames that it names.

One line per problem, ``file: record: what``, then the counts. The exit status
is 1 if there is a problem; a warning is none.

Example::

    python tools/dataset_converters/check.py \
        data/posetrack18/annotations/posetrack18_val.json data/posetrack18
"""
import argparse
from pathlib import Path

from mmpose_tdmi.datasets.converters.checking import check_converted
from mmpose_tdmi.tooling import short_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'ann_file', type=Path, help='a json file that a converter wrote')
    parser.add_argument(
        'data_root', type=Path, help='folder that file names are relative to')
    parser.add_argument(
        '--quick',
        action='store_true',
        help="read the images' headers only, do not decode them")
    parser.add_argument(
        '--delta',
        type=int,
        default=2,
        help='labelled frames must have this many neighbours on either side '
        '(default 2)')
    parser.add_argument(
        '--workers', type=int, default=1, help='processes (default 1)')
    return parser.parse_args()


@short_errors()
def main() -> None:
    args = parse_args()
    report = check_converted(
        args.ann_file,
        args.data_root,
        quick=args.quick,
        delta=args.delta,
        workers=args.workers,
        progress=True)
    for line in report.problems:
        print(line)
    for line in report.warnings:
        print(f'warning: {line}')
    print(report.summary())
    raise SystemExit(1 if report.problems else 0)


if __name__ == '__main__':
    main()
