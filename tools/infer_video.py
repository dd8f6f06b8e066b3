#!/usr/bin/env python
"""Poses of all people along a video: skeletons drawn, poses as json.

INPUT is a video file, a folder of frames, a glob in quotes or a camera
(webcam:0). Who is where is told by a detector of MMDetection or by a file
(tools/detect_persons.py, or your own tracks)::

    python tools/infer_video.py video.mp4 CONFIG CHECKPOINT --out-dir out \
--det-config DET_CONFIG --det-checkpoint DET_CHECKPOINT
    python tools/infer_video.py 'frames/*.jpg' CONFIG CHECKPOINT \
--out-dir out --boxes boxes.json

Writes <name>.json, the poses by frame, and <name>.mp4, the video with
skeletons and ids at the source's frame rate. Memory does not grow with the
video. docs/video.md explains everything.
"""
import argparse
from pathlib import Path

import mmpose_tdmi  # noqa: F401  lets torch load the Runner's checkpoints
from mmpose_tdmi.apis import DetectorError, VideoPoseInferencer, VideoSummary
from mmpose_tdmi.video.decoding import ON_CORRUPT
from mmpose_tdmi.video.results.exports import EXPORTS
from mmpose_tdmi.video.smoothing import SMOOTHERS
from mmpose_tdmi.video.streaming.engine import MODES
from mmpose_tdmi.video.tracking import TRACKERS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'input', help='video file, folder of frames, glob or webcam:0')
    parser.add_argument('config', help='config of a model of this package')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--out-dir', type=Path, required=True)
    parser.add_argument('--name', help="outputs' name (default: the input's)")
    parser.add_argument('--device', help='default: cuda:0 if there is one')

    people = parser.add_argument_group('people')
    people.add_argument('--det-config', help='config of a detector')
    people.add_argument('--det-checkpoint', help='its weights')
    people.add_argument('--boxes', type=Path, help='COCO-style detection json')
    people.add_argument(
        '--ann-file',
        type=Path,
        help='annotation json that tells which file an image_id in --boxes '
        'is; by default that is a file_name there or the frame index')
    people.add_argument(
        '--bbox-thr',
        type=float,
        default=0.3,
        help='lowest score of boxes used (default 0.3)')
    people.add_argument(
        '--det-nms-thr',
        type=float,
        help="IoU above which the detector's boxes suppress each other, in "
        "addition to the detector's own suppression")
    people.add_argument(
        '--det-cat-ids',
        type=int,
        nargs='+',
        help="indices among the detector's classes (default: its class "
        "'person')")
    people.add_argument(
        '--det-interval',
        type=int,
        default=1,
        metavar='N',
        help='detect on every N-th frame, carry boxes between (default 1)')
    people.add_argument(
        '--tracker',
        choices=TRACKERS,
        default='iou',
        help='how people are recognised from frame to frame (default iou)')

    poses = parser.add_argument_group('poses')
    poses.add_argument(
        '--mode',
        choices=MODES,
        default='offline',
        help='offline: each frame of a person through the backbone once, a '
        'few frames of lookahead (default); online: no lookahead, for models '
        'whose window has no future; naive: a crop per box, as in tests on '
        'data sets')
    poses.add_argument(
        '--smoothing', choices=SMOOTHERS, default='none', help='default none')
    poses.add_argument(
        '--batch-size', type=int, help='crops per batch (default: 4 on a CPU)')

    output = parser.add_argument_group('output')
    output.add_argument(
        '--formats',
        nargs='+',
        choices=list(EXPORTS),
        default=['json'],
        help='in which poses are written (default json)')
    output.add_argument(
        '--no-video', action='store_true', help='draw no video')
    output.add_argument(
        '--report', action='store_true', help='also write a page to look at')
    output.add_argument(
        '--kpt-thr',
        type=float,
        default=0.3,
        help='lowest score of keypoints drawn (default 0.3); all are in the '
        'json')
    output.add_argument(
        '--draw-heatmap', action='store_true', help='draw the heatmaps')
    output.add_argument(
        '--draw-motion',
        action='store_true',
        help="draw the model's motion feature")

    reading = parser.add_argument_group('reading and going on')
    reading.add_argument(
        '--fps', type=float, help='of image files (default 25)')
    reading.add_argument(
        '--on-corrupt',
        choices=ON_CORRUPT,
        default='skip',
        help='what is done about frames that do not decode (default: leave '
        'them out)')
    reading.add_argument(
        '--resume',
        action='store_true',
        help='go on where an interrupted run with the same settings was')
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


def infer(args: argparse.Namespace) -> VideoSummary:
    inferencer = VideoPoseInferencer(
        args.config,
        args.checkpoint,
        device=args.device,
        det_model=args.det_config,
        det_weights=args.det_checkpoint,
        det_cat_ids=args.det_cat_ids,
        show_progress=True)
    (summary, ) = inferencer.run(
        args.input,
        boxes=args.boxes,
        ann_file=args.ann_file,
        mode=args.mode,
        det_interval=args.det_interval,
        tracker=args.tracker,
        smoothing=args.smoothing,
        bbox_thr=args.bbox_thr,
        nms_thr=args.det_nms_thr,
        kpt_thr=args.kpt_thr,
        batch_size=args.batch_size,
        fps=args.fps,
        on_corrupt=args.on_corrupt,
        vis_out_dir=args.out_dir,
        pred_out_dir=args.out_dir,
        name=args.name,
        formats=args.formats,
        overlay=not args.no_video,
        report=args.report,
        draw_heatmap=args.draw_heatmap,
        draw_motion=args.draw_motion,
        resume=args.resume)
    return summary


def tell(summary: VideoSummary) -> None:
    print(f'{summary.num_persons} poses in {summary.num_frames} frames')
    if summary.num_skipped:
        print(f'{summary.num_skipped} frames did not decode and were left out')
    if summary.num_detector_failures:
        print(f'the detector failed on {summary.num_detector_failures} frames')
    for path in summary.outputs:
        print(f'written: {path}')


def main() -> None:
    args = parse_args()
    try:
        tell(infer(args))
    except (OSError, ValueError, DetectorError) as error:
        raise SystemExit(f'error: {error}') from error
    except KeyboardInterrupt:
        raise SystemExit('interrupted; --resume goes on from here') from None


if __name__ == '__main__':
    main()
