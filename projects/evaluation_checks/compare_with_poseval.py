"""Compare this package's PoseTrack numbers with the original toolkits'.

The originals are not part of this package; get them first::

    git clone https://github.com/leonid-pishchulin/poseval
    git clone https://github.com/anDoer/PoseTrack21
    python -m venv oracle && oracle/bin/pip install click motmetrics tqdm \
        shapely

    python projects/evaluation_checks/compare_with_poseval.py \
        --poseval poseval --python oracle/bin/python --sets 20

Exits with 1 if a figure differs by more than --tolerance.
"""
import argparse
import sys
from pathlib import Path

from mmpose_tdmi.utils.files import write_json
from projects.evaluation_checks import comparison


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--poseval', type=Path, required=True, help='checkout of poseval')
    parser.add_argument(
        '--python',
        default=sys.executable,
        help='interpreter with what poseval needs')
    parser.add_argument(
        '--sets', type=int, default=20, help='number of random sets')
    parser.add_argument(
        '--frames',
        type=Path,
        help='folder of official PoseTrack18 json files, whose poses are '
        'jittered')
    parser.add_argument(
        '--posetrack21', type=Path, help='checkout of PoseTrack21')
    parser.add_argument(
        '--python21',
        default=sys.executable,
        help='interpreter with what PoseTrack21 needs')
    parser.add_argument('--tolerance', type=float, default=1e-9)
    parser.add_argument(
        '--fixtures',
        type=Path,
        help='folder to write the numbers of the originals to')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    parts = {
        'random_sets':
        (comparison.POSEVAL_FIGURES, lambda seed: comparison.
         compare_random_set(args.poseval, seed, args.python), args.sets)
    }
    if args.frames:
        parts['annotated_frames'] = (
            ('ap', 'precision',
             'recall'), lambda seed: comparison.compare_jittered_frames(
                 args.poseval, args.frames, seed, args.python), 5)
    if args.posetrack21:
        parts['posetrack21'] = (comparison.POSETRACK21_FIGURES,
                                lambda seed: comparison.compare_posetrack21(
                                    args.posetrack21, seed, args.python21),
                                args.sets)
    done = {}
    for name, (figures, compare, number) in parts.items():
        comparisons = {}
        for seed in range(number):
            try:
                comparisons[str(seed)] = compare(seed)
            except RuntimeError as error:
                print(f'{name} {seed}: left out, {error}', file=sys.stderr)
        if not comparisons:
            raise SystemExit(f'error: the original failed on all {name}')
        done[name] = list(comparisons.values())
        print(
            f'{name}\n\n{comparison.comparison_table(done[name], figures)}\n')
        if args.fixtures:
            write_json(args.fixtures / f'{name}.json', {
                seed: c.original
                for seed, c in comparisons.items()
            })
    print(comparison.summary_table(done))
    everything = [c for part in done.values() for c in part]
    if comparison.largest_difference(everything) > args.tolerance or any(
            c.same_tables is False for c in everything):
        raise SystemExit(1)


if __name__ == '__main__':
    main()
