"""One process, two processes, and two actors of Ray's on forty short clips.

Each of the three runs on all clips, in turns. Frames a second are those from
when the first video is begun, which leaves the start out. One process computes
in as many threads as there are cores, two in half as many::

    python -m projects.many_videos.throughput --work-dir work_dirs/throughput

What each video took goes to ``--out``, which ``simulate.py`` reads.
"""
import argparse
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from mmpose_tdmi.apis import open_video
from .workload import ENGINES, command, environment, make_clips, start

NUM_CLIPS = 40


def measure(clips: Path, folder: Path, options: List[str]) -> Dict[str, Any]:
    """A run: its seconds as a whole, and from the first video's start to the
    last one's end; and what each video took."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begin = time.monotonic()
    process = start(
        command(clips, folder / 'out', '--no-video', *options), folder / 'log',
        environment())
    if process.wait(3600):
        raise SystemExit(f'failed, see {folder / "log"}')
    whole = time.monotonic() - begin
    paths = sorted(folder.glob('out/status/*.json'))
    statuses = [json.loads(path.read_text()) for path in paths]
    ends = [path.stat().st_mtime for path in paths]
    first = min(end - status['seconds'] for end, status in zip(ends, statuses))
    frames = sum(status['summary']['num_frames'] for status in statuses)
    return dict(
        whole=whole,
        working=max(ends) - first,
        frames=frames,
        videos=[[s['summary']['num_frames'], s['seconds']] for s in statuses])


def decoding(clips: Path) -> float:
    """Frames per second of reading alone."""
    begin, count = time.monotonic(), 0
    for path in sorted(clips.glob('*.mp4')):
        with open_video(path) as video:
            count += sum(1 for _ in video)
    return count / (time.monotonic() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', type=Path, required=True)
    parser.add_argument('--repeats', type=int, default=2)
    parser.add_argument('--out', type=Path, help='a json file of figures')
    args = parser.parse_args()
    folder = args.work_dir.resolve()
    lengths = np.random.default_rng(0).lognormal(np.log(16), .5, NUM_CLIPS)
    make_clips(folder / 'clips', lengths.astype(int).tolist())
    engines = dict(
        one=['--devices', 'cpu'],
        **{
            name: [*options]
            for name, options in ENGINES.items()
        })
    found: Dict[str, List[Dict[str, Any]]] = {name: [] for name in engines}
    for _ in range(args.repeats):
        for name, options in engines.items():
            found[name].append(
                measure(folder / 'clips', folder / name, options))
    rates = {
        name: max(run['frames'] / run['working'] for run in runs)
        for name, runs in found.items()
    }
    print('| workers | frames/s | ratio | start and end, s |')
    print('|---|---|---|---|')
    for name, runs in found.items():
        rest = min(run['whole'] - run['working'] for run in runs)
        print(f'| {name} | {rates[name]:.1f} | '
              f'{rates[name] / rates["one"]:.2f} | {rest:.1f} |')
    if args.out:
        args.out.write_text(
            re.sub(
                r'\[\s+(\d+),\s+([\d.]+)\s+\]', r'[\1, \2]',
                json.dumps(
                    dict(
                        decoding=decoding(folder / 'clips'),
                        result_bytes=sum(path.stat().st_size for path in (
                            folder / 'one/out/predictions').glob('*.json')),
                        video_bytes=sum(
                            path.stat().st_size
                            for path in (folder / 'clips').glob('*.mp4')),
                        runs=found),
                    indent=1)) + '\n')


if __name__ == '__main__':
    main()
