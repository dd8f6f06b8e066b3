#!/usr/bin/env python
"""The tables and the plot of docs/real_video.md, from ``results/windows``.

::

    python -m projects.real_video.window_page

Intervals are of 2000 draws of blocks, the same for all systems, and of seeds.
"""
import argparse
from functools import lru_cache
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.fileio import load
from tabulate import tabulate

from mmpose_tdmi.utils.files import atomic_path
from projects.known_truth.figures import difference_plot
from projects.known_truth.paired_statistics import (Estimate, SystemFigures,
                                                    draw_videos)
from .window_scores import RESULTS
from .windows import SYSTEMS

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'real_video.md'
PLOT = PAGE.parent / 'images' / 'real_video.png'
BEGIN, END = '<!-- tables begin -->\n', '<!-- tables end -->\n'
DRAWS = 2000
#: The rivals of temporal models that are no models; the last is what a model
#: must beat.
TITLES = {
    'untrained': 'single frame as it starts',
    'single_frame': SYSTEMS['single_frame'].title,
    'single_frame_mean': 'mean of the window\'s heatmaps',
    'single_frame_one_euro': 'single frame, one-euro',
    'single_frame_savgol': 'single frame, Savitzky-Golay',
    **{
        name: system.title
        for name, system in SYSTEMS.items() if name != 'single_frame'
    }
}
REFERENCE = 'single_frame_savgol'


class Column(NamedTuple):
    """A figure of a selection."""
    title: str
    selection: str
    #: Places of the numerator and the denominator among a block's sums.
    over: Tuple[int, int]
    #: What it is multiplied with.
    scale: float = 100.


PCK, STRICT, ERROR, JITTER = (1, 0), (2, 0), (3, 0), (5, 4)
CLEAN = (
    Column('videos PCK@0.2', 'videos/clean', PCK),
    Column('PCK@0.1', 'videos/clean', STRICT),
    Column('error', 'videos/clean', ERROR),
    Column('jitter', 'videos/clean', JITTER),
    Column('parkour PCK@0.2', 'parkour/clean', PCK),
    Column('jitter', 'parkour/clean', JITTER),
    Column('stills PCK@0.2', 'stills/clean', PCK),
)
DAMAGED = tuple(
    Column(f'{people} {kind}', f'{people}/{kind}', PCK)
    for people, kinds in (('stills', ('hidden', 'blurred')),
                          ('videos', ('hidden', 'blurred', 'dropped',
                                      'compressed')), ('parkour',
                                                       ('hidden', )))
    for kind in kinds)


@lru_cache(maxsize=None)
def read_runs(name: str) -> List[dict]:
    """A system's sums, of each seed."""
    return [load(path) for path in sorted(RESULTS.glob(f'{name}_seed*.json'))]


@lru_cache(maxsize=None)
def figures(name: str, column: Column) -> Optional[SystemFigures]:
    """A system's figure, None if there is no run."""
    runs = [run for run in read_runs(name) if column.selection in run]
    if not runs:
        return None
    # (S, n blocks, 6)
    sums = np.array([list(run[column.selection].values()) for run in runs],
                    float)
    weights = np.concatenate(
        [np.ones((1, sums.shape[1])),
         draw_videos(sums.shape[1], DRAWS)])
    above, below = (sums[..., place] @ weights.T for place in column.over)
    values = column.scale * above / below
    return SystemFigures(values[:, 0], values[:, 1:], list(TITLES).index(name))


def tables() -> str:
    """Both tables, in Markdown."""
    parts = []
    for title, columns in (('Clean frames', CLEAN), ('Damaged frames',
                                                     DAMAGED)):
        rows: List[List[str]] = []
        for name, label in TITLES.items():
            found = [figures(name, column) for column in columns]
            if found[0] is None:
                continue
            seeds = len(found[0].values)
            rows.append([
                label, seeds, *(_cell(name, own, column)
                                for own, column in zip(found, columns))
            ])
        rows.append(['joints', '', *map(_count, columns)])
        parts.append(f'### {title}\n\n' + tabulate(
            rows, ['', 'seeds', *(c.title for c in columns)],
            'github',
            disable_numparse=True))
    labels = [
        f'{100 * _labels(c.selection)[5] / _labels(c.selection)[4]:.1f}'
        for c in CLEAN if c.over == JITTER
    ]
    parts.append(f'The labels\' own jitter is {labels[0]} in the videos and '
                 f'{labels[1]} in parkour.')
    return '\n\n'.join(parts) + '\n'


def _cell(name: str, own: Optional[SystemFigures], column: Column) -> str:
    if own is None:
        return ''
    text = f'{own.values.mean():.1f}'
    reference = figures(REFERENCE, column)
    if name in (REFERENCE, 'untrained') or reference is None:
        return text
    difference = own.minus(reference)
    mark = '**' if difference.excludes_zero() else ''
    return f'{text} ({mark}{difference.value:+.1f}{mark})'


def _count(column: Column) -> str:
    return f'{_labels(column.selection)[column.over[1]]:.0f}'


def _labels(selection: str) -> np.ndarray:
    return np.sum(list(load(RESULTS / 'labels.json')[selection].values()), 0)


def differences(names: Sequence[str]) -> Dict[str, Dict[str, Estimate]]:
    """Of systems to the smoothed single frame, by title and those columns that
    all of them have."""
    found: Dict[str, Dict[str, Estimate]] = {}
    for column in (CLEAN[0], CLEAN[4], *DAMAGED):
        own = {name: figures(name, column) for name in (*names, REFERENCE)}
        title = column.title.replace(' PCK@0.2', ', clean')
        for name in names if None not in own.values() else ():
            found.setdefault(TITLES[name],
                             {})[title] = own[name].minus(own[REFERENCE])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    before, rest = PAGE.read_text(encoding='utf-8').split(BEGIN)
    after = rest.split(END)[1]
    text = tables()
    with atomic_path(PAGE, is_own=True) as temporary:
        temporary.write_text(
            before + BEGIN + '\n' + text + '\n' + END + after,
            encoding='utf-8')
    difference_plot(
        differences(('single_frame', 'blind', 'no_mi', 'tdmi', 'tdmi_window',
                     'dcpose', 'temporal_attention')), PLOT, 'PCK@0.2')
    print(text)


if __name__ == '__main__':
    main()
