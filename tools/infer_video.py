#!/usr/bin/env python
"""Poses of all people along a video: skeletons drawn, poses as json.

INPUT is a video file, a folder of frames, a glob in quotes, a camera
(webcam:0) or an address (rtsp://, rtmp://, udp://, http://) of a file or of a
live stream, which is connected again where it breaks. Models are MMPose's own
pair for people or others of MMPose and MMDetection, by name, with the weights
published for them; or a CONFIG with its CHECKPOINT. Who is where is told by
the detector or by a file (tools/detect_persons.py, or your own tracks)::

    python tools/infer_video.py video.mp4
    python tools/infer_video.py video.mp4 --pose vitpose-b --det rtmdet-m
    python tools/infer_video.py video.mp4 --pose real-people --boxes boxes.json
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
from mmpose_tdmi.apis.models import DEFAULT
from mmpose_tdmi.apis.settings import (InferenceSettings, ModelSettings,
                                       add_options, check_people, read_options)
from mmpose_tdmi.tooling import short_errors

#: The small model that a clone has beside the wheel, by its name.
REAL_PEOPLE = 'real-people'
REAL_VIDEO = Path(__file__).resolve().parents[1] / 'projects' / 'real_video'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'input',
        help='video file, folder of frames, glob, webcam:0 or rtsp://...')
    parser.add_argument(
        'config',
        nargs='?',
        help="pose model: a config's path or name, or one of MMPose's names "
        f'and aliases, such as vitpose-b (default: {DEFAULT})')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='its weights, file or address (default: those published for its '
        'name)')
    parser.add_argument('--pose', metavar='CONFIG', help='the same as CONFIG')
    parser.add_argument(
        '--out-dir',
        type=Path,
        default=Path('outputs'),
        help='where results go (default: outputs)')
    parser.add_argument('--device', help='default: cuda:0 if there is one')
    add_options(
        parser,
        ModelSettings,
        InferenceSettings,
        without=('pose2d', 'pose2d_weights'))
    # with options between the arguments, of which some may be left out
    args = parser.parse_intermixed_args()
    if args.config and args.pose:
        parser.error('CONFIG and --pose are two pose models: give one')
    args.config = args.config or args.pose or DEFAULT
    if args.config == REAL_PEOPLE and REAL_VIDEO.is_dir():
        args.config = REAL_VIDEO / 'configs/real-people_mobilenetv2_192x144.py'
        args.checkpoint = args.checkpoint or REAL_VIDEO / 'weights' / (
            REAL_PEOPLE + '.pth')
    check_people(parser, args)
    if args.ann_file and not args.boxes:
        parser.error('--ann-file explains the image ids of --boxes')
    return args


def infer(args: argparse.Namespace) -> VideoSummary:
    inferencer = VideoPoseInferencer(
        **read_options(args, ModelSettings),
        device=args.device,
        show_progress=True)
    (summary, ) = inferencer.run(
        args.input,
        **read_options(args, InferenceSettings),
        vis_out_dir=args.out_dir,
        pred_out_dir=args.out_dir)
    return summary


def tell(summary: VideoSummary) -> None:
    print(f'{summary.num_persons} poses in {summary.num_frames} frames')
    if summary.num_skipped:
        print(f'{summary.num_skipped} frames did not decode and were left out')
    if summary.num_detector_failures:
        print(f'the detector failed on {summary.num_detector_failures} frames')
    for path in summary.outputs:
        print(f'written: {path}')


@short_errors(DetectorError)
def main() -> None:
    args = parse_args()
    try:
        tell(infer(args))
    except KeyboardInterrupt:
        raise SystemExit('interrupted; --resume goes on from here') from None


if __name__ == '__main__':
    main()
