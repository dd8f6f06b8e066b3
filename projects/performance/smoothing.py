#!/usr/bin/env python
"""What smoothing does to jitter and accuracy, on clips with known poses.

The poses are the annotated ones with noise of known size, a share of them
outliers with low scores, or a model's with the annotated boxes::

    python projects/synthetic/generate_clips.py clips \
        --train 0 --val 10 --frames 60 \
--label-margin 0
    python projects/performance/smoothing.py clips --noise 0.05 0.2
    python projects/performance/smoothing.py clips --config CONFIG \
--checkpoint CHECKPOINT

Prints, for each smoother: the error of the joints' acceleration against the
annotated one, their acceleration itself and the error of their positions, in
head sizes and frames; and PoseTrack's AP.
"""
import argparse
import json
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import mmcv
from mmengine.logging import MMLogger
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from torch import nn

from mmpose_tdmi.datasets import PoseTrack18SequenceDataset
from mmpose_tdmi.video import FramePoses, StreamingPoseEstimator
from mmpose_tdmi.video.smoothing import build_smoother
from projects.performance.accuracy import posetrack_ap
from projects.performance.annotated_video import (AnnotatedVideo,
                                                  load_annotated_videos)
from projects.performance.smoothing_measurement import (measure_jitter,
                                                        noisy_poses, smooth)
from projects.performance.timing import markdown_table

#: What is compared: rows of the table.
SMOOTHERS: Dict[str, Dict[str, Any]] = {
    'none': dict(type='none'),
    'one_euro': dict(type='one_euro'),
    'savgol': dict(type='savgol'),
    'one_euro, scores unheeded': dict(type='one_euro', score_thr=0.),
    'savgol, scores unheeded': dict(type='savgol', score_thr=0.),
}

Video = Tuple[Sequence[FramePoses], AnnotatedVideo]


def compare(videos: Sequence[Video], ann_file: Path, meta: dict,
            smoothers: Dict[str, Dict[str, Any]]) -> List[list]:
    """The table's rows."""
    rows = []
    for name, settings in smoothers.items():
        smoother = build_smoother(settings)
        smoothed = []
        for frames, video in videos:
            size = mmcv.imread(str(video.root / video.file_names[0])).shape[:2]
            smoothed.append((smooth(smoother, frames, size), video.image_ids))
        jitter = measure_jitter(smoothed, videos[0][1].persons)
        poses = {
            (image_id, person.box.track_id): person
            for frames, image_ids in smoothed
            for frame, image_id in zip(frames, image_ids)
            for person in frame.persons
        }
        rows.append([
            name, smoother.lookahead,
            *(f'{value:.4f}'
              for value in (jitter.acceleration_error, jitter.unsteadiness,
                            jitter.position_error)),
            f'{posetrack_ap(poses, str(ann_file), meta):.2f}'
        ])
    return rows


def model_videos(model: nn.Module, videos: Sequence[AnnotatedVideo],
                 jitter: float) -> List[Video]:
    """A model's poses along the videos, with the annotated boxes."""
    estimator = StreamingPoseEstimator(model)
    return [([
        poses for poses in estimator.iterate_poses(video.frames(jitter, seed))
    ], video) for seed, video in enumerate(videos)]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('clips', type=Path, help='folder of generated clips')
    parser.add_argument('--split', choices=('train', 'val'), default='val')
    parser.add_argument(
        '--noise',
        type=float,
        nargs='+',
        default=[0.05, 0.2],
        help='standard deviations in head sizes, a table each (default 0.05 '
        '0.2)')
    parser.add_argument(
        '--outliers',
        type=float,
        default=0.03,
        help='share of joints with ten times the noise and a low score '
        '(default 0.03)')
    parser.add_argument('--config', help='config of a model of this package')
    parser.add_argument('--checkpoint', help='its weights')
    parser.add_argument(
        '--box-jitter',
        type=float,
        default=0.03,
        help='with a model: noise of the boxes\' sides, as a share of the\n'
        'box (default 0.03)')
    parser.add_argument(
        '--smoothers',
        type=json.loads,
        default=SMOOTHERS,
        metavar='JSON',
        help='others to compare: {"name": {"type": "savgol", "window": 9}}')
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    if (args.config is None) != (args.checkpoint is None):
        parser.error('--config and --checkpoint go together')
    return args


def main() -> None:
    args = parse_args()
    ann_file = args.clips / 'annotations' / f'synthetic_{args.split}.json'
    header = [
        'smoother', 'lookahead', 'acceleration error', 'acceleration',
        'position error', 'AP'
    ]
    try:
        videos = list(load_annotated_videos(ann_file, args.clips).values())
        MMLogger.get_current_instance().setLevel('WARNING')
        tables: List[Tuple[str, List[Video], dict]] = []
        if args.config is None:
            meta = parse_pose_metainfo(PoseTrack18SequenceDataset.METAINFO)
            for noise in args.noise:
                tables.append((f'annotated poses, noise {noise:g}', [
                    (noisy_poses(video.image_ids, video.persons, noise,
                                 args.outliers, seed), video)
                    for seed, video in enumerate(videos)
                ], meta))
        else:
            # the entry points need MMDetection, which nothing else here does
            from mmpose_tdmi.apis import init_pose_model
            model = init_pose_model(args.config, args.checkpoint, args.device)
            MMLogger.get_current_instance().setLevel('WARNING')
            tables.append((f'poses of {args.checkpoint}',
                           model_videos(model, videos,
                                        args.box_jitter), model.dataset_meta))
        for title, poses, meta in tables:
            rows = compare(poses, ann_file, meta, args.smoothers)
            print(f'\n{title}\n\n{markdown_table(header, rows)}')
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
    main()
