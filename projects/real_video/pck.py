"""PCK of the torso, as labelled and with exchanged sides forgiven.

A joint is found if it is no further from its label than a share of the torso,
here a shoulder to the hip of the other side: left to right where both are
labelled, else right to left. People with neither are left out.

Shape letters: N people, K = 14 joints in LSP's order.
"""
from typing import Dict

import numpy as np

from .people import JOINTS, OTHER_SIDE, People

#: What tables call joints of both sides, and the joints of each.
GROUPS = {
    group: [i for i, name in enumerate(JOINTS) if name.endswith(joint)]
    for group, joint in [('head', 'head_top'), (
        'neck', 'neck'), ('shoulder', 'shoulder'), (
            'elbow',
            'elbow'), ('wrist',
                       'wrist'), ('hip', 'hip'), ('knee',
                                                  'knee'), ('ankle', 'ankle')]
}
_DIAGONALS = (('left_shoulder', 'right_hip'), ('right_shoulder', 'left_hip'))


def torsos(people: People) -> np.ndarray:
    """Lengths in pixels, (N, ); NaN where no diagonal is labelled."""
    lengths = np.full(len(people.images), np.nan)
    for pair in reversed(_DIAGONALS):
        a, b = map(JOINTS.index, pair)
        known = people.labelled[:, a] & people.labelled[:, b]
        apart = np.linalg.norm(
            people.joints[:, a] - people.joints[:, b], axis=-1)
        lengths[known] = apart[known]
    return lengths


def found(people: People,
          joints: np.ndarray,
          share: float = 0.2) -> np.ndarray:
    """Which joints (N, K, 2) are found, (N, K)."""
    apart = np.linalg.norm(joints - people.joints, axis=-1)
    return (apart <= share * torsos(people)[:, None]) & people.labelled


def forgiven(people: People,
             joints: np.ndarray,
             share: float = 0.2) -> np.ndarray:
    """The same, of each person's joints and of the same with all sides
    exchanged whichever has more of them right."""
    plain = found(people, joints, share)
    swapped = found(people, joints[:, OTHER_SIDE], share)
    is_better = swapped.sum(axis=1) > plain.sum(axis=1)
    return np.where(is_better[:, None], swapped, plain)


def table(people: People, hits: np.ndarray) -> Dict[str, float]:
    """Per cent of the joints found, by joint and of all joints."""
    counted = people.labelled & np.isfinite(torsos(people))[:, None]
    groups = {**GROUPS, 'all': range(len(JOINTS))}
    return {
        name: round(float(100 * hits[:, list(of)].sum() / count), 1)
        for name, of in groups.items() if (count := counted[:, list(of)].sum())
    }
