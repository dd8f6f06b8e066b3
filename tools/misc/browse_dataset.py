#!/usr/bin/env python
"""Browse a dataset of clips: strips of frames, and videos.

::

    python tools/misc/browse_dataset.py CONFIG --output-dir browsed
    python tools/misc/browse_dataset.py CONFIG --mode pipeline --clip none

Modes: ``original`` (the frames as they are, pose and box on the key frame),
``transformed`` (what the model gets, with its targets), ``pipeline`` (what
each transform makes of the clip, one below the other).
"""
import argparse
import random
from pathlib import Path
from typing import List

import cv2
import numpy as np
from mmengine.config import DictAction
from tqdm import tqdm

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.tooling import short_errors
from mmpose_tdmi.tooling.browsing import (CLIP_FORMATS, MODES, DatasetBrowser,
                                          write_sample)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a model for clips')
    parser.add_argument(
        '--output-dir',
        type=Path,
        default=Path('work_dirs/browsed'),
        help='folder for the pictures (default work_dirs/browsed)')
    parser.add_argument(
        '--phase', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--mode', choices=MODES, default='transformed')
    parser.add_argument(
        '--max-item-per-dataset',
        type=int,
        default=20,
        help='how many samples, spread over the dataset (default 20)')
    parser.add_argument(
        '--indices', type=int, nargs='+', help='these samples instead')
    parser.add_argument(
        '--clip',
        choices=CLIP_FORMATS,
        default='mp4',
        help='also write each clip as a video (default mp4)')
    parser.add_argument('--fps', type=float, default=4., help='its speed')
    parser.add_argument(
        '--height', type=int, default=192, help='of a frame, in pixels')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the random transforms')
    parser.add_argument(
        '--show', action='store_true', help='also show them in a window')
    parser.add_argument(
        '--show-interval',
        type=float,
        default=2.,
        help='for how many seconds; 0: until a key is pressed')
    parser.add_argument(
        '--not-show',
        action='store_true',
        help="the default; for command lines of MMPose's tool")
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='overrides of the config, key=value')
    return parser.parse_args()


def chosen(args: argparse.Namespace, browser: DatasetBrowser) -> List[int]:
    """Which samples are drawn."""
    size = len(browser.dataset)
    if args.indices is None:
        if args.max_item_per_dataset < 1:
            raise ValueError('--max-item-per-dataset must be at least 1, got '
                             f'{args.max_item_per_dataset}')
        count = min(size, args.max_item_per_dataset)
        return [i * size // count for i in range(count)]
    wrong = [i for i in args.indices if not 0 <= i < size]
    if wrong:
        raise ValueError(f'--indices must be in 0..{size - 1}, got {wrong}')
    return args.indices


@short_errors()
def main() -> None:
    args = parse_args()
    random.seed(args.seed)
    np.random.seed(args.seed)
    browser = DatasetBrowser.from_config(args.config, args.phase, args.mode,
                                         args.cfg_options, args.height)
    indices = chosen(args, browser)
    for index in tqdm(indices):
        sample = browser.draw(index)
        write_sample(args.output_dir, sample, args.clip, args.fps)
        if args.show and not args.not_show:
            cv2.imshow('browse_dataset', sample.picture)
            cv2.waitKey(round(1000 * args.show_interval))
    print(
        f'{len(indices)} of {len(browser.dataset)} samples: {args.output_dir}')


if __name__ == '__main__':
    main()
