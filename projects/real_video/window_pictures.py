#!/usr/bin/env python
"""Pictures of gains and of failures, for docs/real_video.md.

::

    python -m projects.real_video.window_pictures SYSTEM

Of each set of the test, photographs and labelled videos under an occluder, the
people of whom SYSTEM finds the most joints more, and the most joints fewer,
than the smoothed single frame does (seed 0; of a video's scene one person
each; the first of equals). Left the smoothed single frame, right SYSTEM;
green: found, red: not; a ring: hidden by the occluder.
"""
import argparse
from pathlib import Path
from typing import List

import cv2
import numpy as np
from mmengine.config import Config

from mmpose_tdmi.utils.files import atomic_path
from .clips import CLIPS
from .pck import found
from .people import CONFIGS, JOINTS, read_image
from .window_page import PLOT, REFERENCE
from .window_scores import Truth, systems
from .windows import PREDICTIONS, SYSTEMS

#: How many people of each set, for gains and for failures.
COUNT = 3
SIDE = 300
GREEN, RED, GREY = (60, 200, 60), (40, 40, 230), (200, 200, 200)


def links() -> List[List[int]]:
    """Pairs of joints."""
    info = Config.fromfile(str(CONFIGS / 'lsp14.py')).dataset_info
    return [[JOINTS.index(name) for name in link.link]
            for link in info.skeleton_info.values()]


def choose(truth: Truth, gain: np.ndarray, which: str) -> List[int]:
    """Whose gain (N, ) is the largest, one of each scene."""
    rows = np.flatnonzero((truth.set == which) & (truth.kind == 'occluded'))
    chosen: List[int] = []
    scenes = set()
    for row in rows[np.argsort(-gain[rows], kind='stable')]:
        if truth.scene[row] not in scenes:
            scenes.add(truth.scene[row])
            chosen.append(int(row))
    return chosen[:COUNT]


def draw(truth: Truth, row: int, joints: np.ndarray, is_found: np.ndarray,
         title: str) -> np.ndarray:
    """A person's crop with a pose."""
    image = read_image(truth.people.images[row])
    x1, y1, x2, y2 = truth.people.boxes[row]
    half = 0.65 * max(x2 - x1, y2 - y1)
    scale = SIDE / (2 * half)
    shift = np.array([(x1 + x2) / 2 - half, (y1 + y2) / 2 - half])
    matrix = np.array([[scale, 0, -scale * shift[0]],
                       [0, scale, -scale * shift[1]]])
    crop = cv2.warpAffine(image, matrix, (SIDE, SIDE))
    places = np.round((joints[row] - shift) * scale).astype(int)
    for a, b in links():
        cv2.line(crop, tuple(places[a]), tuple(places[b]), GREY, 1,
                 cv2.LINE_AA)
    for joint in range(len(JOINTS)):
        if not truth.people.labelled[row, joint]:
            continue
        color = GREEN if is_found[row, joint] else RED
        cv2.circle(crop, tuple(places[joint]), 4, color, -1, cv2.LINE_AA)
        if truth.covered[row, joint]:
            cv2.circle(crop, tuple(places[joint]), 8, color, 1, cv2.LINE_AA)
    cv2.putText(crop, title, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45,
                (255, 255, 255), 1, cv2.LINE_AA)
    return crop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('system', choices=list(SYSTEMS)[1:])
    name = parser.parse_args().system
    truth = Truth()
    poses = {}
    for path in (PREDICTIONS / 'single_frame_seed0.npz',
                 PREDICTIONS / f'{name}_seed0.npz'):
        poses.update(systems(truth, path))
    shown = {
        title: poses[key]
        for title, key in (('smoothed', f'{REFERENCE}_seed0'),
                           (SYSTEMS[name].title, f'{name}_seed0'))
    }
    hits = {title: found(truth.people, x) for title, x in shown.items()}
    before, after = (x.sum(axis=1) for x in hits.values())
    for label, gain in (('gains', after - before), ('failures',
                                                    before - after)):
        rows = choose(truth, gain, 'stills') + choose(truth, gain, 'videos')
        pairs = [
            np.hstack([
                draw(truth, row, shown[title], hits[title],
                     f'{title}: {hits[title][row].sum()}') for title in shown
            ]) for row in rows
        ]
        lines = [np.hstack(pairs[i:i + 2]) for i in range(0, len(pairs), 2)]
        out: Path = PLOT.with_name(f'{PLOT.stem}_{label}.jpg')
        with atomic_path(out, is_own=True) as temporary:
            temporary.write_bytes(
                cv2.imencode('.jpg', np.vstack(lines),
                             [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
        print(
            out,
            [(str(truth.people.images[row].relative_to(CLIPS)), int(gain[row]))
             for row in rows])


if __name__ == '__main__':
    main()
