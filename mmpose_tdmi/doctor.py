"""Says what is installed, what is wrong (exit status 1), and how to mend it.

``python -m mmpose_tdmi.doctor`` works where the package cannot be imported.
"""
import argparse
import platform
import sys
import traceback
from typing import List, Optional

import mmpose_tdmi
from . import stack


def main(argv: Optional[List[str]] = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog='python -m mmpose_tdmi.doctor',
        description='Check the installation.')
    parser.add_argument(
        '--quiet', action='store_true', help='say nothing if all is well')
    parser.add_argument(
        '--weights',
        action='store_true',
        help='list the weights that were downloaded, and check them')
    args = parser.parse_args(argv)

    facts = stack.probe()
    problems = stack.find_problems(facts)
    if not any(problem.fatal for problem in problems):
        problems += stack.load_problems() or _import_problems()
    if args.weights and not any(problem.fatal for problem in problems):
        problems += _weights_problems()
    if problems or not args.quiet:
        versions = dict(python=platform.python_version(), **facts.versions)
        for name, version in versions.items():
            print(f'{name:32} {version}')
        print(report(problems))
    return 1 if problems else 0


def _import_problems() -> List[stack.Problem]:
    """Do what importing the package does."""
    try:
        mmpose_tdmi._register()
    except Exception:
        what = f'import mmpose_tdmi fails:\n{traceback.format_exc(limit=-5)}'
        mend = 'scripts/setup.sh  (makes a fresh environment in .venv)'
        return [stack.Problem(what, mend)]
    return []


def _weights_problems() -> List[stack.Problem]:
    """List the files of weights; those that are not what they should be."""
    # torch is not needed to find out that it is missing
    from mmpose_tdmi.utils.checkpoints import has_hash, list_weights
    problems = []
    for path, flaw in list_weights():
        told = 'whole, without a hash in its name'
        if flaw:
            told = flaw
            problems.append(
                stack.Problem(f'{path}: {flaw}', f"rm '{path}'", fatal=False))
        elif path.suffix == '.partial':
            told = 'unfinished: the next run goes on with it'
        elif has_hash(path.name):
            told = 'its hash fits'
        print(f'{path}  {path.stat().st_size / 1e6:.1f} MB  {told}')
    return problems


def report(problems: List[stack.Problem]) -> str:
    """What is wrong, in words."""
    if not problems:
        return 'Nothing is wrong.'
    count = 'One thing is' if len(problems) == 1 else \
        f'{len(problems)} things are'
    return f'{count} wrong:\n{stack.describe(problems)}'


if __name__ == '__main__':
    sys.exit(main())
