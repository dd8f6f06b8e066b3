#!/usr/bin/env python
"""Fine-tune the small TDMI on labelled real videos, test, draw.

FOLDER holds ``videos/<name>.<suffix>`` and PoseTrack18-format
``annotations/<name>.json``. For each video: its frames are extracted; the
model is fine-tuned on the first part of its labelled frames; it is tested on
the rest and on every other video, before and after; and skeletons are drawn
on the other videos. Boxes are those of the annotations::

    python projects/demo/finetune_real_motion.py FOLDER \
--checkpoint work_dirs/demo/tdmi/epoch_1.pth

Interrupt it and run it again: it goes on where it was.
"""
import argparse
from pathlib import Path

from projects.demo.real_motion import find_videos, prepare_video
from projects.demo.real_motion_plan import (RealMotionSettings, plan,
                                            results_table, write_pictures)
from projects.demo.report import markdown
from projects.demo.steps import StepFailed, run_steps


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path)
    parser.add_argument(
        '--checkpoint',
        type=Path,
        required=True,
        help='weights to start from: the TDMI model that make demo trains')
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/real_motion'))
    parser.add_argument(
        '--train-share',
        type=float,
        default=0.7,
        help='first share of the labelled frames to train on (default 0.7)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if not args.checkpoint.is_file():
        raise SystemExit(f'error: there is no checkpoint {args.checkpoint}')
    try:
        videos = find_videos(args.folder)
        settings = RealMotionSettings(args.work_dir, args.checkpoint,
                                      tuple(video.name for video in videos))
        for video in videos:
            prepare_video(video, settings.data, args.train_share)
        run_steps(plan(settings), settings.folder)
    except (StepFailed, FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    except KeyboardInterrupt:
        raise SystemExit('\ninterrupted; the same command continues') from None
    print('\nPoseTrack AP against the labels of the given annotations:\n')
    print(markdown(results_table(settings)))
    for picture in write_pictures(settings):
        print(picture.resolve())


if __name__ == '__main__':
    main()
