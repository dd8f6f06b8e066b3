"""Pictures of trainings' curves.

Shape shorthand: n logged iterations.
"""
from typing import Optional, Sequence, Tuple

import numpy as np
from matplotlib.figure import Figure

from mmpose_tdmi.utils.files import atomic_path
from .training_logs import PathLike, TrainingLog, mi_names, mi_table

#: What is plotted of the objective, a panel each: title -> group of names.
MI_PANELS = {
    'heatmap loss and total': 'loss',
    'weighted terms of the objective': 'mi_loss',
    'estimates': 'mi_estimate',
    'probes': 'mi_probe_loss',
}


def plot_curves(logs: Sequence[TrainingLog],
                names: Sequence[str],
                out: PathLike,
                legend: Optional[Sequence[str]] = None,
                title: Optional[str] = None,
                smooth: int = 1) -> None:
    """Plot curves of trainings into one axis.

    Args:
        logs (Sequence[TrainingLog]): The trainings.
        names (Sequence[str]): What to plot of each.
        out (str | Path): The picture; its suffix tells the format.
        legend (Sequence[str], optional): A text for each log and name, logs
            outside.
        title (str, optional): The title.
        smooth (int): Iterations of a running mean. Defaults to 1, none.

    Raises:
        ValueError: If a log lacks a name, or texts are too few or many.
    """
    texts = legend or [
        f'{_title(log)} {name}' for log in logs for name in names
    ]
    if len(texts) != len(logs) * len(names):
        raise ValueError(f'the legend needs {len(logs) * len(names)} texts, '
                         f'got {len(texts)}')
    figure = Figure(figsize=(7, 4), dpi=120)
    axis = figure.subplots()
    curves = [log.curve(name) for log in logs for name in names]
    for text, curve in zip(texts, curves):
        _plot(axis, text, curve, smooth)
    axis.legend(fontsize=7)
    if title:
        axis.set_title(title, fontsize=10)
    _save(figure, out)


def plot_mi(log: TrainingLog, out: PathLike, smooth: int = 1) -> None:
    """Plot the objective's terms, a panel for each kind of quantity.

    Args:
        log (TrainingLog): A training.
        out (str | Path): The picture.
        smooth (int): Iterations of a running mean. Defaults to 1, none.

    Raises:
        ValueError: If the log has no term of the objective.
    """
    groups = mi_names(log)
    if not groups.get('mi_loss'):
        mi_table(log)
    panels = {
        title: groups[group]
        for title, group in MI_PANELS.items() if groups.get(group)
    }
    figure = Figure(figsize=(9, 2.6 * len(panels)), dpi=110)
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, (title, names) in zip(axes, panels.items()):
        for name in names:
            _plot(axis, name, log.train[name], smooth)
        axis.set_title(title, fontsize=9, loc='left')
        axis.legend(fontsize=6, loc='center left', bbox_to_anchor=(1.01, .5))
    _save(figure, out)


def _title(log: TrainingLog) -> str:
    parts = [
        part for part in log.path.parts
        if part not in ('vis_data', 'scalars.json')
    ]
    return parts[-1] if parts else str(log.path)


def _plot(axis, text: str, curve: Tuple[np.ndarray, np.ndarray],
          smooth: int) -> None:
    steps, values = curve
    if 1 < smooth <= len(values):
        kernel = np.full(smooth, 1 / smooth)
        values = np.convolve(values, kernel, mode='valid')
        steps = steps[smooth - 1:]
    axis.plot(
        steps,
        values,
        label=text,
        linewidth=1.2,
        marker='.' if len(steps) < 30 else None)
    axis.set_xlabel('iteration', fontsize=8)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.3)


def _save(figure: Figure, out: PathLike) -> None:
    figure.tight_layout()
    with atomic_path(out) as temporary:
        figure.savefig(temporary)
