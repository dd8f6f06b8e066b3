"""This package's numbers beside those of the original toolkits."""
import math
import tempfile
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np
from tabulate import tabulate

from mmpose_tdmi.evaluation import (PoseTrackScores, evaluate_folders,
                                    format_scores, mean_of_known)
from .originals import run_posetrack21, run_poseval
from .random_scenes import RandomSetSettings
from .random_sets import write_jittered_predictions, write_random_set

PathLike = Union[str, Path]
Numbers = Dict[str, List[Optional[float]]]

#: What must be equal to poseval's; its MOTP is not what it is meant to be.
POSEVAL_FIGURES = ('ap', 'precision', 'recall', 'mota', 'mot_precision',
                   'mot_recall')
POSETRACK21_FIGURES = ('hota', 'det_a', 'ass_a', 'loc_a', 'ap')


class Comparison(NamedTuple):
    """One set, evaluated twice.

    Args:
        name (str): What was evaluated.
        original (dict[str, list[float]]): The original's numbers by figure.
        ours (dict[str, list[float]]): This package's.
        same_tables (bool, optional): Whether the tables printed have the
            same lines (the one of tracking but for its MOTP); None if the
            original prints none.
    """
    name: str
    original: Numbers
    ours: Numbers
    same_tables: Optional[bool] = None

    def differences(self) -> Dict[str, float]:
        """dict[str, float]: The largest difference of each figure; infinite
        if one side is NaN alone."""
        return {
            figure:
            max(
                _difference(a, b)
                for a, b in zip(self.original[figure], self.ours[figure]))
            for figure in self.original if figure != 'motp'
        }


def poseval_figures(scores: PoseTrackScores) -> Numbers:
    """The numbers that poseval writes to its files, NaN as None.

    Args:
        scores (PoseTrackScores): Results with AP, and perhaps MOTA.

    Returns:
        dict[str, list[float]]: 15 joints and the total of each figure.
    """
    content = scores.as_dict()
    names = [*scores.ap.by_joint()]
    result = dict(
        ap=[content[name] for name in names],
        precision=_with_total(scores.ap.precision),
        recall=_with_total(scores.ap.recall))
    for theirs, ours in (('mota', 'mota'), ('motp', 'motp'),
                         ('mot_precision', 'precision'), ('mot_recall',
                                                          'recall')):
        if 'mota' in content:
            result[theirs] = [content['mota'][ours][name] for name in names]
    return result


def posetrack21_figures(scores: PoseTrackScores) -> Numbers:
    """The numbers of PoseTrack21's evaluator.

    Args:
        scores (PoseTrackScores): Results with AP and HOTA.

    Returns:
        dict[str, list[float]]: Of HOTA and its parts 15 joints and the
        total; of AP the seven groups and the total.
    """
    result = {
        figure: list(values.values())
        for figure, values in scores.hota.by_joint().items()
    }
    return dict(result, ap=[*scores.ap.groups().values(), scores.ap.mean])


def compare_random_set(checkout: PathLike, seed: int,
                       python: str) -> Comparison:
    """Evaluate a random set with poseval and with this package.

    Args:
        checkout (str | Path): A checkout of poseval.
        seed (int): Names the set, see :class:`RandomSetSettings`.
        python (str): The interpreter for poseval.
    """
    settings = RandomSetSettings.varied(seed)
    with tempfile.TemporaryDirectory() as root:
        gt_dir, pred_dir = write_random_set(root, settings, seed)
        original, printed = run_poseval(
            checkout, gt_dir, pred_dir, python=python)
        scores = evaluate_folders(gt_dir, pred_dir, ('ap', 'mota'))
    return Comparison(
        f'random set {seed} ({settings.gt_format}, {settings.pred_format})',
        original, poseval_figures(scores), same_tables(scores, printed))


def compare_jittered_frames(checkout: PathLike, gt_dir: PathLike, seed: int,
                            python: str) -> Comparison:
    """Evaluate jittered poses of annotated frames twice.

    Args:
        checkout (str | Path): A checkout of poseval.
        gt_dir (str | Path): Folder of official PoseTrack18 files.
        seed (int): Names the jitter.
        python (str): The interpreter for poseval.
    """
    with tempfile.TemporaryDirectory() as pred_dir:
        write_jittered_predictions(gt_dir, pred_dir, seed)
        original, printed = run_poseval(
            checkout, gt_dir, pred_dir, tracking=False, python=python)
        scores = evaluate_folders(gt_dir, pred_dir)
    return Comparison(f'annotated frames, jitter {seed}', original,
                      poseval_figures(scores), same_tables(scores, printed))


def compare_posetrack21(checkout: PathLike, seed: int,
                        python: str) -> Comparison:
    """Evaluate a random set with PoseTrack21's evaluator and this package.

    Args:
        checkout (str | Path): A checkout of PoseTrack21.
        seed (int): Names the set, see :class:`RandomSetSettings`.
        python (str): The interpreter for PoseTrack21.
    """
    settings = RandomSetSettings.posetrack21(seed)
    with tempfile.TemporaryDirectory() as root:
        gt_dir, pred_dir = write_random_set(root, settings, seed)
        found = run_posetrack21(checkout, gt_dir, pred_dir, python)
        scores = evaluate_folders(
            gt_dir, pred_dir, ('ap', 'hota'), presence='posetrack21')
    names = [*scores.ap.by_joint()]
    original = {
        figure: [found[figure][name] for name in names]
        for figure in POSETRACK21_FIGURES if figure != 'ap'
    }
    original['ap'] = list(found['ap'].values())
    return Comparison(f'random set {seed}', original,
                      posetrack21_figures(scores))


def comparison_table(comparisons: Sequence[Comparison],
                     figures: Sequence[str]) -> str:
    """A markdown table of the largest differences.

    Args:
        comparisons (Sequence[Comparison]): The sets.
        figures (Sequence[str]): The columns.

    Returns:
        str: A row per set: its total of the first figure, the difference of
        each figure, and whether the printed tables agree.
    """
    rows = []
    for comparison in comparisons:
        found = comparison.differences()
        rows.append([
            comparison.name, f'{comparison.original[figures[0]][-1]:.2f}',
            *(f'{found[figure]:.0e}' if figure in found else '–'
              for figure in figures), {
                  True: 'yes',
                  False: '**no**',
                  None: '–'
              }[comparison.same_tables]
        ])
    headers = ('set', figures[0], *(f'Δ {f}' for f in figures), 'same tables')
    return _markdown(rows, headers)


def summary_table(parts: Dict[str, Sequence[Comparison]]) -> str:
    """A markdown table of the largest differences over many sets.

    Args:
        parts (dict[str, Sequence[Comparison]]): Sets of one kind by its name.

    Returns:
        str: A row per kind and figure.
    """
    rows = []
    for name, comparisons in parts.items():
        found = [comparison.differences() for comparison in comparisons]
        for figure in found[0]:
            worst = max(differences[figure] for differences in found)
            rows.append([name, str(len(found)), figure, f'{worst:.1e}'])
    return _markdown(rows, ('sets', 'number', 'figure', 'largest difference'))


def _markdown(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    return tabulate(rows, headers, tablefmt='github', disable_numparse=True)


def largest_difference(comparisons: Sequence[Comparison]) -> float:
    """float: The largest difference of any figure of any set."""
    return max(
        max(comparison.differences().values()) for comparison in comparisons)


def same_tables(scores: PoseTrackScores, printed: Sequence[str]) -> bool:
    """bool: Whether a table shows what poseval printed, columns and figures,
    but for the MOTP, which differs on purpose."""
    rows = [[cell.strip() for cell in line.split('|')[1:-1]]
            for line in format_scores(scores).splitlines()
            if line.startswith('|')]
    ours = {name: cells for name, *cells in rows}
    theirs = [[cell.strip(' \\') for cell in line.split('&')[1:]]
              for line in printed if line.startswith('&')]
    expected = [ours[''], ours['AP']]
    if scores.mot is not None:
        total = ours[''][-1:]
        expected += [
            ['MOTA'] * 8 + ['MOTP', 'Prec', 'Rec'], ours[''] + total * 3,
            [*ours['MOTA'], theirs[-1][8], ours['Prec'][-1], ours['Rec'][-1]]
        ]
    return theirs == expected


def _difference(a: Optional[float], b: Optional[float]) -> float:
    if a is None or b is None:
        return 0. if a is b else math.inf
    return abs(a - b)


def _with_total(values: np.ndarray) -> List[Optional[float]]:
    values = np.append(values, mean_of_known(values))
    return [None if np.isnan(v) else float(v) for v in values]
