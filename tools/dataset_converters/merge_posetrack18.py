"""Merge PoseTrack18's per-video json files into one COCO-style json.

Example::

    python tools/dataset_converters/merge_posetrack18.py \
        data/posetrack18/annotations/val data/posetrack18 \
        data/posetrack18/annotations/posetrack18_val.json --progress
"""
import argparse
from pathlib import Path

from mmpose_tdmi.datasets.converters import merge_annotations


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'ann_dir', type=Path, help='folder of the per-video json files')
    parser.add_argument(
        'img_root', type=Path, help='folder that file_name is relative to')
    parser.add_argument('out', type=Path, help='the merged json to write')
    parser.add_argument(
        '--progress', action='store_true', help='show a progress bar')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    files = sorted(args.ann_dir.glob('*.json'))
    if not files:
        raise SystemExit(f'{args.ann_dir}: no json files in this folder')
    try:
        merged = merge_annotations(
            files, args.img_root, args.out, progress=args.progress)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    print(f'{args.out}: {len(files)} videos, {len(merged["images"])} images, '
          f'{len(merged["annotations"])} annotations')


if __name__ == '__main__':
    main()
