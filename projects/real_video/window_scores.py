#!/usr/bin/env python
"""What the temporal models' joints are worth.

::

    python -m projects.real_video.window_scores

takes the predictions of :mod:`.windows` and the truth of :mod:`.clips`, and
writes ``results/windows/SYSTEM_seedK.json``: sums over blocks of people, which
:mod:`.window_page` makes its tables of. Blocks are what is drawn anew by the
bootstrap: a photograph, or half a second to a second of a scene, all views of
it together.

Shape letters: N people, T = 5 frames of a window, K = 14 joints.
"""
import argparse
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import numpy as np
from mmengine.fileio import load

from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.video.smoothing import build_smoother
from mmpose_tdmi.video.structures import (Crop, FramePoses, PersonPose,
                                          TrackedBox)
from .clips import CLIPS, KEY
from .pck import torsos
from .people import People, read_people
from .windows import PREDICTIONS

RESULTS = Path(__file__).parent / 'results' / 'windows'
#: Frames of a block of a video.
BLOCK = 12
#: Frames a second of the videos: the basketball player's, all others'.
MOCAP_FPS, FPS = 12., 25.
#: The rivals that are made of a single frame's joints of neighbours too.
SMOOTHERS = {
    'one_euro': lambda fps: dict(type='one_euro', fps=fps),
    'savgol': lambda fps: dict(type='savgol', window=5),
}


class Truth:
    """The test's people, N of them.

    Attributes:
        people: They, by the order of ``ids``.
        kind, scene: Of each, (N, ): the corruption, the clip without it.
        frame: Its frame in the clip, (N, ).
        covered: Joints under an occluder, (N, K).
        hit: Whose frame is damaged, (N, ).
    """

    def __init__(self) -> None:
        path = CLIPS / 'annotations/val.json'
        content = load(path)
        self.people: People = read_people(path, CLIPS)
        persons = [x for x in content['annotations'] if x['num_keypoints']]
        self.ids = np.array([x['id'] for x in persons])
        self.kind, self.scene = (
            np.array([x[key] for x in persons]) for key in ('kind', 'scene'))
        self.frame = self.ids % 10000
        self.covered = np.array([x['covered'] for x in persons])
        self.hit = np.array([x['hit'] for x in persons])
        self.set = np.array([
            'stills' if x.startswith('still_') else 'videos' if x.startswith(
                ('mocap', 'jhmdb')) else 'parkour' for x in self.scene
        ])
        self.block = np.array([
            scene if which == 'stills' else
            f'{scene.split("_out")[0]}/{frame // BLOCK}'
            for scene, which, frame in zip(self.scene, self.set, self.frame)
        ])
        self.torso = torsos(self.people)

    def sequences(self) -> Iterator[np.ndarray]:
        """Indices of the people of each video clip, in order of time."""
        for kind in np.unique(self.kind):
            for scene in np.unique(self.scene[self.set != 'stills']):
                rows = np.flatnonzero((self.kind == kind)
                                      & (self.scene == scene))
                if len(rows):
                    yield rows[np.argsort(self.frame[rows])]

    def selections(self) -> Dict[str, np.ndarray]:
        """The joints that a figure is over, (N, K), by name."""
        known = self.people.labelled & np.isfinite(self.torso)[:, None]
        chosen = {}
        for which in ('videos', 'parkour', 'stills'):
            for kind in np.unique(self.kind):
                rows = (self.set == which) & (self.kind == kind)
                if not rows.any():
                    continue
                if kind == 'occluded':
                    chosen[
                        f'{which}/hidden'] = known & self.covered & rows[:,
                                                                         None]
                    chosen[f'{which}/occluded'] = known & rows[:, None]
                elif kind == 'clean':
                    chosen[f'{which}/clean'] = known & rows[:, None]
                else:
                    chosen[f'{which}/{kind}'] = known & (rows
                                                         & self.hit)[:, None]
        return chosen


def smoothed(truth: Truth, name: str, frames: np.ndarray,
             scores: np.ndarray) -> np.ndarray:
    """A single frame's joints smoothed along time.

    Videos along their whole length, photographs over their window.

    Args:
        truth: The people.
        name: Of :data:`SMOOTHERS`.
        frames, scores: Joints (N, T, K, 2) and scores (N, T, K) of the frames
            of each window.

    Returns:
        Of the key frames, (N, K, 2).
    """
    joints = frames[:, KEY].copy()
    for rows in truth.sequences():
        is_mocap = truth.scene[rows[0]].startswith('mocap')
        joints[rows] = _smooth(SMOOTHERS[name](MOCAP_FPS if is_mocap else FPS),
                               truth.frame[rows], truth.people.boxes[rows],
                               joints[rows], scores[rows, KEY])
    for row in np.flatnonzero(truth.set == 'stills'):
        boxes = np.repeat(truth.people.boxes[row:row + 1], len(frames[row]), 0)
        joints[row] = _smooth(SMOOTHERS[name](FPS), range(len(boxes)), boxes,
                              frames[row], scores[row])[KEY]
    return joints


def _smooth(smoother: dict, index, boxes: np.ndarray, joints: np.ndarray,
            scores: np.ndarray) -> np.ndarray:
    fps = smoother.get('fps', FPS)
    poses = [
        FramePoses(
            int(t),
            timestamp=t / fps,
            persons=[
                PersonPose(
                    TrackedBox(0, tuple(box), 1.), xy.astype(float), score,
                    Crop((0, 0), (1, 1)))
            ]) for t, box, xy, score in zip(index, boxes, joints, scores)
    ]
    done = build_smoother(smoother).iterate(poses)
    return np.array([frame.persons[0].keypoints for frame in done])


def jitter(truth: Truth, joints: np.ndarray) -> np.ndarray:
    """How far a joint is from the middle of where it is one frame before and
    after, times two, in torsos, (N, K); NaN where that is not known."""
    found = np.full(joints.shape[:2], np.nan)
    for rows in truth.sequences():
        middle = rows[1:-1]
        consecutive = (truth.frame[rows[2:]] - truth.frame[rows[:-2]]) == 2
        change = np.linalg.norm(
            joints[rows[:-2]] - 2 * joints[middle] + joints[rows[2:]], axis=-1)
        seen = truth.people.labelled
        good = (
            consecutive[:, None] & seen[rows[:-2]] & seen[middle]
            & seen[rows[2:]])
        found[middle] = np.where(good, change / truth.torso[middle][:, None],
                                 np.nan)
    return found


def sums(truth: Truth, joints: np.ndarray) -> Dict[str, Dict[str, List]]:
    """Sums over each block of each selection.

    Returns:
        By selection and block: joints, those within 0.2 and 0.1 of the torso,
        the sum of errors in torsos (of at most one), joints whose jitter is
        known, and its sum.
    """
    errors = np.linalg.norm(
        joints - truth.people.joints, axis=-1) / truth.torso[:, None]
    tremble = jitter(truth, joints)
    found: Dict[str, Dict[str, List]] = {}
    for name, chosen in truth.selections().items():
        found[name] = {}
        for block in np.unique(truth.block[chosen.any(axis=1)]):
            here = chosen & (truth.block == block)[:, None]
            error, shake = errors[here], tremble[here]
            known = np.isfinite(shake)
            found[name][block] = [
                int(here.sum()),
                int((error <= 0.2).sum()),
                int((error <= 0.1).sum()),
                round(float(np.minimum(error, 1).sum()), 4),
                int(known.sum()),
                round(float(shake[known].sum()), 4)
            ]
    return found


def systems(truth: Truth, path: Path) -> Iterator[Tuple[str, np.ndarray]]:
    """Names and joints (N, K, 2) that a file of predictions gives."""
    content = dict(np.load(path))
    order = np.argsort(content['ids'])
    order = order[np.searchsorted(content['ids'][order], truth.ids)]
    if not (content['ids'][order] == truth.ids).all():
        raise ValueError(f'{path}: ids: not those of {CLIPS}; remove it')
    name, seed = path.stem.rsplit('_', 1)
    joints = content['joints'][order]
    if joints.ndim == 3:
        yield path.stem, joints
        return
    scores = content['scores'][order]
    yield path.stem, joints[:, KEY]
    if name == 'untrained':
        return
    yield f'{name}_mean_{seed}', content['mean_joints'][order]
    for smoother in SMOOTHERS:
        yield f'{name}_{smoother}_{seed}', smoothed(truth, smoother, joints,
                                                    scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    truth = Truth()
    write_json(
        RESULTS / 'labels.json', sums(truth, truth.people.joints), is_own=True)
    for path in sorted(PREDICTIONS.glob('*.npz')):
        for name, joints in systems(truth, path):
            write_json(
                RESULTS / f'{name}.json', sums(truth, joints), is_own=True)
            print(name)


if __name__ == '__main__':
    main()
