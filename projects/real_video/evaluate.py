#!/usr/bin/env python
"""PCK of the torso of a model on labelled stills and videos.

::

    python -m projects.real_video.evaluate CONFIG CHECKPOINT \
--videos VIDEO --out results.json

The stills are those held out (``python -m projects.real_video.stills``); VIDEO
is a folder in PoseTrack18's layout, with ``annotations/val/*.json`` for each
video. Boxes are those of the labels, every frame is judged by itself.
"""
import argparse
from pathlib import Path
from typing import Dict

from tabulate import tabulate

from mmpose_tdmi.utils.files import write_json
from .pck import forgiven, found, table
from .people import People, Poser, read_people
from .stills import DATA, TEST

#: The share of the torso within which a joint is found.
SHARE = 0.2


def rows(people: People, poser: Poser) -> Dict[str, Dict[str, float]]:
    """The tables of some people: as labelled, and with exchanged sides
    forgiven."""
    joints, _ = poser(people)
    return {
        'as labelled': table(people, found(people, joints, SHARE)),
        'sides forgiven': table(people, forgiven(people, joints, SHARE))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', type=Path)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('--videos', type=Path)
    parser.add_argument('--out', type=Path, help='a json of the table')
    args = parser.parse_args()
    sets = {}
    if TEST.is_file():
        sets['stills'] = read_people(TEST, DATA / 'images')
    if args.videos:
        for path in sorted(args.videos.glob('annotations/val/*.json')):
            sets[path.stem] = read_people(path, args.videos)
    poser = Poser(args.config, args.checkpoint)
    results = {name: rows(people, poser) for name, people in sets.items()}
    print(
        tabulate([
            dict(people=name, count=len(sets[name].images), sides=kind, **row)
            for name, kinds in results.items() for kind, row in kinds.items()
        ],
                 headers='keys',
                 floatfmt='.1f'))
    if args.out:
        write_json(args.out, results, is_own=True, indent=1)


if __name__ == '__main__':
    main()
