#!/usr/bin/env python
"""Running the model on every N-th frame: time and error against N.

CLIPS is a folder in PoseTrack18's layout, with ``annotations/val/*.json``, one
labelled video each, as ``projects/synthetic/generate_clips.py`` and
``projects/real_video`` have them; boxes are those of the labels::

    python projects/performance/every.py CLIPS --config CONFIG \
--checkpoint CHECKPOINT

A joint is found if it is within 0.2 of the torso, a shoulder to the hip of the
other side. Times are CPU time of the poses alone, as ratios to N = 1.

Shape shorthand: none.
"""
import argparse
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional

import numpy as np
import torch
from mmengine.fileio import load
from mmpose.utils import register_all_modules

from mmpose_tdmi.apis.models import init_pose_model
from mmpose_tdmi.video import StreamingPoseEstimator, TrackedBox, TrackedFrame
from projects.performance.machine import describe_machine
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.real_video.people import POSETRACK_NAMES, read_image

SHARE = 0.2
_DIAGONALS = (('left_shoulder', 'right_hip'), ('right_shoulder', 'left_hip'))


class Clip(NamedTuple):
    frames: List[TrackedFrame]
    #: By frame and track: joints' names to x, y.
    labels: List[Dict[int, Dict[str, np.ndarray]]]


def read_clips(folder: Path) -> Iterator[Clip]:
    """The labelled videos, their persons' boxes from the labels."""
    paths = sorted(folder.glob('annotations/val/*.json'))
    if not paths:
        raise FileNotFoundError(f'{folder}: no annotations/val/*.json')
    for path in paths:
        content = load(path)
        names = content['categories'][0]['keypoints']
        frames: List[TrackedFrame] = []
        labels: List[Dict[int, Dict[str, np.ndarray]]] = []
        place = {}
        for image in content['images']:
            place[image['id']] = len(frames)
            picture = read_image(folder / image['file_name'])
            frames.append(TrackedFrame(len(frames), None, picture))
            labels.append({})
        for ann in content['annotations']:
            if not ann.get('bbox'):
                continue
            x, y, width, height = ann['bbox']
            joints = np.reshape(ann['keypoints'], (-1, 3))
            at, track = place[ann['image_id']], ann['track_id']
            frames[at].persons.append(
                TrackedBox(track, (x, y, x + width, y + height), 1.))
            labels[at][track] = {
                name: joint[:2]
                for name, joint in zip(names, joints) if joint[2]
            }
        yield Clip(frames, labels)


def _torso(label: Dict[str, np.ndarray]) -> float:
    for a, b in _DIAGONALS:
        if a in label and b in label:
            return float(np.linalg.norm(label[a] - label[b]))
    return np.nan


class Score:
    """Joints found, and how far they are off in torsos."""

    def __init__(self) -> None:
        self.apart: List[float] = []
        self.missing = self.persons = 0
        self.seconds = 0.

    def run(self, estimator: StreamingPoseEstimator, clip: Clip,
            names: List[str]) -> None:
        begin = time.process_time()
        found = list(estimator.iterate_poses(clip.frames))
        self.seconds += time.process_time() - begin
        for frame, labels in zip(found, clip.labels):
            self.persons += len(frame.persons)
            poses = {p.box.track_id: p.keypoints for p in frame.persons}
            for track, label in labels.items():
                torso = _torso(label)
                joints = [(i, label[name]) for i, name in enumerate(names)
                          if name in label]
                if not torso > 1:
                    continue
                if track not in poses:
                    self.missing += len(joints)
                    continue
                self.apart += [
                    np.linalg.norm(poses[track][i] - joint) / torso
                    for i, joint in joints
                ]

    def pck(self) -> float:
        hits = np.sum(np.array(self.apart) <= SHARE)
        return 100 * hits / (len(self.apart) + self.missing)

    def error(self) -> float:
        """Per cent of the torso, at most 100 a joint, as without a pose."""
        found = np.minimum(self.apart, 1).sum()
        return 100 * (found + self.missing) / (len(self.apart) + self.missing)


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('clips', type=Path)
    parser.add_argument('--config', type=Path, required=True)
    parser.add_argument('--checkpoint', type=Path, required=True)
    parser.add_argument('--temporal', choices=['mean'])
    parser.add_argument(
        '--every', nargs='+', type=int, default=[1, 2, 3, 4, 6, 8])
    add_out_argument(parser)
    return parser.parse_args(args)


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    torch.set_num_threads(1)
    register_all_modules()
    model = init_pose_model(args.config, args.checkpoint)
    info = model.dataset_meta['keypoint_id2name']
    names = [POSETRACK_NAMES.get(info[i], info[i]) for i in range(len(info))]
    scores = {every: Score() for every in args.every}
    for clip in read_clips(args.clips):
        for every, score in scores.items():
            estimator = StreamingPoseEstimator(
                model, every=every, temporal=args.temporal)
            score.run(estimator, clip, names)
    first = scores[args.every[0]]
    if not first.apart and not first.missing:
        raise SystemExit(f'error: {args.clips}: no person with a torso has '
                         f'joints labelled of the model\'s {names}')
    rows = [[
        every, score.seconds / first.seconds,
        1000 * score.seconds / max(score.persons, 1),
        score.pck(),
        score.error(),
        len(score.apart) + score.missing, score.missing
    ] for every, score in scores.items()]
    publish(
        Report(
            f'{args.config.name}, {args.clips.name}, boxes of the labels, '
            '1 thread.', [
                Table([
                    'N', f'time / N = {args.every[0]}', 'ms a person-frame',
                    'PCK@0.2', 'error, % of torso', 'joints',
                    'of people without a pose'
                ], rows)
            ], {f'PCK every {row[0]}': row[3]
                for row in rows}), args.out, argv, describe_machine())


if __name__ == '__main__':
    main()
