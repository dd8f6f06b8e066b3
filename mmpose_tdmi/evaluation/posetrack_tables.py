"""PoseTrack results as the tables that poseval prints.

Shape shorthand: J = 15 joints.
"""
from typing import Dict, List, Sequence

import numpy as np

from .functional import POSEVAL_JOINTS, group_means
from .posetrack_evaluation import PoseTrackScores

# the headers as poseval prints them, for scripts that read its tables
_COLUMNS = '& Head & Shou & Elb  & Wri  & Hip  & Knee & Ankl & Total'
_AP_HEADER = _COLUMNS + '\\\\'
_MOT_HEADER = [
    '&' + 8 * ' MOTA &' + ' MOTP & Prec & Rec  \\\\',
    _COLUMNS + 3 * '& Total' + '\\\\'
]


def format_scores(scores: PoseTrackScores) -> str:
    """What was evaluated, the tables, and the notes.

    Args:
        scores (PoseTrackScores): The results.

    Returns:
        str: Lines of text. The tables of AP and MOTA are the original's,
        header and figures.
    """
    lines = [
        f'{len(scores.videos)} videos, {scores.num_frames} scored frames; '
        f'presence rule: {scores.presence}; person boxes: '
        f'{scores.box_source}'
    ]
    if scores.ap is not None:
        lines += ['Average Precision (AP) metric:']
        lines += ap_table(scores.ap.by_joint())
    if scores.mot is not None:
        lines += ['Multiple Object Tracking (MOT) metrics:']
        lines += mot_table(scores.mot.by_joint())
    if scores.hota is not None:
        lines += ['Higher Order Tracking Accuracy (HOTA), by joint:']
        lines += hota_table(scores.hota.by_joint())
    lines += [f'note: {note}' for note in scores.notes]
    return '\n'.join(lines)


def ap_table(by_joint: Dict[str, float]) -> List[str]:
    """The original's table of AP.

    Args:
        by_joint (dict[str, float]): Percent by joint, and ``total``.

    Returns:
        list[str]: Its two lines.
    """
    return [_AP_HEADER, _row(_cells(by_joint))]


def mot_table(figures: Dict[str, Dict[str, float]]) -> List[str]:
    """The original's table of MOTA, with the totals of the other figures.

    Args:
        figures (dict): ``mota``, ``motp``, ``precision`` and ``recall``, each
            as in :func:`ap_table`.

    Returns:
        list[str]: Its three lines.
    """
    others = ('motp', 'precision', 'recall')
    values = _cells(figures['mota'])
    values += [figures[name]['total'] for name in others]
    return [*_MOT_HEADER, _row(values)]


def hota_table(figures: Dict[str, Dict[str, float]]) -> List[str]:
    """A table of HOTA and its parts.

    Args:
        figures (dict): ``hota``, ``det_a``, ``ass_a`` and ``loc_a``, each as
            in :func:`ap_table`.

    Returns:
        list[str]: A header and one line per figure.
    """
    names = dict(hota='HOTA', det_a='DetA', ass_a='AssA', loc_a='LocA')
    lines = [f'     {_AP_HEADER}']
    for key, name in names.items():
        lines.append(f'{name} {_row(_cells(figures[key]))}')
    return lines


def _cells(by_joint: Dict[str, float]) -> List[float]:
    values = np.array([by_joint[name] for name in POSEVAL_JOINTS])
    return [*group_means(values).values(), by_joint['total']]


def _row(values: Sequence[float]) -> str:
    return '&' + ' &'.join(f'{value:5.1f}' for value in values) + ' \\\\'
