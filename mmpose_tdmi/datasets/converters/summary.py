"""What was converted, beside what the paper says there is.

The figures are of section 4.1 of "Mutual Information-Based Temporal
Difference Learning for Human Pose Estimation in Video", CVPR 2023, which
gives them per dataset, not per split.

Shape shorthand: none.
"""
from typing import Any, Dict, List

from .conversion import COUNTS

#: Videos per split and pose annotations in all.
PAPER_FIGURES: Dict[str, Dict[str, Any]] = dict(
    posetrack17=dict(videos=dict(train=250, val=50), persons=80144),
    posetrack18=dict(videos=dict(train=593, val=170), persons=153615),
    posetrack21=dict(videos=dict(train=593, val=170), persons=177164),
    hieve=dict(videos=dict(train=19, test=13), persons=1099357))


def describe(counts: Dict[str, Dict[str, int]]) -> List[str]:
    """A table of what the splits hold.

    Args:
        counts (dict[str, dict[str, int]]): The counts of each split.

    Returns:
        list[str]: Its lines. ``persons`` are pose annotations.
    """
    rows = [['split', *(name.replace('_', ' ') for name in COUNTS)]]
    rows += [[split, *(f'{found[name]:,}' for name in COUNTS)]
             for split, found in counts.items()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        '  '.join(cell.rjust(width) for cell, width in zip(row, widths))
        for row in rows
    ]


def compare_with_paper(dataset: str,
                       counts: Dict[str, Dict[str, int]]) -> List[str]:
    """Compare converted splits with the paper's figures.

    A split with fewer videos than the paper's is a part of the set, about
    which the figures say nothing. Persons are compared where all splits are
    whole and have labels.

    Args:
        dataset (str): The dataset.
        counts (dict[str, dict[str, int]]): The counts of each split.

    Returns:
        list[str]: One line per figure.
    """
    paper, lines, whole = PAPER_FIGURES[dataset], [], True
    for split, expected in paper['videos'].items():
        found = counts.get(split, {}).get('videos', 0)
        whole &= found == expected
        if not found:
            verdict = 'not converted, not checked'
        elif found < expected:
            verdict = 'partial set, not checked'
        else:
            verdict = _verdict(found, expected)
        lines.append(f'{split}: {found:,} videos, {expected:,} in the paper: '
                     f'{verdict}')
    persons = sum(counts[split]['persons'] for split in paper['videos']
                  if split in counts)
    expected = paper['persons']
    if not whole:
        verdict = 'partial set, not checked'
    elif 'test' in paper['videos'] and not counts['test']['persons']:
        verdict = ('not checked: the figure counts the test videos, whose '
                   'labels are not public')
    else:
        verdict = _verdict(persons, expected)
    lines.append(f'{persons:,} pose annotations, {expected:,} in the paper: '
                 f'{verdict}')
    return lines


def _verdict(found: int, expected: int) -> str:
    if found == expected:
        return 'equal'
    return f'differs by {found - expected:+,}'
