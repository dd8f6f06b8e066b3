#!/usr/bin/env python
"""Generate clips, train a detector and TDMI on them, test, draw, report.

::

    python projects/demo/demo.py                 # make demo
    python projects/demo/demo.py --video my.mp4  # make demo VIDEO=my.mp4

Interrupt it and run it again: it goes on where it was.
"""
import argparse
import time
from pathlib import Path

from mmpose_tdmi.apis.models import DEFAULT, find_weights
from mmpose_tdmi.stack import BrokenStackError
from projects.demo.plan import DemoSettings, own_name, plan, what_draws
from projects.demo.report import markdown, results_table, write_report
from projects.demo.steps import StepFailed, run_lanes


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/demo'),
        help='where everything goes (default work_dirs/demo)')
    parser.add_argument(
        '--video', type=Path, help='also draw skeletons on this video')
    return parser.parse_args()


def fetch_models() -> str:
    """Have the weights of MMPose's default models at hand, from a folder, a
    cache or the network; where they cannot be had, why."""
    try:
        for scope in ('mmpose', 'mmdet'):
            find_weights(DEFAULT, None, 'the weights', scope)
    except (ConnectionError, ValueError, BrokenStackError) as error:
        return str(error)
    return ''


def main() -> None:
    args = parse_args()
    if args.video is not None and not args.video.is_file():
        raise SystemExit(f'error: there is no video {args.video}')
    settings = DemoSettings(
        folder=args.work_dir,
        video=args.video,
        excuse='' if args.video is None else fetch_models())
    begin = time.monotonic()
    try:
        records = [
            record for lanes in plan(settings)
            for record in run_lanes(lanes, settings.folder)
        ]
    except StepFailed as error:
        raise SystemExit(f'error: {error}') from error
    except KeyboardInterrupt:
        raise SystemExit('\ninterrupted; the same command continues') from None
    elapsed = time.monotonic() - begin
    page = write_report(settings, records)
    print('\nPoseTrack AP on held-out generated clips:\n')
    print(markdown(results_table(settings)))
    if args.video is not None:
        print(f'\n{settings.drawn_video(own_name(settings))}: '
              f'{what_draws(settings)}')
    print(f'\n{elapsed / 60:.1f} minutes. Open {page.resolve()}')


if __name__ == '__main__':
    main()
