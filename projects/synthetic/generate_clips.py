"""Generate clips with exactly known poses, in a dataset's official format.

Example::

    python projects/synthetic/generate_clips.py data/synthetic \
        --train 40 --val 10
    python projects/synthetic/generate_clips.py data/small \
        --format posetrack17 --tiny
    python projects/synthetic/generate_clips.py --benchmark

A run that was interrupted goes on where it was. Other settings need another
folder, or --overwrite.
"""
import argparse
import time
from pathlib import Path

import cv2

from projects.synthetic.generator import generate, make_scene
from projects.synthetic.official.hieve import LABELS
from projects.synthetic.official.posetrack17 import NAMINGS
from projects.synthetic.official.writing import (OFFICIAL_FORMATS, TINY,
                                                 write_official_set)
from projects.synthetic.settings import PRESETS, ClipSettings


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', type=Path, nargs='?', help='folder to write to')
    parser.add_argument(
        '--format',
        choices=OFFICIAL_FORMATS,
        default='posetrack18',
        help='whose official folder to write (default posetrack18)')
    parser.add_argument(
        '--tiny',
        action='store_true',
        help=f'one small video a split: {TINY.width} x {TINY.height}, '
        f'{TINY.frames} frames, unless said otherwise')
    parser.add_argument(
        '--train', type=int, help='training videos (default 40)')
    parser.add_argument(
        '--val',
        type=int,
        help='validation videos, for hieve test videos (default 10)')
    parser.add_argument(
        '--frames', type=int, help='frames per video (default 12)')
    parser.add_argument(
        '--size', type=int, nargs=2, metavar=('WIDTH', 'HEIGHT'))
    parser.add_argument(
        '--naming',
        choices=NAMINGS,
        help='posetrack17: names of the frames (default irregular)')
    parser.add_argument(
        '--labels',
        choices=LABELS,
        help='hieve: form of the labels (default json)')
    parser.add_argument(
        '--difficulty', choices=list(PRESETS), default='default')
    for knob, text in (('occlusion', 'objects in front of people'),
                       ('blur', 'exposure time'),
                       ('speed', 'speed of people, things and camera'),
                       ('crowd', 'number and closeness of people')):
        parser.add_argument(
            f'--{knob}',
            type=float,
            help=f'{text}, 0 to 1 (default: by difficulty)')
    parser.add_argument(
        '--label-every', type=int, help='label every n-th frame (default 1)')
    parser.add_argument(
        '--label-margin',
        type=int,
        help='frames at either end without labels (default 2)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--workers', type=int, default=1, help='processes (default 1)')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='throw away clips of other settings in the folder')
    parser.add_argument(
        '--benchmark',
        action='store_true',
        help='write nothing; print frames per second on one core')
    args = parser.parse_args()
    if args.out is None and not args.benchmark:
        parser.error('give a folder to write to, or --benchmark')
    fill_in_size(args)
    return args


def fill_in_size(args: argparse.Namespace) -> None:
    """Set what was not given: the small size, or the usual one."""
    usual = dict(train=40, val=10, frames=12, size=(640, 480))
    if args.tiny:
        usual = dict(
            train=1, val=1, frames=TINY.frames, size=(TINY.width, TINY.height))
    for name, value in usual.items():
        if getattr(args, name) is None:
            setattr(args, name, value)


def benchmark(settings: ClipSettings, seed: int, videos: int = 8) -> None:
    """Print how fast frames are drawn and encoded, scene set-up included."""
    cv2.setNumThreads(1)
    set_up = draw = 0.0
    for number in range(videos):
        start = time.process_time()
        scene = make_scene(settings, seed, 'train', number)
        set_up += time.process_time() - start
        start = time.process_time()
        for frame in scene.frames():
            cv2.imencode('.jpg', frame.image,
                         [cv2.IMWRITE_JPEG_QUALITY, scene.quality])
        draw += time.process_time() - start
    frames = videos * settings.frames
    print(f'{settings.width}x{settings.height}, {videos} videos of '
          f'{settings.frames} frames, one core (CPU time):')
    print(f'  set-up    {1000 * set_up / videos:7.1f} ms per video')
    print(f'  drawing   {1000 * draw / frames:7.1f} ms per frame')
    print(f'  together  {frames / (set_up + draw):7.1f} frames per second')


def write(args: argparse.Namespace, settings: ClipSettings) -> None:
    """Write the set that was asked for; print where."""
    common = dict(
        seed=args.seed,
        workers=args.workers,
        overwrite=args.overwrite,
        progress=True)
    if (args.format, args.naming, args.labels) == ('posetrack18', None, None):
        videos = dict(train=args.train, val=args.val)
        for split, path in generate(args.out, settings, videos,
                                    **common).items():
            print(f'{split}: {path}')
        return
    second = 'test' if args.format == 'hieve' else 'val'
    write_official_set(
        args.out,
        args.format, {
            'train': args.train,
            second: args.val
        },
        settings,
        naming=args.naming,
        labels=args.labels,
        **common)
    print(f'{args.format}: {args.out}')


def main() -> None:
    args = parse_args()
    try:
        settings = ClipSettings.preset(
            args.difficulty,
            width=args.size[0],
            height=args.size[1],
            frames=args.frames,
            occlusion=args.occlusion,
            blur=args.blur,
            speed=args.speed,
            crowd=args.crowd,
            label_every=args.label_every,
            label_margin=args.label_margin)
        if args.benchmark:
            benchmark(settings, args.seed)
            return
        write(args, settings)
    except ValueError as error:
        raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
    main()
