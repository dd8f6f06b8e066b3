"""A long video in pieces against the same in one go.

A generated clip of two people, of whom one leaves and another comes, with
boxes that tremble; each row is two runs of ``tools/infer_videos.py``::

    python -m projects.many_videos.pieces --work-dir work_dirs/pieces
"""
import argparse
import json
import shutil
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np
from tabulate import tabulate

from .workload import command, environment, make_clips, start

FRAMES, MINUTES = 1000, 0.2
WAYS = dict(
    plain=(),
    mean=('--temporal', 'mean'),
    mean_one_euro=('--temporal', 'mean', '--smoothing', 'one_euro',
                   '--tracker', 'bytetrack'),
    mean_savgol=('--temporal', 'mean', '--smoothing', 'savgol', '--tracker',
                 'oks', '--det-interval', '3'))


def make_boxes(path: Path) -> None:
    """One person stays; another goes in frame 390, a third comes in 620."""
    rng = np.random.default_rng(0)
    found: List[Dict[str, Any]] = []
    for i in range(FRAMES):
        lefts = [140 + 90 * np.sin(i / 20)]
        if not 390 <= i < 620:
            lefts.append(20. if i < 390 else 240.)
        for left in lefts:
            box = np.array([left, 40., 60., 160.]) + rng.normal(0, 1, 4)
            found.append(
                dict(image_id=i, category_id=1, bbox=box.tolist(), score=.9))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found))


def run(folder: Path, name: str, options: Sequence[str]) -> List[dict]:
    """The frames of a run's json."""
    out = folder / name
    shutil.rmtree(out, ignore_errors=True)
    boxes = '--boxes', str(folder / 'boxes')
    arguments = list(command(folder / 'clips', out, '--no-video', *options))
    at = arguments.index('--det-config')
    arguments[at:at + 2] = boxes
    log = folder / f'{name}.log'
    if start(arguments, log, environment()).wait(3600):
        raise SystemExit(f'failed, see {log}')
    path, = (out / 'predictions').glob('*.json')
    return json.loads(path.read_text())['frames']


def compare(whole: List[dict], pieces: List[dict]) -> Dict[str, Any]:
    """How two results differ."""
    same_ids, apart = 0, []
    for a, b in zip(whole, pieces):
        ids = [[p['track_id'] for p in x['persons']] for x in (a, b)]
        if a['frame'] == b['frame'] and ids[0] == ids[1]:
            same_ids += 1
            apart += [
                np.linalg.norm(
                    np.subtract(p['keypoints'], q['keypoints']), axis=-1)
                for p, q in zip(a['persons'], b['persons'])
            ]
    joints = np.concatenate(apart)
    return {
        'frames': f'{len(whole)}, {len(pieces)}',
        'with the same ids': same_ids,
        'joints': len(joints),
        'that differ': int((joints > 0).sum()),
        'by at most, px': float(joints.max())
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', type=Path, required=True)
    folder = parser.parse_args().work_dir.resolve()
    make_clips(folder / 'clips', [FRAMES])
    make_boxes(folder / 'boxes' / 'clip00.json')
    rows = []
    for name, options in WAYS.items():
        whole = run(folder, f'{name}_whole', options)
        pieces = run(folder, f'{name}_pieces',
                     [*options, '--split-minutes', f'{MINUTES}'])
        rows.append(
            dict(
                options=' '.join(options) or 'none', **compare(whole, pieces)))
    print(tabulate(rows, headers='keys', tablefmt='github'))


if __name__ == '__main__':
    main()
