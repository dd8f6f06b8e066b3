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

from projects.demo.plan import DemoSettings, plan
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


def main() -> None:
    args = parse_args()
    if args.video is not None and not args.video.is_file():
        raise SystemExit(f'error: there is no video {args.video}')
    settings = DemoSettings(folder=args.work_dir, video=args.video)
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
    print(f'\n{elapsed / 60:.1f} minutes. Open {page.resolve()}')


if __name__ == '__main__':
    main()
