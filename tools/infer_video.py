#!/usr/bin/env python
"""Estimate and draw the poses of all people along a video.

INPUT is a video file, a folder of frames or a glob. Boxes come from an
MMDetection model or from a file (tools/detect_persons.py)::

    python tools/infer_video.py video.mp4 CONFIG CHECKPOINT \
--det-config DET_CONFIG --det-checkpoint DET_CHECKPOINT --out-dir out
    python tools/infer_video.py 'frames/*.jpg' CONFIG CHECKPOINT \
--boxes boxes.json --out-dir out

Writes ``<name>.json``, the poses by frame, and ``<name>.mp4``, the video with
skeletons at the source's frame rate. Frame indices are 0-based.
"""
import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Tuple

import numpy as np
import torch
from mmengine.config import Config
from tqdm import tqdm

import mmpose_tdmi  # noqa: F401  lets torch load the Runner's checkpoints
from mmpose_tdmi.apis import (BoxSource, DetectedBoxes, FileBoxes, FramePoses,
                              FrameSource, PersonDetector, VideoPoseEstimator,
                              clip_window, frame_names, frame_record,
                              frames_to_keep, init_pose_model, open_frames,
                              require_file, result_meta)
from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.utils.video import VideoWriter
from mmpose_tdmi.visualization import PoseDrawer


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('input', help='video file, folder of frames or glob')
    parser.add_argument('config', help='config of a model of this package')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--det-config', help='config of an MMDetection model')
    parser.add_argument('--det-checkpoint', help='its weights')
    parser.add_argument('--boxes', type=Path, help='COCO-style detection json')
    parser.add_argument(
        '--ann-file',
        type=Path,
        help='annotation json that tells which file an image_id in --boxes '
        'is; by default that is a file_name there or the frame index')
    parser.add_argument('--out-dir', type=Path, required=True)
    parser.add_argument('--name', help="outputs' name (default: the input's)")
    parser.add_argument(
        '--no-video', action='store_true', help='write the json only')
    parser.add_argument(
        '--fps', type=float, help='of image files (default 25)')
    parser.add_argument(
        '--batch-size', type=int, default=8, help='people per batch')
    parser.add_argument(
        '--bbox-thr',
        type=float,
        default=0.2,
        help='lowest score of boxes used (default 0.2)')
    parser.add_argument(
        '--kpt-thr',
        type=float,
        default=0.3,
        help='lowest score of keypoints drawn (default 0.3); all are in the '
        'json')
    parser.add_argument(
        '--det-nms-thr',
        type=float,
        help="IoU above which the detector's boxes suppress each other, in "
        "addition to the model's own suppression")
    parser.add_argument(
        '--category',
        default='person',
        help="name among the detector's classes (default person)")
    parser.add_argument(
        '--device', default='cuda:0' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args()
    by_detector = bool(args.det_config), bool(args.det_checkpoint)
    if any(by_detector) != all(by_detector):
        parser.error('--det-config and --det-checkpoint belong together')
    if all(by_detector) == bool(args.boxes):
        parser.error('give either --det-config and --det-checkpoint or '
                     '--boxes: people are not looked for in any other way')
    if args.ann_file and not args.boxes:
        parser.error('--ann-file explains the image ids of --boxes')
    return args


def open_boxes(args: argparse.Namespace,
               frames: FrameSource) -> Tuple[BoxSource, dict]:
    """The boxes and what the result says about them."""
    if args.boxes:
        boxes = FileBoxes(args.boxes, frames, args.bbox_thr, args.ann_file)
        source = dict(file=str(args.boxes))
    else:
        boxes = DetectedBoxes(
            PersonDetector(
                args.det_config,
                args.det_checkpoint,
                category=args.category,
                score_thr=args.bbox_thr,
                nms_thr=args.det_nms_thr,
                device=args.device))
        source = dict(
            det_config=args.det_config,
            det_checkpoint=args.det_checkpoint,
            category=args.category,
            nms_thr=args.det_nms_thr)
    return boxes, dict(source, score_thr=args.bbox_thr)


def output_name(source: str) -> str:
    """``a/b.mp4`` -> ``b``, ``a/b`` and ``a/b/*.jpg`` -> ``b``."""
    path = Path(source)
    if path.is_file():
        return path.stem
    if path.is_dir():
        return path.resolve().name
    return path.parent.resolve().name.replace('*', '_')


def draw(drawer: PoseDrawer, poses: FramePoses,
         frame: np.ndarray) -> np.ndarray:
    persons = poses.persons
    return drawer.draw(
        frame,
        keypoints=np.array([p.keypoints for p in persons]),
        scores=np.array([p.scores for p in persons]),
        boxes=np.array([p.box.bbox for p in persons]),
        ids=[p.box.id for p in persons])


def infer(args: argparse.Namespace) -> None:
    require_file(args.config, 'the config')
    config = Config.fromfile(args.config)
    frames = open_frames(args.input, args.fps,
                         frames_to_keep(clip_window(config)))
    boxes, box_source = open_boxes(args, frames)
    model = init_pose_model(config, args.checkpoint, args.device)
    estimator = VideoPoseEstimator(model, args.batch_size)
    meta = result_meta(args.input, frames, estimator, args.config,
                       args.checkpoint, box_source)

    name = args.name or output_name(args.input)
    drawer = PoseDrawer(model.dataset_meta, args.kpt_thr)
    names = frame_names(frames)
    records = []
    with ExitStack() as stack:
        video = None
        if not args.no_video:
            video = stack.enter_context(
                VideoWriter(args.out_dir / f'{name}.mp4', frames.fps))
        for poses, frame in tqdm(
                estimator.iterate_poses(frames, boxes),
                total=len(frames),
                desc=name,
                unit='frame'):
            records.append(frame_record(poses, names[poses.index]))
            if video is not None:
                video.write(draw(drawer, poses, frame))
    write_json(args.out_dir / f'{name}.json', dict(meta=meta, frames=records))
    num_persons = sum(len(record['persons']) for record in records)
    written = f'{name}.json' if args.no_video else f'{name}.json, {name}.mp4'
    print(f'{args.out_dir}: {written}; {num_persons} people in '
          f'{len(records)} frames')


def main() -> None:
    args = parse_args()
    try:
        infer(args)
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
    main()
