"""The benchmark with known truth: generate, train, test, and write the page.

Example::

    python projects/known_truth/known_truth.py data
    python projects/known_truth/known_truth.py run
    python projects/known_truth/known_truth.py page

``run`` pretrains the single-frame model, stores its features of all clips,
then trains and tests every system from it, seed after seed. It can be
interrupted at any time; the same command continues. ``--quick`` is a smaller
benchmark of its own.
"""
import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from projects.demo.steps import StepFailed
from projects.known_truth.page import write_page
from projects.known_truth.running import Benchmark
from projects.known_truth.scale import FULL_SCALE, QUICK_SCALE
from projects.known_truth.systems import HOME, ROOT, SYSTEMS


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        'action',
        choices=('data', 'run', 'page', 'status'),
        help='data: generate the clips; run: what is left of the pretraining '
        'and the pieces; page: the results page from the results; status: '
        'what is done')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='the small benchmark: fewer clips and samples, three systems, '
        'one seed')
    parser.add_argument(
        '--only',
        nargs='+',
        metavar='NAME',
        choices=list(SYSTEMS),
        help=f'systems to run, of {", ".join(SYSTEMS)} (all)')
    parser.add_argument('--seeds', nargs='+', type=int, help='seeds to run')
    parser.add_argument(
        '--folder',
        type=Path,
        help='clips, checkpoints, logs (work_dirs/known_truth, quick: '
        'work_dirs/known_truth_quick)')
    parser.add_argument(
        '--results',
        type=Path,
        help='folder of the results (projects/known_truth/results, quick: '
        'results in the folder)')
    parser.add_argument(
        '--page',
        type=Path,
        help='the page (beside this file, quick: in the folder)')
    parser.add_argument(
        '--workers', type=int, default=1, help='processes side by side')
    parser.add_argument(
        '--minutes',
        type=float,
        default=float('inf'),
        help='begin no further piece after so long')
    args = parser.parse_args(args)
    folder = 'known_truth_quick' if args.quick else 'known_truth'
    args.folder = args.folder or ROOT / 'work_dirs' / folder
    if args.results is None:
        args.results = (args.folder if args.quick else HOME) / 'results'
    if args.page is None:
        args.page = (args.folder if args.quick else HOME) / 'known_truth.md'
    return args


def run(benchmark: Benchmark, pieces: Sequence[Tuple[str, int]], workers: int,
        minutes: float) -> None:
    """Run what is left, one seed of all systems after the other."""
    begin = time.monotonic()
    if not benchmark.pretrained.is_file():
        benchmark.pretrain()
    benchmark.write_stores(progress=True)

    def piece(name_and_seed: Tuple[str, int]) -> None:
        name, seed = name_and_seed
        system = SYSTEMS[name]
        if benchmark.is_done(system, seed):
            return
        if not system.path.is_file():
            print(f'{name}: not run, {system.path} is missing', flush=True)
            return
        if time.monotonic() - begin < 60 * minutes:
            benchmark.run(system, seed)

    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(piece, pieces):
            pass


def status(benchmark: Benchmark, pieces: Sequence[Tuple[str, int]]) -> None:
    """Print what is done and what is not."""
    missing = benchmark.clips.missing()
    print(f'clips: {f"{missing} missing" if missing else "there"}; '
          'pretrained model: '
          f'{"there" if benchmark.pretrained.is_file() else "missing"}')
    rows: List[str] = list(dict.fromkeys(name for name, _ in pieces))
    for name in rows:
        done = [
            str(seed) for other, seed in pieces
            if other == name and benchmark.is_done(SYSTEMS[name], seed)
        ]
        print(f'{name:20} seeds done: {", ".join(done) or "none"}')


def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    scale = QUICK_SCALE if args.quick else FULL_SCALE
    benchmark = Benchmark(args.folder, args.results, scale)
    pieces = [(name, seed) for seed, name in product(
        args.seeds or scale.seeds, args.only or scale.systems)]
    try:
        if args.action == 'data':
            benchmark.clips.generate(args.workers, progress=True)
        elif args.action == 'run':
            run(benchmark, pieces, args.workers, args.minutes)
        elif args.action == 'status':
            status(benchmark, pieces)
        else:
            print(write_page(args.results, args.page))
    except (StepFailed, ValueError, FileNotFoundError) as error:
        raise SystemExit(f'error: {error}') from error
    except KeyboardInterrupt:
        raise SystemExit('\ninterrupted; the same command continues') from None


if __name__ == '__main__':
    main()
