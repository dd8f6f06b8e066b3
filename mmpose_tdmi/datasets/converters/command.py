"""What was converted, beside what the paper says there is.

The figures are of section 4.1 of "Mutual Information-Based Temporal
Difference Learning for Human Pose Estimation in Video", CVPR 2023, which
gives them per dataset, not per split.

The command line that all converters share.
"""
import argparse
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

from .conversion import COUNTS, Conversion, DatasetFormat

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


def make_parser(description: str,
                form: DatasetFormat) -> argparse.ArgumentParser:
    """The arguments of a dataset's converter.

    Args:
        description (str): What the command does.
        form (DatasetFormat): The dataset.

    Returns:
        argparse.ArgumentParser: To add the dataset's own arguments to.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        'data_root', type=Path, help='the official folder, as unpacked')
    parser.add_argument(
        '--split',
        nargs='+',
        choices=form.splits,
        default=list(PAPER_FIGURES[form.name]['videos']),
        help='splits to convert (default: %(default)s)')
    parser.add_argument(
        '--out',
        type=Path,
        help='folder of the results (default: DATA_ROOT/annotations)')
    parser.add_argument(
        '--workers', type=int, default=1, help='processes (default 1)')
    return parser


def run(form: DatasetFormat,
        convert: Callable[..., Conversion],
        parser: argparse.ArgumentParser,
        arguments: Optional[Sequence[str]] = None) -> None:
    """Convert the splits asked for and print what they hold.

    Args:
        form (DatasetFormat): The dataset.
        convert (Callable): Its ``convert_<dataset>``. Further arguments of
            the parser are passed to it by name.
        parser (argparse.ArgumentParser): By :func:`make_parser`.
        arguments (Sequence[str], optional): Default: the command line's.

    Raises:
        SystemExit: With what is wrong, if the data cannot be converted.
    """
    options: Dict[str, Any] = vars(parser.parse_args(arguments))
    root, splits = options.pop('data_root'), options.pop('split')
    counts = {}
    for split in dict.fromkeys(splits):
        try:
            result = convert(root, split, progress=True, **options)
        except (FileNotFoundError, ValueError) as error:
            raise SystemExit(f'error: {error}') from error
        counts[split] = result.counts
        print(f'{result.path}: '
              f'{"written" if result.written else "unchanged, kept"}')
    print('\n'.join(describe(counts)))
    print('\n'.join(compare_with_paper(form.name, counts)))
