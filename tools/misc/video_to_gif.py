#!/usr/bin/env python
"""A piece of a video as an animated GIF, for a page.

::

    python tools/misc/video_to_gif.py out/video.mp4 video.gif --width 320
"""
import argparse
from pathlib import Path

from mmpose_tdmi.visualization.gif import video_to_gif


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('video', help='e.g. one that infer_video.py has drawn')
    parser.add_argument('gif', type=Path)
    parser.add_argument('--width', type=int, help="default: the video's")
    parser.add_argument(
        '--every',
        type=int,
        default=1,
        metavar='N',
        help='take every N-th frame; the speed stays (default 1)')
    parser.add_argument(
        '--frames',
        type=int,
        nargs=2,
        metavar=('START', 'STOP'),
        default=(0, None),
        help='first frame, and the one before which it ends (default: all)')
    parser.add_argument(
        '--colours',
        type=int,
        default=256,
        help='size of the palette; fewer make the file smaller (default 256)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        count, (width, height) = video_to_gif(args.video, args.gif, args.width,
                                              args.every, *args.frames,
                                              args.colours)
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    print(f'{count} frames of {width} x {height}, '
          f'{args.gif.stat().st_size / 1000:.0f} kB: {args.gif}')


if __name__ == '__main__':
    main()
