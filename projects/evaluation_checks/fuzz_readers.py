"""Read thousands of damaged files and count how the readers take it.

A damaged file must end in a correct load, with nothing left out silently, or
in a ValueError or FileNotFoundError that names the file. Anything else is a
failure, which is printed with the changes that led to it.

Example::

    python projects/evaluation_checks/fuzz_readers.py --examples 10000

The readers are those of ``CASES`` in ``fuzz_cases.py``.
"""
import argparse
import importlib.util
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, List, NamedTuple, Optional

import hypothesis
from hypothesis import HealthCheck, Phase, given
from mmengine.logging import MMLogger


def _neighbour(name: str) -> Any:
    """Import a module that lies beside this file, which is in no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name,
            Path(__file__).with_name(f'{name}.py'))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


_mutations = _neighbour('file_mutations')
_cases = _neighbour('fuzz_cases')
Case, CASES = _cases.Case, _cases.CASES

#: Longest CPU time in seconds that a reader may take for a small file.
MAX_SECONDS = 20.0


class Outcome(NamedTuple):
    """What became of the files that a reader was given.

    Attributes:
        files (int): How many there were.
        loaded (int): How many were read.
        named (int): How many ended in an error that names the file.
        slowest (float): The longest that one took, in seconds of CPU time.
        failure (str, optional): What went wrong, if anything did.
    """
    files: int
    loaded: int
    named: int
    slowest: float
    failure: Optional[str]


def fuzz(case: Case,
         examples: int,
         seed: int = 0,
         shrink: bool = True) -> Outcome:
    """Give a reader damaged files.

    Args:
        case (Case): The reader.
        examples (int): How many files.
        seed (int): Of the changes. Defaults to 0.
        shrink (bool): Look for a smaller failing change after a failure.
            Defaults to True.

    Returns:
        Outcome: What became of them. After a failure there are more files
        than asked for: hypothesis looks for the smallest change that fails.
    """
    sound = case.path.read_bytes()
    case.audit(case.read(), sound)  # must be read as it is
    counts = dict(files=0, loaded=0, named=0)
    slowest = [0.0]

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        suppress_health_check=list(HealthCheck))
    @given(_mutations.mutations(case.kind))
    def one(changes: List[Any]) -> None:
        data = _mutations.mutate(sound, case.kind, changes)
        case.path.write_bytes(data)
        start = time.process_time()  # others may keep the machine busy
        counts['files'] += 1
        try:
            loaded = case.read()
        except (ValueError, FileNotFoundError) as error:
            assert str(case.path) in str(error), (
                f'the error does not name the file: {error!r:.300}')
            counts['named'] += 1
        else:
            case.audit(loaded, data)
            counts['loaded'] += 1
        seconds = time.process_time() - start
        slowest[0] = max(slowest[0], seconds)
        assert seconds < MAX_SECONDS, f'reading took {seconds:.1f} s'

    failure = None
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('ERROR')  # what is left out is told, file by file
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            one()
    except Exception as error:  # whatever a reader raises is the finding
        failure = f'{type(error).__name__}: {error}'
    finally:
        logger.setLevel(level)
        case.path.write_bytes(sound)
    return Outcome(**counts, slowest=slowest[0], failure=failure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--examples',
        type=int,
        default=10000,
        help='damaged files per reader (default 10000)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--reader',
        nargs='+',
        choices=list(CASES),
        default=list(CASES),
        help='readers to try (default: all)')
    args = parser.parse_args()
    print(
        f'{"reader":24}{"files":>9}{"loaded":>9}{"named errors":>14}'
        f'{"slowest/ms":>12}',
        flush=True)
    failures = []
    for name in args.reader:
        with tempfile.TemporaryDirectory() as folder:
            outcome = fuzz(CASES[name](Path(folder)), args.examples, args.seed)
        print(
            f'{name:24}{outcome.files:9,}{outcome.loaded:9,}'
            f'{outcome.named:14,}{1000 * outcome.slowest:12.0f}',
            flush=True)
        if outcome.failure:
            failures.append(f'{name}: {outcome.failure}')
    if failures:
        raise SystemExit('\n'.join(failures))


if __name__ == '__main__':
    main()
