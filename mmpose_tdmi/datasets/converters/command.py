"""The command line that all converters share.

Shape shorthand: none.
"""
import argparse
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Sequence

from .conversion import Conversion, DatasetFormat
from .summary import PAPER_FIGURES, compare_with_paper, describe


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
