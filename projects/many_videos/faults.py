"""What becomes of a run of many videos when something goes wrong.

Each fault is made while two workers, processes of this machine or actors of
Ray's, are at six videos. In the end every video but a poisoned one must have
been finished once, with the bytes that one process gives::

    python -m projects.many_videos.faults --work-dir work_dirs/faults

A hook in all processes notes which results they put in place, and has each
compute in one thread, by whose number the last digits differ. A full disk
needs the right to mount one.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from .workload import ENGINES, command, environment, make_clips, start

LENGTHS = (90, 75, 60, 50, 40, 30)
_HOOK = '''
import os, sys


def note(event, args):
    folder, name = os.path.split(str(args[1])) if event == 'os.rename' \
        else ('', '')
    if folder.endswith('/predictions'):
        with open(os.environ['NOTES'], 'a') as file:
            file.write(name + chr(10))
    elif event == 'open' and str(args[0]).endswith(
            f".{os.environ.get('POISON')}.partial/records.jsonl"):
        os.kill(os.getpid(), 9)


sys.addaudithook(note)
os.cpu_count = lambda: int(os.environ['WORKERS'])
'''


class Trial:
    """A run of the tool that something happens to."""

    def __init__(self, folder: Path, clips: Path, engine: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / 'hook').mkdir(parents=True)
        (folder / 'hook' / 'sitecustomize.py').write_text(_HOOK)
        self.folder, self.clips, self.out = folder, clips, folder / 'out'
        self.options = ['--no-video', '--formats', 'json', 'csv']
        self.options += ENGINES[engine]
        self.engine = engine
        self.variables = dict(
            environment(folder / 'hook'),
            NOTES=str(folder / 'notes'),
            WORKERS='2')

    def one_worker(self) -> None:
        """Have the tool start one worker only."""
        self.options[self.options.index('--workers') + 1] = '1'
        self.variables['WORKERS'] = '1'

    def start(self) -> 'subprocess.Popen[bytes]':
        """Start the tool."""
        return start(
            command(self.clips, self.out, *self.options), self.folder / 'log',
            self.variables)

    def end(self, process: 'subprocess.Popen[bytes]') -> int:
        """Wait for its end."""
        return process.wait(1800)

    def worker(self) -> int:
        """The id of a process that is in the midst of a video."""
        while True:
            time.sleep(.1)
            for journal in self.out.glob('predictions/.*/records.jsonl'):
                if journal.exists() and journal.stat().st_size > 4000:
                    for link in Path('/proc').glob('[0-9]*/fd/*'):
                        try:
                            if os.readlink(link) == str(journal):
                                return int(link.parts[2])
                        except OSError:
                            continue

    def judge(self, reference: Path) -> Dict[str, Any]:
        """What there is in the end."""
        notes = Counter((self.folder / 'notes').read_text().split())
        states: Dict[str, str] = {}
        tries = 0
        for path in sorted(self.out.glob('status/*.json')):
            status = json.loads(path.read_text())
            states[path.stem] = status['state']
            tries += status['attempts']
        files = [
            path.relative_to(self.out)
            for kind in ('predictions', 'visualizations')
            for path in sorted(self.out.glob(f'{kind}/clip*'))
        ]
        return dict(
            finished=sum(state == 'finished' for state in states.values()),
            failed=sum(state == 'failed' for state in states.values()),
            tries=tries,
            written_twice=sum(count > 1 for count in notes.values()),
            files=len(files),
            files_that_differ=sum(
                (self.out / path).read_bytes() != (reference /
                                                   path).read_bytes()
                for path in files))


def nothing(trial: Trial) -> List[int]:
    """none"""
    return [trial.end(trial.start())]


def worker_killed(trial: Trial) -> List[int]:
    """kill -9 of a worker in mid-video"""
    process = trial.start()
    os.kill(trial.worker(), signal.SIGKILL)
    return [trial.end(process)]


def driver_killed(trial: Trial) -> List[int]:
    """kill -9 of the driver, then the same again at once"""
    process = trial.start()
    trial.worker()
    process.kill()
    return [trial.end(process), trial.end(trial.start())]


def poison(trial: Trial) -> List[int]:
    """a video that kills each process that reads it"""
    trial.variables['POISON'] = 'clip02'
    return [trial.end(trial.start())]


def two_drivers(trial: Trial) -> List[int]:
    """two drivers at once, one worker each"""
    trial.one_worker()
    both = [trial.start(), trial.start()]
    return [trial.end(process) for process in both]


def full_disk(trial: Trial) -> List[int]:
    """a disk that is full, then has room"""
    tool = ' '.join(command(trial.clips, trial.out, *trial.options))
    small = trial.folder / 'small'
    small.mkdir()
    tool = tool.replace(str(trial.out), str(small / 'out'))
    script = (f'mount -t tmpfs -o size=300k tmpfs {small}; {tool}; echo '
              f'code $?; df {small}; mount -o remount,size=1g {small}; {tool};'
              f' code=$?; cp -r {small}/out {trial.out}; exit $code')
    process = start(['unshare', '-rm', 'sh', '-c', script],
                    trial.folder / 'log', trial.variables)
    last = trial.end(process)
    log = (trial.folder / 'log').read_text()
    return [int(code)
            for code in re.findall(r'^code (\d+)', log, re.M)] + [last]


def node_killed(trial: Trial) -> Optional[List[int]]:
    """kill -9 of all processes of one of two nodes"""
    if trial.engine != 'ray':
        return None
    from ray.cluster_utils import Cluster
    os.environ.update(trial.variables)
    cluster = Cluster(
        initialize_head=True,
        head_node_args=dict(num_cpus=1, object_store_memory=2**27))
    node = cluster.add_node(num_cpus=1, object_store_memory=2**27)
    trial.options += ['--address', cluster.address]
    try:
        process = trial.start()
        trial.worker()
        cluster.remove_node(node, allow_graceful=False)
        return [trial.end(process)]
    finally:
        cluster.shutdown()


FAULTS: List[Callable[[Trial], Optional[List[int]]]] = [
    nothing, worker_killed, driver_killed, node_killed, poison, full_disk,
    two_drivers
]


def table(rows: List[Dict[str, Any]]) -> str:
    """The outcomes as a table of Markdown."""
    lines = [
        '| fault | workers | exit codes | finished | failed | tries | written '
        'twice | files that differ | s |', '|---|---|---|---|---|---|---|---|'
        '---|'
    ]
    for row in rows:
        codes = ', '.join(map(str, row['codes']))
        lines.append(f'| {row["fault"]} | {row["engine"]} | {codes} | '
                     f'{row["finished"]} | {row["failed"]} | {row["tries"]} | '
                     f'{row["written_twice"]} | {row["files_that_differ"]} of '
                     f'{row["files"]} | {row["seconds"]} |')
    return '\n'.join(lines) + '\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', type=Path, required=True)
    parser.add_argument(
        '--faults', nargs='+', default=[fault.__name__ for fault in FAULTS])
    parser.add_argument('--engines', nargs='+', default=list(ENGINES))
    parser.add_argument('--out', type=Path, help='a json file of outcomes')
    args = parser.parse_args()
    folder = args.work_dir.resolve()
    clips, reference = folder / 'clips', folder / 'one_process' / 'out'
    if not clips.exists():
        make_clips(clips, LENGTHS)
        single = Trial(folder / 'one_process', clips, 'processes')
        single.one_worker()
        if nothing(single) != [0]:
            sys.exit(f'the reference failed, see {single.folder / "log"}')
    rows = []
    for fault in FAULTS:
        for engine in args.engines if fault.__name__ in args.faults else ():
            trial = Trial(folder / fault.__name__ / engine, clips, engine)
            start_time = time.monotonic()
            codes = fault(trial)
            if codes is None:
                continue
            rows.append(
                dict(
                    fault=fault.__doc__,
                    engine=engine,
                    codes=codes,
                    seconds=round(time.monotonic() - start_time),
                    **trial.judge(reference)))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(table(rows))
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
    main()
