"""Pictures of the results page.

Shape shorthand: none.
"""
from pathlib import Path
from typing import Dict, List, Mapping

import numpy as np
from matplotlib.figure import Figure

from mmpose_tdmi.utils.files import atomic_path
from projects import is_kept_by_git
from .paired_statistics import Estimate


def difference_plot(differences: Mapping[str, Mapping[str, Estimate]],
                    path: Path,
                    measure: str = 'AP') -> None:
    """Draw differences to a reference with their intervals.

    Args:
        differences (Mapping): System -> slice -> difference, percent points.
        path (Path): The picture, png.
        measure (str): What they are differences of. Defaults to ``'AP'``.
    """
    slices = list(next(iter(differences.values())))
    figure = Figure(figsize=(8, 0.45 * len(slices) + 1.6), dpi=90)
    axes = figure.subplots()
    height = 0.8 / len(differences)
    for rank, (system, values) in enumerate(differences.items()):
        places = np.arange(len(slices)) + (rank + 0.5) * height - 0.4
        estimates: List[Estimate] = [values[name] for name in slices]
        middle = np.array([e.value for e in estimates])
        low = np.array([e.low for e in estimates])
        high = np.array([e.high for e in estimates])
        # the mean of the figures may lie outside of an interval of few draws
        errors = np.maximum(np.stack([middle - low, high - middle]), 0)
        axes.errorbar(
            middle, places, xerr=errors, fmt='o', markersize=4, label=system)
    axes.axvline(0, color='grey', linewidth=1)
    axes.set_yticks(range(len(slices)), slices)
    axes.invert_yaxis()
    axes.grid(axis='x', alpha=0.3)
    axes.set_xlabel(f'difference of {measure}')
    axes.legend(
        fontsize=8, loc='lower center', bbox_to_anchor=(0.5, 1), ncol=3)
    _save(figure, path)


def dependence_curves(histories: Dict[str, List[List[dict]]],
                      path: Path) -> None:
    """Draw the dependence of two features while they are trained.

    Args:
        histories (dict): System -> one history a seed.
        path (Path): The picture, png.
    """
    keys = [
        k for k in next(iter(histories.values()))[0][0] if k != 'iteration'
    ]
    figure = Figure(figsize=(3 * len(keys), 3.2), dpi=90)
    panels = figure.subplots(1, len(keys), squeeze=False)[0]
    for axes, key in zip(panels, keys):
        for number, (system, runs) in enumerate(histories.items()):
            for index, run in enumerate(runs):
                axes.plot([r['iteration'] for r in run], [r[key] for r in run],
                          '.-',
                          color=f'C{number}',
                          label=system if index == 0 else None)
        axes.set_title(key, fontsize=9)
        axes.set_xlabel('iterations', fontsize=8)
        axes.grid(alpha=0.3)
    panels[0].legend(fontsize=7)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    with atomic_path(path, is_kept_by_git(path)) as temporary:
        figure.savefig(temporary)
