#!/usr/bin/env python
"""Do these person boxes belong to these frames?

Prints how many boxes the frames of an annotation file have and which share of
the annotated persons they cover::

    python tools/analysis_tools/box_statistics.py \
data/posetrack18/annotations/posetrack18_val.json boxes.json --score-thr 0.2

BBOX_FILE is anything that ``bbox_file`` of the datasets takes, see
docs/datasets.md.
"""
import argparse
import sys
from typing import Optional, Sequence

from mmpose_tdmi.datasets.box_files import known_size, read_annotation_records
from mmpose_tdmi.datasets.person_boxes import (SUSPICIOUS_RECALL,
                                               box_statistics,
                                               load_person_boxes,
                                               person_boxes_by_image)
from mmpose_tdmi.tooling import short_errors


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('ann_file', help='COCO-style annotation file')
    parser.add_argument('bbox_file', help='box file or folder of them')
    parser.add_argument(
        '--score-thr', type=float, help='lowest score of boxes (default any)')
    parser.add_argument(
        '--nms-thr',
        type=float,
        help='suppress boxes that overlap a better one by more than this IoU')
    return parser.parse_args(args)


@short_errors()
def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    records = read_annotation_records(args.ann_file)
    boxes = load_person_boxes(
        args.bbox_file,
        records.images,
        known_size,
        args.score_thr,
        nms_thr=args.nms_thr,
        videos=records.videos,
        ann_file=args.ann_file)
    persons = person_boxes_by_image(records.annotations, args.ann_file)
    statistics = box_statistics(boxes, list(records.images), persons)
    print(statistics.table())
    if statistics.is_suspicious:
        print(
            f'recall at IoU 0.5 is below {SUSPICIOUS_RECALL:g}: do these '
            'boxes belong to these frames?',
            file=sys.stderr)


if __name__ == '__main__':
    main()
