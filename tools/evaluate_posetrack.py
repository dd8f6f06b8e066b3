"""Evaluate predictions with PoseTrack's official metrics.

A stand-in for poseval on folders of official per-video json, PoseTrack17's or
PoseTrack18's format in either folder; many times faster. Frames are paired by
video and frame number. Example::

    python tools/evaluate_posetrack.py data/posetrack18/annotations/val \
        work_dirs/predictions --metrics ap mota --out scores.json
"""
import argparse
from pathlib import Path

from mmpose_tdmi.evaluation import (METRIC_NAMES, PRESENCE_RULES,
                                    UNLABELLED_RULES, evaluate_folders,
                                    format_scores)
from mmpose_tdmi.tooling import short_errors
from mmpose_tdmi.utils.files import check_outputs, write_json


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('gt_dir', type=Path, help='folder of the ground truth')
    parser.add_argument(
        'pred_dir',
        type=Path,
        help='folder of the predictions, files named as those of the ground '
        'truth')
    parser.add_argument(
        '--metrics',
        nargs='+',
        choices=METRIC_NAMES,
        default=['ap'],
        help='what to compute; mota and hota need track ids')
    parser.add_argument(
        '--presence',
        choices=PRESENCE_RULES,
        default='poseval',
        help='which frames and joints count')
    parser.add_argument(
        '--unlabelled',
        choices=UNLABELLED_RULES,
        default='skip',
        help='what becomes of frames that are marked as not labelled but '
        'list persons; poseval scores them')
    parser.add_argument(
        '--hota-own-counts',
        action='store_true',
        help='count frames without predictions by their own joints, which '
        'PoseTrack21\'s released evaluator does not')
    parser.add_argument('--out', type=Path, help='json file for the numbers')
    return parser.parse_args()


@short_errors()
def main() -> None:
    args = parse_args()
    if args.out:
        labels = list(args.gt_dir.glob('*.json'))
        check_outputs([args.out],
                      labels + [args.pred_dir / path.name for path in labels])
    scores = evaluate_folders(
        args.gt_dir,
        args.pred_dir,
        args.metrics,
        presence=args.presence,
        unlabelled=args.unlabelled,
        hota_as_released=not args.hota_own_counts)
    print(format_scores(scores))
    if args.out:
        write_json(args.out, scores.as_dict(), indent=1)


if __name__ == '__main__':
    main()
