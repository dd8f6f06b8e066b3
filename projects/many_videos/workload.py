"""Clips, and the tool that is run on them."""
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, Sequence

import cv2
import numpy as np

from mmpose_tdmi.utils.video import VideoWriter

ROOT = Path(__file__).resolve().parents[2]
_MODEL = ROOT / 'projects' / 'real_video'
#: How the two workers are had.
ENGINES = dict(
    processes=('--devices', 'cpu', '--workers', '2'),
    ray=('--launcher', 'ray', '--workers', '2', '--num-cpus', '1'))


def make_clips(folder: Path, lengths: Sequence[int], width: int = 320) -> None:
    """Videos of so many frames: a bright block that moves over noise."""
    folder.mkdir(parents=True, exist_ok=True)
    height = width * 3 // 4
    for number, length in enumerate(lengths):
        rng = np.random.default_rng(number)
        noise = rng.integers(30, 70, (height, width, 3), np.uint8)
        with VideoWriter(folder / f'clip{number:02d}.mp4', 25) as video:
            for i in range(length):
                frame = np.roll(noise, i, axis=1)
                x = int(width * (.4 + .3 * np.sin(i / 20 + number)))
                cv2.rectangle(frame, (x, height // 5),
                              (x + width // 6, height * 4 // 5),
                              (90, 140, 200), -1)
                video.write(frame)


def command(inputs: Path, out_dir: Path, *options: str) -> Sequence[str]:
    """The command line: a small single-frame model over whole images."""
    return [
        sys.executable,
        str(ROOT / 'tools' / 'infer_videos.py'),
        str(inputs), '--config',
        str(_MODEL / 'configs' / 'real-people_mobilenetv2_192x144.py'),
        '--checkpoint',
        str(_MODEL / 'weights' / 'real-people.pth'), '--det-config',
        'whole_image', '--out-dir',
        str(out_dir), *options
    ]


def environment(*folders: Path) -> Dict[str, str]:
    """The processes' variables: no GPU, threads that do not spin where others
    compute, and these folders before others of modules."""
    return dict(
        os.environ,
        CUDA_VISIBLE_DEVICES='',
        OMP_NUM_THREADS='1',
        OMP_WAIT_POLICY='PASSIVE',
        GOMP_SPINCOUNT='0',
        RAY_worker_niceness='0',
        PYTHONPATH=os.pathsep.join(map(str, (*folders, ROOT))))


def start(arguments: Sequence[str], log: Path,
          variables: Dict[str, str]) -> 'subprocess.Popen[bytes]':
    """Run a command in the background; what it says goes to a file."""
    with log.open('ab') as file:
        return subprocess.Popen(
            arguments, env=variables, stdout=file, stderr=file)
