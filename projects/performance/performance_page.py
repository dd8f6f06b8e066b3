#!/usr/bin/env python
"""Write the tables of docs/performance.md from the reports of benchmarks.

The scripts beside it keep reports with ``--out``; what the page says
in numbers comes from those files::

    python projects/performance/performance_page.py
    python projects/performance/performance_page.py --check

``--check`` changes nothing and fails if the page is not up to date.
"""
import argparse
from pathlib import Path
from typing import List, Optional

from mmpose_tdmi.utils.files import atomic_path
from projects.performance.page import fill_page

ROOT = Path(__file__).resolve().parents[2]


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        '--page', type=Path, default=ROOT / 'docs/performance.md')
    parser.add_argument(
        '--reports', type=Path, default=ROOT / 'projects/performance/results')
    parser.add_argument('--check', action='store_true')
    return parser.parse_args(args)


def main(args: Optional[List[str]] = None) -> None:
    args = parse_args(args)
    try:
        text = args.page.read_text(encoding='utf-8')
        filled = fill_page(text, args.reports)
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    if filled == text:
        print(f'{args.page} is up to date')
    elif args.check:
        raise SystemExit(f'error: {args.page} does not say what the reports '
                         f'in {args.reports} say: run this without --check')
    else:
        with atomic_path(args.page, is_own=True) as temporary:
            temporary.write_text(filled, encoding='utf-8')
        print(f'wrote {args.page}')


if __name__ == '__main__':
    main()
