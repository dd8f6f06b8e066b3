#!/usr/bin/env python
"""Detect people with any MMDetection model and write a box file.

INPUT is an annotation file of a data set (COCO-style json; boxes get its
image ids), a folder of images, a glob or a video file (boxes get the 0-based
index of the frame as ``image_id``)::

    python tools/detect_persons.py data/posetrack18/annotations/posetrack18_\
val.json DET_CONFIG DET_CHECKPOINT --img-root data/posetrack18 --out boxes.json
    python tools/detect_persons.py video.mp4 DET_CONFIG DET_CHECKPOINT \
--out boxes.json

The result is what ``bbox_file`` of the datasets and ``--boxes`` of
tools/infer_video.py read. An interrupted run goes on where it was.
"""
import argparse
import json
from pathlib import Path
from typing import Callable, List, Tuple

import numpy as np
import torch

import mmpose_tdmi  # noqa: F401  lets torch load the Runner's checkpoints
from mmpose_tdmi.apis import PersonDetector, open_frames, require_file
from mmpose_tdmi.apis.detection_job import (DetectionJob, file_digest,
                                            remove_results)
from mmpose_tdmi.video.decoding.files import ImageSequence, relative_names


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'input', help='annotation json, folder of images, glob or video')
    parser.add_argument('det_config', help='config of an MMDetection model')
    parser.add_argument('det_checkpoint', help='its weights, file or URL')
    parser.add_argument(
        '--out', type=Path, required=True, help='the json to write')
    parser.add_argument(
        '--img-root',
        type=Path,
        help='folder that the file names of an annotation file are relative '
        'to (default: the parent of the folder that the file is in)')
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.05,
        help='lowest score written (default 0.05)')
    parser.add_argument(
        '--nms-thr',
        type=float,
        help='suppress boxes that overlap a better one by more than this '
        "IoU, in addition to the model's own suppression")
    parser.add_argument(
        '--category',
        default='person',
        help="name among the model's classes (default person)")
    parser.add_argument(
        '--device', default='cuda:0' if torch.cuda.is_available() else 'cpu')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='throw away results of other settings')
    return parser.parse_args()


def open_input(
    args: argparse.Namespace
) -> Tuple[List[dict], Callable[[int], np.ndarray]]:
    """The images' records and how to read one of them."""
    if args.input.lower().endswith('.json'):
        return open_dataset(Path(args.input), args.img_root)
    if args.img_root is not None:
        raise ValueError('--img-root is for annotation files, but '
                         f'{args.input} is none')
    frames = open_frames(args.input)
    if isinstance(frames, ImageSequence):
        records = [
            dict(image_id=i, file_name=name)
            for i, name in enumerate(relative_names(frames.paths))
        ]
    else:
        records = [
            dict(image_id=i, video=Path(args.input).name)
            for i in range(len(frames))
        ]
    return records, frames.__getitem__


def open_dataset(
        ann_file: Path,
        img_root: Path) -> Tuple[List[dict], Callable[[int], np.ndarray]]:
    """The images of an annotation file."""
    require_file(ann_file, 'the annotation file')
    content = json.loads(ann_file.read_text(encoding='utf-8'))
    if not isinstance(content, dict) or not content.get('images'):
        raise ValueError(f'{ann_file}: expected an annotation file with '
                         '"images", found none')
    root = ann_file.parent.parent if img_root is None else img_root
    frames = ImageSequence(
        [root / image['file_name'] for image in content['images']], keep=1)
    records = [dict(image_id=image['id']) for image in content['images']]
    return records, frames.__getitem__


def detect(args: argparse.Namespace) -> None:
    if args.overwrite:
        remove_results(args.out)
    records, read = open_input(args)
    for path, what in ((args.det_config, "the detector's config"),
                       (args.det_checkpoint, "the detector's checkpoint")):
        require_file(path, what)
    is_file = Path(args.det_checkpoint).is_file()
    settings = dict(
        input=str(Path(args.input).resolve()),
        img_root=str(args.img_root.resolve()) if args.img_root else None,
        det_config=str(args.det_config),
        det_config_sha256=file_digest(args.det_config),
        det_checkpoint=str(args.det_checkpoint),
        det_checkpoint_sha256=(file_digest(args.det_checkpoint)
                               if is_file else None),
        category=args.category,
        score_thr=args.score_thr,
        nms_thr=args.nms_thr)
    job = DetectionJob(args.out, records, settings)
    if job.done:
        print(f'{args.out}: done before, nothing to do')
        return
    detector = PersonDetector(
        args.det_config,
        args.det_checkpoint,
        category=args.category,
        score_thr=args.score_thr,
        nms_thr=args.nms_thr,
        device=args.device)
    num_boxes = job.run(read, detector, args.batch_size)
    print(f'{args.out}: {num_boxes} boxes in {len(records)} images')


def main() -> None:
    try:
        detect(parse_args())
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
    main()
