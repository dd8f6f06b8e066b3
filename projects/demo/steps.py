"""Run commands one after another, and continue where a broken run stopped.

A step is done when its marker file exists and names the same commands. The
marker is written after the last command of the step has succeeded, so an
interrupted step runs again (and its tools resume by themselves: trainings
from their last checkpoint, generation and detection from their last finished
piece).
"""
import json
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from mmpose_tdmi.utils.files import write_json

#: A command line, as given to :func:`subprocess.run`.
Command = Sequence[str]


class StepFailed(RuntimeError):
    """A command of a step ended with an error."""


@dataclass(frozen=True)
class Step:
    """One step of the demo.

    Args:
        name (str): Short identifier, also the marker's file name.
        title (str): What the user reads.
        commands (tuple[Command, ...]): Run in order.
    """
    name: str
    title: str
    commands: Tuple[Command, ...]

    def lines(self) -> List[str]:
        """The commands as one would type them."""
        return [shlex.join(command) for command in self.commands]


@dataclass(frozen=True)
class StepRecord:
    """What is known of a finished step.

    Args:
        step (Step): The step.
        seconds (float): Wall time of the run that finished it.
    """
    step: Step
    seconds: float


def run_steps(steps: Sequence[Step], folder: Path) -> List[StepRecord]:
    """Run the steps that are not done yet, one after another.

    Args:
        steps (Sequence[Step]): The steps, in order.
        folder (Path): Where markers and logs go.

    Returns:
        list[StepRecord]: One record a step.

    Raises:
        StepFailed: If a command fails (its log is named), or if the folder
            holds a step that was done with other commands.
    """
    records = []
    for step in steps:
        seconds = _done_in(step, folder)
        if seconds is None:
            seconds = _run(step, folder)
        else:
            print(f'{step.title}: done before', flush=True)
        records.append(StepRecord(step, seconds))
    return records


def run_lanes(lanes: Sequence[Sequence[Step]],
              folder: Path) -> List[StepRecord]:
    """Run several rows of steps side by side.

    Two trainings on a core each take less time than one after the other on
    two cores, since small convolutions gain little from a second thread.

    Args:
        lanes (Sequence[Sequence[Step]]): The rows.
        folder (Path): Where markers and logs go.

    Returns:
        list[StepRecord]: One record a step, row after row.

    Raises:
        StepFailed: As :func:`run_steps`, when all other rows have ended.
    """
    with ThreadPoolExecutor(len(lanes)) as pool:
        running = [pool.submit(run_steps, lane, folder) for lane in lanes]
    return [record for lane in running for record in lane.result()]


def _marker(step: Step, folder: Path) -> Path:
    return folder / 'steps' / f'{step.name}.json'


def _done_in(step: Step, folder: Path) -> Optional[float]:
    """Seconds the step took when it was done, None if it is not."""
    marker = _marker(step, folder)
    if not marker.is_file():
        return None
    content = json.loads(marker.read_text(encoding='utf-8'))
    if content['commands'] != step.lines():
        raise StepFailed(
            f'"{step.title}" was done in {folder} with other commands '
            f'({marker}); choose another folder or remove this one')
    return float(content['seconds'])


def _run(step: Step, folder: Path) -> float:
    log = folder / 'logs' / f'{step.name}.log'
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f'{step.title} ...', flush=True)
    begin = time.monotonic()
    with log.open('a', encoding='utf-8') as file:
        for command, line in zip(step.commands, step.lines()):
            print(f'    $ {line}', flush=True)
            file.write(f'$ {line}\n')
            file.flush()
            code = subprocess.run(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=_environment()).returncode
            if code:
                raise StepFailed(
                    f'"{step.title}" failed with exit status {code}:\n'
                    f'    {line}\nThe last lines of {log}:\n{_tail(log)}')
    seconds = time.monotonic() - begin
    write_json(
        _marker(step, folder),
        dict(commands=step.lines(), seconds=round(seconds, 1)))
    print(f'{step.title}: {seconds:.0f} s', flush=True)
    return seconds


def _environment() -> dict:
    """The environment of the commands: this Python's tools come first."""
    # one thread a process, and what waits holds no core: see run_lanes
    environment = {
        'OMP_NUM_THREADS': '1',
        'OMP_WAIT_POLICY': 'PASSIVE',
        **os.environ
    }
    tools = str(Path(sys.executable).parent)
    environment['PATH'] = os.pathsep.join([tools, environment['PATH']])
    return environment


def _tail(log: Path, lines: int = 15) -> str:
    text = log.read_text(encoding='utf-8', errors='replace')
    return '\n'.join('    ' + line for line in text.splitlines()[-lines:])
