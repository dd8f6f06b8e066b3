"""Pictures of error rows.

Shape shorthand: none.
"""
from pathlib import Path
from typing import Sequence, Union

import numpy as np
from matplotlib.figure import Figure

from mmpose_tdmi.utils.files import atomic_path
from .outcomes import OUTCOMES
from .tables import ALL, ErrorRow

#: Colours of the outcomes; hits are grey, errors stand out.
COLOURS = dict(
    hit='#d9d9d9',
    person_missed='#4d4d4d',
    not_predicted='#8c8c8c',
    swap='#d7301f',
    near='#fdbb84',
    other_person='#7b3294',
    far='#2166ac')


def plot_rows(path: Union[str, Path], rows: Sequence[ErrorRow]) -> None:
    """A bar for each slice: which share of its joints became what.

    Args:
        path (str | Path): The picture, its format by its suffix.
        rows (Sequence[ErrorRow]): Of one slicing; rows without annotated
            joints are left out.
    """
    rows = [
        row for row in rows
        if row.num_gt and (row.joint == ALL or row.by == 'joint')
    ]
    figure = Figure(figsize=(9, 1.5 + 0.35 * len(rows)), layout='constrained')
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    left = np.zeros(len(rows))
    for name in OUTCOMES:
        widths = np.array([row.share(name) for row in rows])
        axes.barh(
            places,
            widths,
            left=left,
            color=COLOURS[name],
            label=name.replace('_', ' '))
        left += widths
    axes.set_yticks(places, [_label(row) for row in rows])
    axes.set_xlim(0, 100)
    axes.set_xlabel('% of the annotated joints')
    axes.set_title(f'by {rows[0].by}' if rows else 'no annotated joints')
    figure.legend(loc='outside lower center', ncols=len(OUTCOMES), fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _label(row: ErrorRow) -> str:
    ap = '' if np.isnan(row.ap) else f', AP {row.ap:.1f}'
    return f'{row.slice} ({row.num_gt}{ap})'
