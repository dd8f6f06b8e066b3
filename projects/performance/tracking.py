#!/usr/bin/env python
"""How well trackers keep people apart on clips with known tracks.

Boxes come from a simulated detector: annotated ones that tremble, with people
missed at random, for some frames each, or because little is seen of them.
Without a model poses are the annotated ones with noise; with one they are its
own, and motion features can be compared. What is scored is who is called
whom: the joints are taken from the annotation that a box was made of, or, with
--score-poses and for boxes carried between detections, from the pose::

    python projects/synthetic/generate_clips.py clips \
        --train 0 --val 10 --frames 60 \
--difficulty hard --label-margin 0
    python projects/performance/tracking.py clips
    python projects/performance/tracking.py clips --config CONFIG \
--checkpoint CHECKPOINT --stride 3
    python projects/performance/tracking.py clips --carry 2 4 8

Prints MOTA, HOTA and its AssA, IDF1 and identity switches for each tracker,
and the mean paired difference of the videos' IDF1 to plain IoU's, with its
standard error. With --carry, how well boxes are carried instead: their
overlap with the annotated ones if the detector looks at every n-th frame.
"""
import argparse
import json
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from mmengine.logging import MMLogger
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from torch import nn

from mmpose_tdmi.datasets import PoseTrack18SequenceDataset
from mmpose_tdmi.evaluation.functional import load_annotations
from mmpose_tdmi.video import (FramePoses, StreamingPoseEstimator, TrackedBox,
                               TrackedFrame)
from mmpose_tdmi.video.tracking import build_tracker
from projects.performance.annotated_video import (AnnotatedVideo,
                                                  load_annotated_videos)
from projects.performance.simulated_detector import (Detections,
                                                     DetectorFaults,
                                                     SimulatedDetector)
from projects.performance.timing import markdown_table
from projects.performance.tracking_measurement import (TrackingScores,
                                                       annotated_poses,
                                                       carried_overlaps,
                                                       tracked_boxes)

#: What is compared: rows of the table.
TRACKERS: Dict[str, Dict[str, Any]] = {
    'plain IoU': dict(type='iou', predict=False),
    'iou': dict(type='iou'),
    'OKS alone': dict(type='oks', oks_weight=1.),
    'oks': dict(type='oks'),
    'bytetrack': dict(type='bytetrack'),
}


def motion_trackers(weights: Sequence[float]) -> Dict[str, Dict[str, Any]]:
    """Those that compare motion features, with and without poses."""
    return {
        f'{name} + {weight:g} motion':
        dict(type='motion', motion_weight=weight, oks_weight=oks_weight)
        for name, oks_weight in (('iou', 0.), ('oks', 0.5))
        for weight in weights
    }


class Clip:
    """A video at a lower frame rate, with what a detector finds in it."""

    def __init__(self, name: str, video: AnnotatedVideo, stride: int) -> None:
        self.name = name
        self.video = video
        self.frames = range(0, len(video.file_names), stride)

    def detect(self, faults: DetectorFaults, seed: int,
               interval: int) -> List[Optional[Detections]]:
        """Look at every ``interval``-th frame."""
        detector = SimulatedDetector(faults, seed)
        found = []
        for place, persons in enumerate(self.persons()):
            # faults go on in frames that nobody looks at
            detected = detector(persons)
            found.append(None if place % interval else detected)
        return found

    def persons(self) -> List[Sequence[dict]]:
        """The annotations of each frame."""
        return [
            self.video.persons.get(self.video.image_ids[index], ())
            for index in self.frames
        ]

    def images(self) -> List[np.ndarray]:
        """The frames."""
        everything = [frame.image for frame in self.video.frames()]
        return [everything[index] for index in self.frames]


def load_clips(folder: Path, split: str, stride: int) -> Tuple[dict, list]:
    """The annotated sequences by video, and the clips.

    Raises:
        ValueError: If a frame is not labelled.
    """
    ann_file = folder / 'annotations' / f'synthetic_{split}.json'
    content = json.loads(ann_file.read_text(encoding='utf-8'))
    if not all(image['is_labeled'] for image in content['images']):
        raise ValueError(f'{ann_file}: frames without labels; generate the '
                         'clips with --label-margin 0')
    annotated = load_annotations(ann_file)
    clips = []
    for video in load_annotated_videos(ann_file, folder).values():
        name = Path(video.file_names[0]).parent.name
        clips.append(Clip(name, video, stride))
        keep = np.zeros(annotated[name].num_frames, dtype=bool)
        keep[list(clips[-1].frames)] = True
        annotated[name] = annotated[name].select_frames(keep)
    return annotated, clips


def compare_carrying(folder: Path, args: argparse.Namespace) -> List[list]:
    """The rows of the table of carried boxes."""
    _, clips = load_clips(folder, args.split, args.stride)
    faults = DetectorFaults(args.jitter, args.miss, args.burst, args.hidden)
    rows = []
    for name in ('plain IoU', 'iou', 'bytetrack'):
        for interval in args.carry:
            overlaps = np.array([
                overlap for clip in clips for seed in range(args.seeds)
                for overlap in carried_overlaps(
                    build_tracker(TRACKERS[name]),
                    clip.detect(faults, seed, interval), clip.persons())
            ])
            rows.append([
                name, interval, f'{overlaps.mean():.3f}',
                f'{100 * (overlaps > 0.5).mean():.1f} %',
                len(overlaps)
            ])
    return rows


def model_poses(estimator: StreamingPoseEstimator, images: List[np.ndarray],
                boxes: List[List[TrackedBox]]) -> List[FramePoses]:
    """A model's poses along a video."""
    frames: Iterator[TrackedFrame] = (TrackedFrame(
        i, None, image,
        persons) for i, (image, persons) in enumerate(zip(images, boxes)))
    return list(estimator.iterate_poses(frames))


def compare(folder: Path, args: argparse.Namespace,
            model: Optional[nn.Module]) -> List[list]:
    """The table's rows."""
    annotated, clips = load_clips(folder, args.split, args.stride)
    trackers = dict(TRACKERS)
    scores_poses = _scores_poses(args)
    estimator = None
    if model is None:
        meta = parse_pose_metainfo(PoseTrack18SequenceDataset.METAINFO)
    else:
        meta = model.dataset_meta
        trackers.update(motion_trackers(args.motion_weights))
        estimator = StreamingPoseEstimator(model, output_motion=True)
    if args.trackers is not None:
        trackers = _select(trackers, args.trackers)
    names = [meta['keypoint_id2name'][i] for i in range(meta['num_keypoints'])]
    scores = {name: TrackingScores() for name in trackers}
    seconds = dict.fromkeys(trackers, 0.)
    num_frames = 0
    faults = DetectorFaults(args.jitter, args.miss, args.burst, args.hidden)
    for clip in clips:
        images = None if estimator is None else clip.images()
        for seed in range(args.seeds):
            detections = clip.detect(faults, seed, args.det_interval)
            num_frames += len(detections)
            known: Dict[str, List[FramePoses]] = {}
            for name, settings in trackers.items():
                tracker = build_tracker(settings, meta['sigmas'])
                start = time.perf_counter()
                boxes = tracked_boxes(tracker, detections, images)
                seconds[name] += time.perf_counter() - start
                # equal boxes and identities have equal poses
                key = repr(boxes)
                if key not in known and estimator is None:
                    known[key] = list(
                        annotated_poses(boxes, detections, args.pose_noise,
                                        seed))
                elif key not in known:
                    known[key] = model_poses(estimator, images, boxes)
                start = time.perf_counter()
                final = [tracker.observe(poses) for poses in known[key]]
                seconds[name] += time.perf_counter() - start
                if not scores_poses:
                    final = list(
                        annotated_poses([[p.box for p in poses.persons]
                                         for poses in final], detections, 0.,
                                        0))
                scores[name].add(annotated[clip.name], final, names)
    plain = np.array(scores['plain IoU'].video_idf1)
    rows = []
    for name, score in scores.items():
        result = score.result()
        change = np.array(score.video_idf1) - plain
        error = change.std(ddof=1) / np.sqrt(len(change))
        rows.append([
            name, *(f'{result[key]:.1f}'
                    for key in ('mota', 'hota', 'assa', 'idf1', 'switches')),
            f'{change.mean():+.2f} ± {error:.2f}',
            1000 * seconds[name] / num_frames
        ])
    return rows


def _scores_poses(args: argparse.Namespace) -> bool:
    """Carried boxes are of nobody's annotation: only their poses score."""
    return args.score_poses or args.det_interval > 1


def _select(trackers: Dict[str, dict],
            names: Sequence[str]) -> Dict[str, dict]:
    """Some of them, and plain IoU, which all are compared with."""
    unknown = sorted(set(names) - set(trackers))
    if unknown:
        raise ValueError(f'--trackers: {", ".join(unknown)}, expected some of '
                         f'{", ".join(trackers)}')
    return {
        name: settings
        for name, settings in trackers.items()
        if name in names or name == 'plain IoU'
    }


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('clips', type=Path, help='folder of generated clips')
    parser.add_argument('--split', choices=('train', 'val'), default='val')
    parser.add_argument('--config', help='config of a model of this package')
    parser.add_argument('--checkpoint', help='its weights')
    parser.add_argument(
        '--stride',
        type=int,
        default=1,
        help='use every n-th frame: fewer frames per second (default 1)')
    parser.add_argument(
        '--det-interval',
        type=int,
        default=1,
        help='detect in every n-th of these (default 1); needs a model')
    parser.add_argument(
        '--carry',
        type=int,
        nargs='+',
        metavar='N',
        help='measure carried boxes, detector in every N-th frame')
    parser.add_argument(
        '--seeds', type=int, default=3, help='detectors per clip (default 3)')
    faults = DetectorFaults()
    for name, text in (('jitter', 'noise of a box\'s sides, share of the box'),
                       ('miss', 'probability to begin missing somebody'),
                       ('burst', 'mean frames for which that lasts'),
                       ('hidden', 'visible share below which all miss')):
        value = getattr(faults, name)
        parser.add_argument(
            f'--{name}',
            type=float,
            default=value,
            help=f'{text} (default {value})')
    parser.add_argument(
        '--pose-noise',
        type=float,
        default=0.15,
        help='without a model: noise of joints in head sizes (default 0.15)')
    parser.add_argument(
        '--motion-weights', type=float, nargs='+', default=[0.3, 1.])
    parser.add_argument(
        '--trackers', nargs='+', help='rows of the table (default all)')
    parser.add_argument(
        '--score-poses',
        action='store_true',
        help='score the poses\' own joints')
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    if (args.config is None) != (args.checkpoint is None):
        parser.error('--config and --checkpoint go together')
    if args.carry is not None and min(args.carry) < 2:
        parser.error('--carry: every box is detected if N is below 2')
    for name in ('stride', 'det_interval', 'seeds'):
        if getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')
    if args.config is None and args.det_interval > 1:
        parser.error('--det-interval needs a model: poses as annotated '
                     'belong to boxes that were detected')
    return args


def main() -> None:
    args = parse_args()
    about = f'every {args.stride}. frame, {args.seeds} detectors per clip'
    try:
        if args.carry is not None:
            rows = compare_carrying(args.clips, args)
            header = ['tracker', 'detector every', 'IoU', 'IoU > 0.5', 'boxes']
        else:
            model = None
            if args.config is not None:
                # the entry points need MMDetection, nothing else here does
                from mmpose_tdmi.apis import init_pose_model
                model = init_pose_model(args.config, args.checkpoint,
                                        args.device)
            MMLogger.get_current_instance().setLevel('WARNING')
            rows = compare(args.clips, args, model)
            header = [
                'tracker', 'MOTA', 'HOTA', 'AssA', 'IDF1', 'switches',
                'IDF1, change', 'ms/frame'
            ]
            scored = 'poses' if _scores_poses(args) else 'identities'
            about += (f', detector every {args.det_interval}. of these; poses:'
                      f' {args.checkpoint or "annotated"}, scored: {scored}')
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise SystemExit(f'error: {error}') from error
    print(f'\n{about}\n\n{markdown_table(header, rows)}')


if __name__ == '__main__':
    main()
