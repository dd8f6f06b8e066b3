"""Draw what trained models see in clips, as a static page.

Example::

    python projects/known_truth/draw_gallery.py --folder work_dirs/known_truth
    python projects/known_truth/draw_gallery.py \
        --folder work_dirs/known_truth \
        --out work_dirs/figures --video clip.mp4 20 660 250 850 890

The models are those that ``known_truth.py run`` has trained;
others are named by ``--model``. Open ``gallery.html`` in the output folder.
"""
import argparse
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import torch
from torch import nn

from mmpose_tdmi.apis.models import init_pose_model
from projects.known_truth.gallery.gallery import Gallery, Section
from projects.known_truth.gallery.subjects import (FEW, MANY, Subject,
                                                   hidden_subjects,
                                                   video_subject)
from projects.known_truth.systems import HOME, ROOT, SYSTEMS, TDMI

#: Systems whose poses are compared, where they were trained.
COMPARED = ('single_frame', 'tdmi', 'tdmi_window', 'tdmi_st', 'posewarper',
            'dcpose', 'fami_pose')


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        '--folder',
        type=Path,
        default=ROOT / 'work_dirs' / 'known_truth',
        help='folder of the benchmark: its clips and trained models')
    parser.add_argument('--seed', type=int, default=0, help='seed of the runs')
    parser.add_argument(
        '--model',
        nargs=3,
        action='append',
        default=[],
        metavar=('NAME', 'CONFIG', 'CHECKPOINT'),
        help='a model in place of, or beside, those of the folder; NAME is a '
        'system of the benchmark')
    parser.add_argument(
        '--out',
        type=Path,
        default=HOME / 'gallery_pictures',
        help='folder of the page')
    parser.add_argument(
        '--shown',
        default=TDMI.name,
        choices=list(SYSTEMS),
        metavar='NAME',
        help='the system whose features are shown')
    parser.add_argument(
        '--features',
        type=int,
        default=3,
        help='how many of the persons are shown with features')
    parser.add_argument(
        '--poses', type=int, default=8, help='persons with poses')
    parser.add_argument('--note', help='a paragraph for the top of the page')
    parser.add_argument(
        '--video',
        nargs=6,
        action='append',
        default=[],
        metavar=('FILE', 'FRAME', 'X1', 'Y1', 'X2', 'Y2'),
        help='a person of a video: frame from 0, box in pixels; may be '
        'repeated. Mind whose pictures you publish')
    return parser.parse_args(args)


def load_models(args: argparse.Namespace) -> Dict[str, nn.Module]:
    """The models to draw, by title, the single frame first."""
    places = {name: (config, weights) for name, config, weights in args.model}
    for name in places:
        if name not in SYSTEMS:
            raise ValueError(f'--model {name}: expected a system of the '
                             f'benchmark, {", ".join(SYSTEMS)}')
    for name in dict.fromkeys([*COMPARED, args.shown]):
        run = args.folder / 'runs' / f'{name}_seed{args.seed}'
        if name not in places and (run / 'model.pth').is_file():
            places[name] = (run / 'config.py', run / 'model.pth')
    if args.shown not in places:
        raise FileNotFoundError(
            f'{args.folder} holds no trained {SYSTEMS[args.shown].title} of '
            f'seed {args.seed}; run known_truth.py, or give '
            'one by --model')
    return {
        SYSTEMS[name].title: init_pose_model(*places[name])
        for name in SYSTEMS if name in places
    }


def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    torch.set_num_threads(1)
    clips = args.folder / 'clips'
    try:
        models = load_models(args)
        gallery = Gallery(args.out, models, SYSTEMS[args.shown].title)
        subjects = hidden_subjects(
            clips / 'annotations' / 'known_truth_val.json', clips, args.poses)
        sections: List[Section] = [
            *gallery.features(subjects[::-(-len(subjects) // args.features)]),
            gallery.predictions(subjects),
            gallery.real([_video(*video) for video in args.video])
        ]
        page = gallery.write(sections, _introduction(models, args.note))
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    print(page)


def _video(path: str, frame: str, *box: str) -> Subject:
    return video_subject(
        Path(path), f'{Path(path).name}, frame {frame}', int(frame),
        [float(value) for value in box], 3)


def _introduction(models: Dict[str, nn.Module],
                  note: Optional[str]) -> List[str]:
    paragraphs = [
        'Made by projects/known_truth/draw_gallery.py from models of the '
        'benchmark '
        f'with known truth ({", ".join(models)}), small ones for crops of '
        '96x64 pixels, on its generated validation clips. The persons are '
        'evenly taken '
        f'from those with {FEW} to {MANY} joints that are hidden in '
        'the key frame and visible nearby; what the models make of them had '
        'no part in the choice.'
    ]
    return paragraphs + [note] if note else paragraphs


if __name__ == '__main__':
    main()
