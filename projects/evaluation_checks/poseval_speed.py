"""Time the PoseTrack AP of a set as large as PoseTrack18's val split.

The set is generated: 170 videos of 47 labelled frames. With a checkout of
poseval (see ``compare_with_poseval.py``) both are timed in one run, from the
json files to the AP, without imports.
"""
import argparse
import sys
import tempfile
from pathlib import Path

from projects.evaluation_checks.originals import time_poseval
from projects.evaluation_checks.random_scenes import RandomSetSettings
from projects.evaluation_checks.random_sets import write_random_set
from projects.evaluation_checks.speed import (count_set, speed_table,
                                              time_evaluation)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--poseval', type=Path, help='checkout of poseval')
    parser.add_argument(
        '--python',
        default=sys.executable,
        help='interpreter with what poseval needs')
    parser.add_argument(
        '--repeats', type=int, default=3, help='runs of ours; the best counts')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as root:
        gt_dir, pred_dir = write_random_set(
            root, RandomSetSettings.posetrack18_val(), seed=0)
        print(count_set(gt_dir, pred_dir))
        times = {
            'AP':
            time_evaluation(gt_dir, pred_dir, ('ap', ), args.repeats),
            'AP, MOTA and HOTA':
            time_evaluation(gt_dir, pred_dir, ('ap', 'mota', 'hota'), 1)
        }
        original = None
        if args.poseval:
            try:
                original = time_poseval(args.poseval, gt_dir, pred_dir,
                                        args.python)
            except RuntimeError as error:
                raise SystemExit(f'error: {error}') from error
    print(speed_table(times, original))


if __name__ == '__main__':
    main()
