"""Ten thousand videos on 1 to 256 GPUs, by three ways to deal them out.

``static``: each rank has a share, the largest dealt out in turns; what a lost
rank leaves is dealt out in another run. ``dynamic``: each takes the next when
it is free, the longest first. ``split``: likewise, with long ones in pieces.
Seconds a frame are those that ``throughput.py`` recorded, drawn anew for each
video; lengths are drawn. A GPU that breaks loses the video at hand and is back
after two minutes, or with ``static`` for the next run::

    python -m projects.many_videos.simulate --recorded \
projects/many_videos/results/throughput.json

It prints the makespans, as multiples of what the work takes if it could be
divided at will, and draws them.
"""
import argparse
import heapq
import json
from collections import deque
from pathlib import Path
from typing import Any, Deque, Dict, List, Sequence, Tuple

import numpy as np

NUM_VIDEOS = 10000
NUM_GPUS = (1, 4, 16, 64, 256)
FPS = 25
#: Of the videos' lengths, in minutes: log-normal, as the wide spread of
#: archives is; and a few recordings of whole events.
MEDIAN, SPREAD, NUM_EVENTS, EVENT = 1., 1., 20, 180.
#: A GPU's rate by that of the processor that was recorded.
SPEED_UP = 10.
#: Hours between failures of a GPU, and seconds until it is back.
MTBF, RESTART = 200., 120.
#: Pieces in minutes, and the frames that a piece sees beyond its two ends.
PIECE, CONTEXT = 30., 240


def draw_lengths(rng: np.random.Generator) -> np.ndarray:
    """Frames of the videos."""
    minutes = MEDIAN * rng.lognormal(0, SPREAD, NUM_VIDEOS)
    minutes[:NUM_EVENTS] = EVENT
    return np.maximum(minutes * 60 * FPS, 10).astype(int)


def split(frames: np.ndarray, rates: np.ndarray,
          decoding: float) -> List[float]:
    """Seconds of the videos' pieces: with their context, and the decoding of
    what is before them."""
    length = int(PIECE * 60 * FPS)
    times = []
    for count, rate in zip(frames.tolist(), rates.tolist()):
        starts = list(range(0, count - length // 2, length)) or [0]
        for start, end in zip(starts, [*starts[1:], count]):
            extra = CONTEXT if len(starts) > 1 else 0
            times.append((end - start + extra) * rate + start / decoding)
    return times


def static(times: Sequence[float], speeds: np.ndarray,
           rng: np.random.Generator, mtbf: float) -> float:
    """The makespan of shares that are fixed, run by run."""
    left, total = sorted(times, reverse=True), 0.
    while left:
        lost: List[float] = []
        ends = []
        for rank, speed in enumerate(speeds):
            share, at, end = left[rank::len(speeds)], 0., rng.exponential(mtbf)
            for number, time in enumerate(share):
                at += time / speed
                if at > end:
                    lost += share[number:]
                    at = end
                    break
            ends.append(at)
        total += max(ends) + (RESTART if lost else 0)
        left = sorted(lost, reverse=True)
    return total


def dynamic(times: Sequence[float], speeds: np.ndarray,
            rng: np.random.Generator, mtbf: float) -> float:
    """The makespan if each takes the next one, the longest first."""
    waiting: Deque[float] = deque(sorted(times, reverse=True))
    again: List[Tuple[float, float]] = []  # from when on, and seconds
    free = [(0., worker) for worker in range(len(speeds))]
    breaks = rng.exponential(mtbf, len(speeds))
    last = 0.
    while waiting or again:
        now, worker = heapq.heappop(free)
        if waiting:
            time = waiting.popleft()
        else:
            ready, time = heapq.heappop(again)
            now = max(now, ready)
        end = now + time / speeds[worker]
        if end > breaks[worker]:
            failed = max(now, breaks[worker])
            heapq.heappush(again, (failed, time))
            end = failed + RESTART
            breaks[worker] = end + rng.exponential(mtbf)
        else:
            last = max(last, end)
        heapq.heappush(free, (end, worker))
    return last


def simulate(recorded: Dict[str, Any],
             repeats: int = 5) -> List[Dict[str, float]]:
    """Makespans by the perfect one, and their means over the repeats."""
    videos = np.array(recorded['runs']['one'][0]['videos'], float)
    known = videos[:, 1] / videos[:, 0] / SPEED_UP
    rows = []
    for num_gpus in NUM_GPUS:
        for failures in (False, True):
            mtbf = MTBF * 3600 if failures else np.inf
            sums = dict(ideal=0., static=0., dynamic=0., split=0.)
            for repeat in range(repeats):
                rng = np.random.default_rng(repeat)
                frames = draw_lengths(rng)
                rates = rng.choice(known, NUM_VIDEOS)
                # half of the machines are slower, by up to 30 %
                speeds = np.ones(num_gpus)
                speeds[::2] = rng.uniform(.7, 1, len(speeds[::2]))
                times = (frames * rates).tolist()
                pieces = split(frames, rates, recorded['decoding'])
                sums['ideal'] += sum(times) / speeds.sum()
                sums['static'] += static(times, speeds, rng, mtbf)
                sums['dynamic'] += dynamic(times, speeds, rng, mtbf)
                sums['split'] += dynamic(pieces, speeds, rng, mtbf)
            ideal = sums.pop('ideal')
            rows.append(
                dict(
                    num_gpus=num_gpus,
                    failures=failures,
                    hours=ideal / repeats / 3600,
                    **{
                        key: value / ideal
                        for key, value in sums.items()
                    }))
    return rows


def limits(recorded: Dict[str, Any]) -> List[Tuple[str, float, str]]:
    """What the GPUs together ask of the rest, each."""
    run = recorded['runs']['one'][0]
    frames = run['frames']
    rate = SPEED_UP * frames / sum(seconds for _, seconds in run['videos'])
    minutes = MEDIAN * np.exp(SPREAD**2 / 2) * 60 * FPS
    return [
        ('frames/s', rate, 'by the speed-up assumed'),
        ('cores that decode', rate / recorded['decoding'],
         f'{recorded["decoding"]:.0f} frames/s a core'),
        ('kB/s read', rate * recorded['video_bytes'] / frames / 1e3,
         'of these clips'),
        ('kB/s written', rate * recorded['result_bytes'] / frames / 1e3,
         'json'),
        ('statuses/s', rate / minutes, 'one a video, about 1 kB'),
    ]


def draw(rows: List[Dict[str, float]], path: Path) -> None:
    """The makespans by the number of GPUs."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(
        1, 2, figsize=(9, 3.4), sharey=True, layout='constrained')
    for axis, failures in zip(axes, (False, True)):
        chosen = [row for row in rows if row['failures'] == failures]
        for name in ('static', 'dynamic', 'split'):
            axis.plot([row['num_gpus'] for row in chosen],
                      [row[name] for row in chosen],
                      marker='o',
                      label=name)
        axis.set(
            xscale='log',
            yscale='log',
            xlabel='GPUs',
            title='with failures' if failures else 'without failures')
        axis.set_xticks(NUM_GPUS, [str(n) for n in NUM_GPUS])
        axis.set_yticks([1, 1.5, 2, 4, 8], ['1', '1.5', '2', '4', '8'])
        axis.minorticks_off()
        axis.grid(alpha=.3)
    axes[0].set_ylabel('makespan by the ideal')
    axes[0].legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--recorded', type=Path, required=True)
    parser.add_argument('--plot', type=Path)
    args = parser.parse_args()
    recorded = json.loads(args.recorded.read_text())
    rows = simulate(recorded)
    print('| GPUs | failures | ideal, h | static | dynamic | split |')
    print('|---|---|---|---|---|---|')
    for row in rows:
        print(f'| {row["num_gpus"]} | {"yes" if row["failures"] else "no"} | '
              f'{row["hours"]:.2f} | {row["static"]:.2f} | '
              f'{row["dynamic"]:.2f} | {row["split"]:.2f} |')
    print(f'\n| GPUs | {" | ".join(map(str, NUM_GPUS))} | |')
    print(f'|{"---|" * (len(NUM_GPUS) + 2)}')
    for name, value, note in limits(recorded):
        shown = ' | '.join(f'{value * n:.3g}' for n in NUM_GPUS)
        print(f'| {name} | {shown} | {note} |')
    if args.plot:
        draw(rows, args.plot)


if __name__ == '__main__':
    main()
