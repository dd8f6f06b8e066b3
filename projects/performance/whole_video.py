#!/usr/bin/env python
"""A whole video, from the file to drawn frames: where the time goes.

``VideoPoseInferencer`` against ``MMPoseInferencer``: the same generated video,
detector, backbone and people, random weights, flip test equal on both sides,
every frame detected and drawn; ``--memory``: the peaks of a process for each,
with the most people, in place of times::

    python projects/performance/whole_video.py --model w32 --input 192 256
    python projects/performance/whole_video.py --memory \
--frame-size 1920 1080 --people 20

The detector does its work on every frame; its boxes are then exchanged for
those of so many people who move slowly. Decoding takes place in a thread of
its own on our side: of the time on the wall it is no part of the sum, of CPU
time (``--cpu-time``, one thread of torch's only) it is.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from mmdet.registry import MODELS as DETECTORS
from mmengine.hub import get_config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.utils.stages import StageTimes, stage
from mmpose_tdmi.utils.video import VideoWriter
from mmpose_tdmi.video.phases import RUNTIMES
from projects.performance.machine import describe_machine, peak_memory
from projects.performance.models import (MODEL_CONFIGS, build_random_model,
                                         resize_input, single_frame_config,
                                         tdmi_config)
from projects.performance.report import (Report, Table, add_out_argument,
                                         publish)
from projects.performance.stock_inferencer import StockInferencer, timed_call
from projects.performance.timing import (add_clock_argument, chosen_clock,
                                         clock_name)
from projects.synthetic.generator import make_scene
from projects.synthetic.settings import ClipSettings

STAGES = ('decode', 'detect', 'track', 'crop', 'backbone', 'neck_head',
          'keypoints', 'draw')


class Files(NamedTuple):
    """Configs and checkpoints on disk."""
    pose: Tuple[Path, Path]
    stock: Tuple[Path, Path]
    detector: Tuple[Path, Path]


def write_models(folder: Path, args: argparse.Namespace) -> Files:
    """Random models as files, which both inferencers want."""
    files = []
    configs = dict(
        pose=tdmi_config(args.model), stock=single_frame_config(args.model))
    for name, config in configs.items():
        resize_input(config, args.input)
        config.model.test_cfg.flip_test = args.flip_test
        model = build_random_model(config)
        files.append(_write(folder / name, config, model, model.dataset_meta))
    with DefaultScope.overwrite_default_scope('mmdet'):
        config = get_config(args.det_model)
        config.model.pop('init_cfg', None)
        config.model.backbone.pop('init_cfg', None)
        torch.manual_seed(0)
        model = DETECTORS.build(config.model)
        model.init_weights()
    classes = ['person'] + [f'class {i}' for i in range(1, 80)]
    files.append(
        _write(folder / 'detector', config, model, dict(CLASSES=classes)))
    return Files(*files)


def _write(stem: Path, config, model, meta: dict) -> Tuple[Path, Path]:
    paths = stem.with_suffix('.py'), stem.with_suffix('.pth')
    config.dump(paths[0])
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(dataset_meta=meta)),
        paths[1])
    return paths


def write_video(path: Path, args: argparse.Namespace) -> None:
    """A generated scene."""
    width, height = args.frame_size
    settings = ClipSettings.preset(
        'default', width=width, height=height, frames=args.frames)
    scene = make_scene(settings, 0, 'val', 0)
    with VideoWriter(path, 25) as writer:
        for frame in scene.frames():
            writer.write(frame.image)


def people(size: Sequence[int], num_persons: int, index: int) -> np.ndarray:
    """Boxes in a frame, (n, 4): people who move by half a pixel a frame."""
    width, height = size
    wide, high = height / 4.5, height * 0.6
    place = np.arange(num_persons)
    left = (30 + 93 * place) % (width - wide - 40) + 0.5 * index
    top = 60 + 11 * (place % 7)
    return np.stack([left, top, left + wide, top + high], 1)


class Ours:
    """VideoPoseInferencer with the same people."""

    def __init__(self, files: Files, args: argparse.Namespace) -> None:
        # the entry points come last: they import what the rest needs not
        from mmpose_tdmi.apis import PersonDetector, VideoPoseInferencer

        class Inferencer(VideoPoseInferencer):
            """With the drawing as a stage."""

            def _drawing(self, *args):
                draw = super()._drawing(*args)

                def timed_draw(*args):
                    with stage('draw'):
                        return draw(*args)

                return timed_draw

        self._inferencer = Inferencer(*files.pose, args.device)
        timed_call(self._inferencer.model.head, 'decode', 'keypoints')
        self._detector = PersonDetector(*files.detector, device=args.device)
        self._options = dict(mode=args.mode, backend=args.backend)

    def __call__(self, video: Path, boxes: Callable[[int], np.ndarray]) -> int:
        """Infer on a video; gives the number of poses."""

        def detect(index: int, frame: np.ndarray) -> np.ndarray:
            self._detector([frame])
            found = boxes(index)
            return np.column_stack([found, np.ones(len(found))])

        results = self._inferencer(
            str(video), boxes=detect, return_vis=True, **self._options)
        return sum(len(result.poses.persons) for result in results)


SYSTEMS: Dict[str, Callable] = {
    'MMPoseInferencer':
    lambda files, args: StockInferencer(*files.stock, *files.detector, args.
                                        device),
    'ours':
    Ours
}


def measure_memory(args: argparse.Namespace, argv: Sequence[str],
                   folder: Path) -> Tuple[List[list], Dict[str, float]]:
    """Rows of peaks, and values."""
    files = write_models(folder, args)
    write_video(folder / 'video.mp4', args)
    peaks = {}
    for name in SYSTEMS:
        done = subprocess.run([
            sys.executable, '-W', 'ignore', __file__, *argv, '--alone', name,
            *map(str, (folder, *files.pose, *files.stock, *files.detector))
        ],
                              stdout=subprocess.PIPE,
                              text=True,
                              check=True)
        peaks[name] = json.loads(done.stdout.splitlines()[-1])
    rows = [[
        max(args.people), peaks['ours'] / peaks['MMPoseInferencer'],
        *(peak / 1e6 for peak in peaks.values())
    ]]
    return rows, {f'memory, {rows[0][0]} people': rows[0][1]}


def run_alone(args: argparse.Namespace) -> None:
    """One system in this process; prints the peak of its memory, in bytes."""
    name, folder, *paths = args.alone
    files = Files(*((Path(a), Path(b))
                    for a, b in zip(paths[::2], paths[1::2])))
    system = SYSTEMS[name](files, args)
    system(
        Path(folder) / 'video.mp4',
        partial(people, args.frame_size, max(args.people)))
    print(json.dumps(peak_memory()))


def timed(run: Callable[[], int],
          args: argparse.Namespace) -> Tuple[Dict[str, float], float, int]:
    """Seconds by stage, in all, and the number of poses."""
    clock = chosen_clock(args)
    # each stage has its thread's time, or decoding would count others'
    stages = time.thread_time if args.cpu_time else clock
    with StageTimes(stages) as times:
        start = clock()
        num_poses = run()
        whole = clock() - start
    return times.seconds, whole, num_poses


def measure(args: argparse.Namespace,
            folder: Path) -> Tuple[List[list], List[list], Dict[str, float]]:
    """Rows of ratios and of milliseconds, and values."""
    files = write_models(folder, args)
    video = folder / 'video.mp4'
    write_video(video, args)
    systems = {name: make(files, args) for name, make in SYSTEMS.items()}
    for system in systems.values():  # warm up
        system(video, partial(people, args.frame_size, 1))
    ratios, details, values = [], [], {}
    for count in args.people:
        boxes = partial(people, args.frame_size, count)
        whole = {}
        for name, system in systems.items():
            spent, whole[name], poses = timed(lambda: system(video, boxes),
                                              args)
            if poses != count * args.frames:
                raise ValueError(f'{name} gave {poses} poses of '
                                 f'{count * args.frames}')
            beside = () if name != 'ours' or args.cpu_time else ('decode', )
            other = whole[name] - sum(
                value for key, value in spent.items() if key not in beside)
            details.append([
                count, name, *(1000 * spent.get(s, 0.) / args.frames
                               for s in STAGES),
                1000 * max(other, 0.) / args.frames,
                1000 * whole[name] / args.frames
            ])
        ratio = whole['ours'] / whole['MMPoseInferencer']
        ratios.append([
            count, ratio, 1000 * whole['ours'] / (count * args.frames),
            1000 * whole['MMPoseInferencer'] / (count * args.frames)
        ])
        values[f'ours / MMPoseInferencer, {count} people'] = ratio
    return ratios, details, values


def parse_args(args: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--model', choices=MODEL_CONFIGS, default='w32')
    parser.add_argument(
        '--input',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        default=[192, 256])
    parser.add_argument(
        '--det-model', default='mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py')
    parser.add_argument(
        '--people', type=int, nargs='+', default=[1, 3, 5, 10, 20])
    parser.add_argument('--frames', type=int, default=6)
    parser.add_argument(
        '--frame-size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        default=[1280, 720])
    parser.add_argument('--memory', action='store_true')
    parser.add_argument('--alone', nargs=8, help=argparse.SUPPRESS)
    parser.add_argument('--mode', default='offline')
    parser.add_argument('--backend', choices=RUNTIMES, default='pytorch')
    parser.add_argument('--flip-test', action='store_true')
    parser.add_argument('--device', default='cpu')
    add_clock_argument(parser)
    parser.add_argument(
        '--quick', action='store_true', help='little: whether it runs')
    add_out_argument(parser)
    args = parser.parse_args(args)
    if args.quick:
        args.input, args.people, args.frames = [64, 96], [1, 2], 3
    if args.cpu_time and torch.get_num_threads() > 1:
        parser.error('--cpu-time counts the thread that a stage is in: set '
                     'OMP_NUM_THREADS=1, torch has '
                     f'{torch.get_num_threads()} threads')
    return args


def main(argv: Optional[List[str]] = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    MMLogger.get_instance('mmengine').setLevel('ERROR')
    if args.alone:
        with DefaultScope.overwrite_default_scope('mmpose'):
            run_alone(args)
        return
    machine = describe_machine(args.device)
    clock = 'peak memory' if args.memory else clock_name(args)
    try:
        with tempfile.TemporaryDirectory() as folder, \
                DefaultScope.overwrite_default_scope('mmpose'):
            if args.memory:
                rows, values = measure_memory(args, argv, Path(folder))
                tables = [
                    Table([
                        'people', 'ours / MMPoseInferencer',
                        'MMPoseInferencer, MB', 'ours, MB'
                    ], rows)
                ]
            else:
                ratios, details, values = measure(args, Path(folder))
                tables = [
                    Table([
                        'people', 'ours / MMPoseInferencer',
                        'ours, ms a person-frame',
                        'MMPoseInferencer, ms a person-frame'
                    ], ratios),
                    Table(['people', 'system', *STAGES, 'other', 'in all'],
                          details, 'Milliseconds a frame, by stage')
                ]
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error
    width, height = args.input
    publish(
        Report(
            f'{args.model}, input {height}x{width}, video of '
            f'{args.frame_size[0]}x{args.frame_size[1]}, {args.frames} '
            f'frames, flip test {args.flip_test}, mode {args.mode}, '
            f'{args.det_model} on every frame, {args.device}, '
            f'{args.backend}, '
            f'{torch.get_num_threads()} thread(s), {clock}.', tables, values),
        args.out, argv, machine)


if __name__ == '__main__':
    main()
