#!/usr/bin/env python
"""Write the box file of a config's test set, by any MMDetection model.

MMPose's name and arguments for what tools/detect_persons.py does; boxes get
the image ids of the test set, and an interrupted run goes on::

    python tools/misc/generate_bbox_file.py DET_CONFIG DET_CHECKPOINT \
boxes.json --pose-config CONFIG

Further options are those of tools/detect_persons.py.
"""
import argparse
import runpy
import sys
from pathlib import Path
from typing import List

from mmengine.config import Config

import mmpose_tdmi  # noqa: F401

PHASES = ('val', 'test', 'train')


def detection_arguments(arguments: List[str]) -> List[str]:
    """The command line of tools/detect_persons.py.

    Raises:
        ValueError: If the pose config names no annotation file.
    """
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('det_config')
    parser.add_argument('det_weight')
    parser.add_argument('output', help='the json to write')
    parser.add_argument('--pose-config', required=True)
    parser.add_argument('--phase', choices=PHASES, default='test')
    parser.add_argument('--score-thr', type=float, default=0.1)
    parser.add_argument('--nms-thr', type=float, default=0.65)
    args, others = parser.parse_known_args(arguments)
    config = Config.fromfile(args.pose_config)
    loader = config.get(f'{args.phase}_dataloader') or {}
    dataset = loader.get('dataset', {})
    if not dataset.get('ann_file'):
        raise ValueError(f'{args.pose_config}: {args.phase}_dataloader.'
                         'dataset names no ann_file')
    root = Path(dataset.get('data_root') or '')
    prefix = (dataset.get('data_prefix') or {}).get('img', '')
    return [
        str(root / dataset['ann_file']), args.det_config, args.det_weight,
        '--out', args.output, '--img-root',
        str(root / prefix), '--score-thr',
        str(args.score_thr), '--nms-thr',
        str(args.nms_thr), *others
    ]


def main() -> None:
    tool = Path(__file__).resolve().parents[1] / 'detect_persons.py'
    try:
        sys.argv = [str(tool), *detection_arguments(sys.argv[1:])]
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    runpy.run_path(str(tool), run_name='__main__')


if __name__ == '__main__':
    main()
